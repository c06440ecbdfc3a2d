# What the workflows do on GitHub.

##@ On GitHub
# With the Python that is there: a job that has a token and a stranger's text installs nothing first.
.PHONY: upload-sarif
upload-sarif: ## Upload .build/*.sarif to code scanning (in a workflow only)
	@$(PYTHON3) -m tools.github.sarif .build/*.sarif

.PHONY: rules
rules: ## Apply branch rules and settings to the repository on GitHub (.github/rulesets; REPOSITORY=OWNER/NAME)
	@$(PYTHON3) -m tools.github.rules $(if $(REPOSITORY),--repository $(REPOSITORY))

.PHONY: comment
comment: ## Post the preview as a comment on its pull request (HEAD_OWNER= HEAD_BRANCH= HEAD_COMMIT=, from comment.yaml)
	@$(PYTHON3) -m tools.github.comment --repository "$$GITHUB_REPOSITORY" --head-owner "$$HEAD_OWNER" \
		--head-branch "$$HEAD_BRANCH" --head-commit "$$HEAD_COMMIT" "$$RUNNER_TEMP/comment/comment.md"

.PHONY: propose
propose: $(READY) .tools/cosign .tools/renderer ## Promote on a branch and open the pull request: FROM=dev TO=staging (IF_READY=1: a refusal is no failure)
	@$(PYTHON) -m tools.github.propose $(FROM_TO) $(if $(IF_READY),--if-ready)
