# The targets of a day. `make` lists them; `make help-all` also lists those of make/*.mk. Each target first sets up what it needs.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON3 ?= python3
PORT    ?= 8888
DEMO    ?= 1
ENV     ?= dev

# An image is pushed to $(REGISTRY); the cluster may know that registry by another name.
REGISTRY         ?= localhost:5050
CLUSTER_REGISTRY ?= $(REGISTRY)
IMAGE_PATH       ?= slipway/slipway
VERSION          := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
REVISION         := $(shell git rev-parse HEAD 2>/dev/null)
IMAGE_TAG        ?= $(VERSION)-$(shell git describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null || echo unversioned)
IMAGE             = $(REGISTRY)/$(IMAGE_PATH):$(IMAGE_TAG)
INGRESS_URL      ?= http://127.0.0.1:8081

BIN    := .venv/bin
UV     := .tools/uv/bin/uv
READY  := .venv/.ready
NPM := .tools/node/bin/npm
RENOVATE := .tools/renovate/node_modules/.bin/renovate
BROWSER := .tools/browser/stamp
PEER := .tools/peer/stamp
# $(call NEEDED,PROGRAM,HOW TO GET IT): a recipe's first line, for a program that no target builds.
NEEDED = command -v $(1) >/dev/null || { echo "$(1) is not installed: $(2)" >&2; exit 1; }
PYTHON := $(BIN)/python
# The environments of a promotion.
FROM_TO = $(if $(and $(FROM),$(TO)),--from $(FROM) --to $(TO),$(error say FROM= and TO=, for instance: make $@ FROM=dev TO=staging))

# Let uv trust the machine's certificate authorities, as git and Go do: a company may have its own.
export UV_SYSTEM_CERTS := 1
# Push a plain image: Docker 29 would add a provenance attestation, and `make index` cannot join the image list that this makes.
export BUILDX_NO_DEFAULT_ATTESTATIONS := 1
export INGRESS_URL
# Programs of `make downloads` come before those of the machine.
export PATH := $(CURDIR)/.tools/bin:$(PATH)

LISTED = $(firstword $(MAKEFILE_LIST))
.PHONY: help
help: ## List the targets of a day
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(LISTED)

.PHONY: help-all
help-all: LISTED = $(MAKEFILE_LIST)
help-all: help ## List every target

##@ On a laptop
.PHONY: run
run: $(READY) ## Serve the API at http://127.0.0.1:8888 (PORT=) with a demo history in an embedded database (DEMO=0: an empty ledger)
	@exec $(PYTHON) -m tools.serve --port $(PORT) $(if $(filter 0,$(DEMO)),--without-demo)

.PHONY: test
# Even where the environment forbids compiled files: the tests start Python many times. Each worker runs whole files
# as long as it can, so that what these share is made once.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(READY) .tools/kustomize .tools/kubeconform .tools/gitleaks .tools/kube-score .tools/actionlint .tools/renderer .tools/helm .tools/k3d .tools/schemas/stamp ## Run the tests (ARGS= for pytest's own arguments)
	@$(BIN)/pytest -n auto --dist worksteal $(ARGS)

.PHONY: lint
lint: $(READY) .tools/actionlint ## Check style, types, workflows and file hygiene
	@$(BIN)/pre-commit run --all-files
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo --cache-dir .build/import-linter
	@.tools/actionlint
	@$(BIN)/zizmor --offline --persona auditor --strict-collection --quiet --no-progress .

.PHONY: format
format: $(READY) ## Format the Python files
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: doctor
doctor: $(READY) .tools/kustomize .tools/renderer ## Report which programs are installed, how to get the missing ones, and what is not configured yet
	@$(PYTHON) -m tools.setup.doctor

##@ Manifests
.PHONY: render
render: .tools/kustomize ## Print the rendered manifests of an overlay: make render ENV=dev
	@.tools/kustomize build k8s/overlays/$(ENV)

.PHONY: check
check: $(READY) .tools/renderer .tools/kubeconform .tools/schemas/stamp ## Find mistakes in the overlays, see docs/gitops.md (BASE=REF also compares immutable fields, ARGS=--help)
	@$(PYTHON) -m gitops check k8s --fail-on note $(if $(BASE),--base $(BASE)) $(ARGS)

.PHONY: diff
diff: $(READY) .tools/renderer ## Show what changes in the rendered overlays since BASE= (default: origin/main; ARGS='--format markdown')
	@$(PYTHON) -m gitops diff k8s $(if $(BASE),--base $(BASE)) $(ARGS) || [ $$? -eq 1 ] # to differ is no failure

.PHONY: promote
promote: $(READY) .tools/cosign .tools/renderer ## Copy the release of one environment to the next, if it is healthy: FROM=dev TO=staging (ARGS=--dry-run)
	@$(PYTHON) -m gitops promote k8s $(FROM_TO) $(ARGS)

##@ Cluster (the current kube context)
.PHONY: cluster
cluster: ## Start a K3d cluster with a registry (k3d.yaml; CHANNEL=latest for another release channel of K3s)
	@$(call NEEDED,k3d,make downloads NAMES=k3d (or https://k3d.io))
	@k3d cluster create --config k3d.yaml $(if $(CHANNEL),--image +$(CHANNEL))

.PHONY: deploy
deploy: reachable .tools/kustomize push ## Build and push the image, and roll it out to an environment by digest: make deploy ENV=dev
	@$(PYTHON) -m tools.cluster.deploy --env $(ENV) --image-name $(CLUSTER_REGISTRY)/$(IMAGE_PATH) \
		--tag $(IMAGE_TAG) --digest "$$(cat .build/digest)"

.PHONY: probe
probe: $(READY) .tools/kustomize ## Check /readyz through a port-forward and through the ingress
	@$(PYTHON) -m tools.cluster.probe --env $(ENV) --ingress-url $(INGRESS_URL)

# The other targets, in the order in which `make help-all` lists them.
include $(patsubst %,$(dir $(lastword $(MAKEFILE_LIST)))make/%.mk,develop manifests scan image release package cluster github setup)
