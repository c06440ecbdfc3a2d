# Every task of a person's day. `make` alone lists them; set-up is part of each target and is done once.

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
IMAGE_PATH       := slipway/slipway
VERSION          := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
REVISION         := $(shell git rev-parse HEAD 2>/dev/null)
IMAGE_TAG        ?= $(VERSION)-$(shell git describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null || echo unversioned)
IMAGE             = $(REGISTRY)/$(IMAGE_PATH):$(IMAGE_TAG)
INGRESS_URL      ?= http://127.0.0.1:8081

BIN    := .venv/bin
UV     := .tools/uv/bin/uv
READY  := .venv/.ready
CHECKOV := .tools/checkov/bin/checkov
PYTHON := $(BIN)/python
# The pinned tools build with any Go that can fetch the one tools/go.mod asks for, whatever the
# environment says about toolchains and modules.
GO_BUILD := GOTOOLCHAIN=auto GOFLAGS= GOWORK=off go build -C tools -mod=readonly -trimpath -o ../.tools/

# uv trusts whom the machine trusts, as git and Go do: a company may have a certificate authority of its own.
export UV_SYSTEM_CERTS := 1
export FLASK_APP := api
export INGRESS_URL

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ On a laptop
ADMIN_TOKEN := .data/admin-token
# A setting as an assignment, unless the user has set it, in the environment or in .env.
DEFAULT = $(if $($(1))$(shell grep -sE '^(export +)?$(1) *=' .env),,$(1)=$(2))
.PHONY: run
run: $(READY) ## Serve the API at http://127.0.0.1:8888 (PORT=) on an embedded database; DEMO=0 for an empty ledger
	@$(BIN)/flask ledger migrate
	@[ "$(DEMO)" = 0 ] || $(BIN)/flask ledger demo
	@$(if $(call DEFAULT,SLIPWAY_ADMIN_TOKEN_FILE,$(ADMIN_TOKEN)),$(BIN)/flask tokens bootstrap $(ADMIN_TOKEN))
	@exec env $(call DEFAULT,SLIPWAY_ADMIN_TOKEN_FILE,$(ADMIN_TOKEN)) $(call DEFAULT,SLIPWAY_PUBLIC_READ,true) \
		$(BIN)/gunicorn --bind 127.0.0.1:$(PORT) api:application

.PHONY: test
test: $(READY) .tools/kustomize .tools/kubeconform .tools/kube-score .tools/renderer ## Run the tests (ARGS= for pytest's own arguments)
	@$(BIN)/pytest -n auto $(ARGS)

FUZZERS = $(shell grep -lE '^(from|import) (hypothesis|schemathesis)' tests/api/test_*.py)
.PHONY: fuzz
fuzz: $(READY) ## Let schemathesis and Hypothesis look for new examples (about an hour; ARGS= for pytest's own arguments)
	@HYPOTHESIS_PROFILE=long $(BIN)/pytest $(FUZZERS) $(ARGS)

.PHONY: examples
examples: $(READY) ## Run the examples in README.md and docs/api.md and write their answers anew
	@$(PYTHON) -m tests.examples --write

.PHONY: lint
lint: $(READY) .tools/actionlint ## Check style, types, workflows and the files' hygiene
	@$(BIN)/pre-commit run --all-files
	@$(BIN)/mypy
	@.tools/actionlint

.PHONY: bench
bench: $(READY) ## Time the API on ledgers of 10 thousand and 1 million deployments (about 15 minutes; ARGS=--help)
	@$(PYTHON) -m bench.ledger $(ARGS)

.PHONY: format
format: $(READY) ## Rewrite the Python files in the project's style
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

UV_COMPILE = $(UV) pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-annotate \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
# A file that stays the same keeps its time, or the next target would set everything up again.
LOCK = mkdir -p .build && cp $(2) .build/lock && $(UV_COMPILE) $(1) -o .build/lock \
	&& { cmp -s .build/lock $(2) || cp .build/lock $(2); }
.PHONY: lock
lock: $(UV) ## Compile the requirements files from pyproject.toml (UPGRADE=1 takes the newest versions)
	@$(call LOCK,pyproject.toml,requirements.txt)
	@$(call LOCK,--group dev -c requirements.txt,requirements-dev.txt)
	@$(call LOCK,tools/uv.in,tools/uv.txt)
	@$(call LOCK,tools/checkov.in,tools/checkov.txt)

