# What the workflows do on GitHub.

##@ On GitHub, through gh
# With the Python that is there: a job that has a token and a stranger's text installs nothing first.
.PHONY: upload-sarif
upload-sarif: ## Show what .build/*.sarif tell in code scanning (in a job of a workflow only)
	@$(PYTHON3) -m tools.github.sarif .build/*.sarif

.PHONY: rules
rules: ## Give the repository on GitHub its branch rules and settings (.github/rulesets, tools/github/rules.py; REPOSITORY=OWNER/NAME)
	@$(PYTHON3) -m tools.github.rules $(if $(REPOSITORY),--repository $(REPOSITORY))

.PHONY: comment
comment: ## Put the text of a preview on its pull request; comment.yaml says of which (HEAD_OWNER= HEAD_BRANCH= HEAD_COMMIT=)
	@$(PYTHON3) -m tools.github.comment --repository "$$GITHUB_REPOSITORY" --head-owner "$$HEAD_OWNER" \
		--head-branch "$$HEAD_BRANCH" --head-commit "$$HEAD_COMMIT" "$$RUNNER_TEMP/comment/comment.md"

.PHONY: propose
propose: $(READY) .tools/cosign ## Promote in a branch of its own and open the pull request: FROM= TO= (IF_READY=1: a refusal is no failure)
	@$(if $(and $(FROM),$(TO)),,echo 'say FROM= and TO=, for instance: make propose FROM=dev TO=staging' >&2; exit 2)
	@$(PYTHON) -m tools.github.propose --from $(FROM) --to $(TO) $(if $(IF_READY),--if-ready)
