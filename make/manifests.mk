# The manifests below k8s/: validate, pin, roll back, compare, and write as a Helm chart.

##@ More on manifests
.PHONY: pin
pin: $(READY) .tools/cosign .tools/renderer ## Pin a published release in an environment: make pin ENV=dev TAG=1.2.3 DIGEST=sha256:… (ARGS=--dry-run)
	@$(PYTHON) -m gitops pin k8s --env $(ENV) --tag "$(TAG)" --digest "$(DIGEST)" $(ARGS)

.PHONY: rollback
rollback: $(READY) .tools/renderer ## Pin the last good release of an environment again: ENV=prod (TO=VERSION, ARGS=--dry-run)
	@$(PYTHON) -m gitops rollback k8s --env $(ENV) $(if $(TO),--to $(TO)) $(ARGS)

.PHONY: declare
declare: $(READY) ## Report to a ledger what the overlays declare, after a merge: LEDGER_URL, LEDGER_TOKEN_FILE (ARGS=--dry-run)
	@$(PYTHON) -m gitops declare k8s $(ARGS)

.PHONY: status
status: $(READY) .tools/renderer ## Compare what git declares with what runs: CONTEXT= for a cluster, LEDGER_URL for a ledger
	@$(PYTHON) -m gitops status k8s $(if $(CONTEXT),--context $(CONTEXT)) $(ARGS)

.PHONY: validate
validate: $(READY) .tools/renderer .tools/kubeconform .tools/schemas/stamp ## Check the overlays, and validate them and each component against the four newest Kubernetes minors, offline
	@$(PYTHON) -m gitops check k8s --fail-on note

.PHONY: mutants
mutants: $(READY) .tools/renderer .tools/kubeconform .tools/schemas/stamp ## Misspell each name in the overlays in turn, and check that `make check` finds it (a minute)
	@MUTANTS=all $(BIN)/pytest -q -s tests/gitops/test_mutants.py

.PHONY: chart
chart: $(READY) .tools/kustomize .tools/renderer .tools/helm ## Generate the Helm chart from k8s/ into .build/chart/slipway, and lint it (docs/helm.md; RELEASE= for an image)
	@$(PYTHON) -m tools.chart $(if $(RELEASE),--image "$(RELEASE)")