.PHONY: clean
clean: ## Remove everything the targets made, the embedded database in .data/ excepted
	@rm -rf .venv .tools .build .mypy_cache .ruff_cache .pytest_cache
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

##@ Manifests
.PHONY: render
render: .tools/kustomize ## Print what an overlay renders to: make render ENV=dev
	@.tools/kustomize build k8s/overlays/$(ENV)

.PHONY: check
check: $(READY) .tools/renderer .tools/kubeconform .tools/schemas/stamp ## Find what is wrong in the overlays: docs/gitops.md (BASE=REF compares immutable fields, ARGS=--help)
	@$(PYTHON) -m gitops check k8s $(if $(BASE),--base $(BASE)) $(ARGS)

.PHONY: diff
diff: $(READY) .tools/renderer ## Show what the overlays render to now and did not at BASE= (origin/main by default; ARGS='--format markdown')
	@$(PYTHON) -m gitops diff k8s $(if $(BASE),--base $(BASE)) $(ARGS) || [ $$? -eq 1 ] # to differ is no failure

.PHONY: promote
promote: $(READY) ## Copy the release of one environment to the next, if it is healthy there: FROM= TO= (ARGS=--dry-run)
	@$(if $(and $(FROM),$(TO)),,echo 'say FROM= and TO=, for instance: make promote FROM=dev TO=staging' >&2; exit 2)
	@$(PYTHON) -m gitops promote k8s --from $(FROM) --to $(TO) $(ARGS)

.PHONY: rollback
rollback: $(READY) ## Pin the last good release that an environment had: ENV= (TO=VERSION, ARGS=--dry-run)
	@$(PYTHON) -m gitops rollback k8s --env $(ENV) $(if $(TO),--to $(TO)) $(ARGS)

.PHONY: status
status: $(READY) .tools/renderer ## Show whether what git declares is what runs: CONTEXT= for a cluster, LEDGER_URL for a ledger
	@$(PYTHON) -m gitops status k8s $(if $(CONTEXT),--context $(CONTEXT)) $(ARGS)

.PHONY: validate
validate: $(READY) .tools/kustomize .tools/renderer .tools/kubeconform ## Check the overlays, and validate them and every component against the four newest Kubernetes minors, offline
	@$(PYTHON) -m gitops check k8s --skip schema
	@$(PYTHON) -m tools.validate

.PHONY: mutants
mutants: $(READY) .tools/renderer .tools/kubeconform ## Break every name of the overlays by one letter, in turn, and see that `make check` finds it (a minute)
	@MUTANTS=all $(BIN)/pytest -q -s tests/gitops/test_mutants.py

.PHONY: doctor
doctor: $(READY) ## Say which programs are here, which versions, and how to get those that are missing
	@$(PYTHON) -m gitops doctor

.PHONY: scan
scan: $(READY) .tools/kustomize .tools/kube-score $(CHECKOV) ## Scan overlays, image and workflows; k8s/exceptions.yaml excuses (REQUIRE_TRIVY=1, TRIVY=)
	@$(PYTHON) -m tools.scan $(if $(filter 1,$(REQUIRE_TRIVY)),--require trivy)

##@ Image
.PHONY: image
image: ## Build the image (DOCKER_BUILD_FLAGS= is passed on)
	@echo "building $(IMAGE)"
	@DOCKER_BUILDKIT=1 docker build $(DOCKER_BUILD_FLAGS) \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --tag $(IMAGE) .

.PHONY: push
push: image ## Push the image to REGISTRY= and note its digest in .build/
	@docker push $(IMAGE)
	@mkdir -p .build
	@docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' $(IMAGE) \
		| sed -n 's|^$(REGISTRY)/$(IMAGE_PATH)@||p' | tail -n 1 >.build/digest
	@echo "$(REGISTRY)/$(IMAGE_PATH):$(IMAGE_TAG)@$$(cat .build/digest)"

##@ Cluster (works on whatever kube context is current)
.PHONY: cluster
cluster: ## Start a K3d cluster with a registry (k3d.yaml)
	@command -v k3d >/dev/null || { echo "k3d is not installed: see https://k3d.io" >&2; exit 1; }
	@k3d cluster create --config k3d.yaml

