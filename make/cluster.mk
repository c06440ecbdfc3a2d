# Work on a cluster, and test on one.

##@ More on the cluster
.PHONY: cluster-down
cluster-down: ## Delete the K3d cluster and its registry
	@$(call NEEDED,k3d,make downloads NAMES=k3d (or https://k3d.io))
	@k3d cluster delete --config k3d.yaml

.PHONY: secrets
secrets: $(READY) .tools/kustomize ## Create an environment's Secrets once: a random admin token and database password (PASSWORD_FILE= for your own)
	@$(PYTHON) -m tools.cluster.secret --env $(ENV) $(if $(PASSWORD_FILE),--password-file "$(PASSWORD_FILE)")

.PHONY: reachable
reachable: $(READY)
	@$(PYTHON) -m tools.cluster.kube

.PHONY: revert
revert: $(READY) .tools/kustomize ## Roll out the manifests of an earlier release, with its image or DIGEST=: make revert ENV=staging TO=v0.1.0
	@$(PYTHON) -m tools.cluster.deploy --env $(ENV) --revision "$(TO)" \
		$(if $(DIGEST),--image-name $(CLUSTER_REGISTRY)/$(IMAGE_PATH) --digest $(DIGEST))

.PHONY: diagnose
diagnose: $(READY) ## Print events, pods, descriptions and logs of every namespace
	@$(PYTHON) -m tools.cluster.diagnose

.PHONY: e2e
e2e: ENV := dev
e2e: deploy probe chart .tools/cosign .tools/kubeconform .tools/oras ## Deploy and test dev, then test every overlay with rollouts, bad releases, a drain and load
	@IMAGE=$(IMAGE) IMAGE_NAME=$(CLUSTER_REGISTRY)/$(IMAGE_PATH) IMAGE_DIGEST="$$(cat .build/digest)" \
		IMAGE_TAG=$(IMAGE_TAG) REGISTRY=$(REGISTRY) $(BIN)/pytest -o addopts= -p no:cacheprovider -p no:randomly tests/e2e $(ARGS)

# The repository must be empty or one of an earlier run, and take pushes without a question.
.PHONY: controllers
controllers: reachable .tools/kustomize push ## Let the cluster's Argo CD deploy the overlays from GIT_URL= and notify a ledger on this machine (LEDGER_HOST=)
	@IMAGE=$(IMAGE) IMAGE_NAME=$(CLUSTER_REGISTRY)/$(IMAGE_PATH) IMAGE_DIGEST="$$(cat .build/digest)" GIT_URL=$(GIT_URL) \
		$(BIN)/pytest -o addopts= -p no:cacheprovider -p no:randomly -rs -x tests/controllers $(ARGS)