.PHONY: cluster-down
cluster-down: ## Delete that cluster and its registry
	@command -v k3d >/dev/null || { echo "k3d is not installed: see https://k3d.io" >&2; exit 1; }
	@k3d cluster delete --config k3d.yaml

.PHONY: secrets
secrets: $(READY) .tools/kustomize ## Create an environment's Secrets once: a random admin token and database password (PASSWORD_FILE= for your own)
	@$(PYTHON) -m tools.secret --env $(ENV) $(if $(PASSWORD_FILE),--password-file "$(PASSWORD_FILE)")

.PHONY: reachable
reachable: $(READY)
	@$(PYTHON) -m tools.kube

.PHONY: deploy
deploy: reachable .tools/kustomize push ## Build, push and roll out an environment with the digest just pushed: make deploy ENV=dev
	@$(PYTHON) -m tools.deploy --env $(ENV) --image-name $(CLUSTER_REGISTRY)/$(IMAGE_PATH) \
		--tag $(IMAGE_TAG) --digest "$$(cat .build/digest)"

.PHONY: revert
revert: $(READY) .tools/kustomize ## Roll out an earlier release's manifests, with its image or DIGEST=: make revert ENV=staging TO=v0.1.0
	@$(PYTHON) -m tools.deploy --env $(ENV) --revision "$(TO)" \
		$(if $(DIGEST),--image-name $(CLUSTER_REGISTRY)/$(IMAGE_PATH) --digest $(DIGEST))

.PHONY: probe
probe: $(READY) .tools/kustomize ## Check /readyz through a port-forward, then through the ingress
	@$(PYTHON) -m tools.probe --env $(ENV) --ingress-url $(INGRESS_URL)

.PHONY: e2e
e2e: ENV := dev
e2e: deploy probe ## Deploy dev and use it; then put every overlay through rollouts, bad releases, a drain and load
	@IMAGE=$(IMAGE) IMAGE_NAME=$(CLUSTER_REGISTRY)/$(IMAGE_PATH) IMAGE_DIGEST="$$(cat .build/digest)" \
		IMAGE_TAG=$(IMAGE_TAG) $(BIN)/pytest -o addopts= -p no:cacheprovider -p no:randomly tests/e2e $(ARGS)

# Set-up, redone only when what it depends on changes; each step says how long it took.
DONE = echo "set-up: $(1), $$SECONDS s"

$(UV): tools/uv.txt tools/bootstrap.py
	@$(PYTHON3) tools/bootstrap.py .tools/uv tools/uv.txt && touch $@ && $(call DONE,uv)

$(READY): requirements.txt requirements-dev.txt .python-version $(UV)
	@$(UV) venv --quiet --clear .venv \
		&& $(UV) pip sync --quiet --compile-bytecode --require-hashes --python .venv requirements.txt requirements-dev.txt \
		&& touch $@ && $(call DONE,Python $$(cat .python-version) and its packages in .venv)

# checkov pins what the API needs otherwise, so it has an environment of its own.
$(CHECKOV): tools/checkov.txt .python-version $(UV)
	@$(UV) venv --quiet --clear .tools/checkov \
		&& $(UV) pip sync --quiet --compile-bytecode --require-hashes --python .tools/checkov tools/checkov.txt \
		&& touch $@ && $(call DONE,checkov and its packages in .tools/checkov)

.tools/schemas/stamp: tools/schemas.py $(READY)
	@$(PYTHON) -m tools.schemas && touch $@

.tools/actionlint:  PACKAGE := github.com/rhysd/actionlint/cmd/actionlint
.tools/kube-score:  PACKAGE := github.com/zegl/kube-score/cmd/kube-score
.tools/kubeconform: PACKAGE := github.com/yannh/kubeconform/cmd/kubeconform
.tools/kustomize:   PACKAGE := sigs.k8s.io/kustomize/kustomize/v5
.tools/renderer:    PACKAGE := ./renderer
.tools/renderer: tools/renderer/main.go
.tools/kustomize .tools/kubeconform .tools/kube-score .tools/actionlint .tools/renderer: tools/go.mod tools/go.sum
	@command -v go >/dev/null || { echo "go is not installed: $(@F) is built from tools/go.mod" >&2; exit 1; }
	@mkdir -p .tools && $(GO_BUILD) $(PACKAGE) && touch $@ && $(call DONE,$(@F) built from tools/go.mod)
