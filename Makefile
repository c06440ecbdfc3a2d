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
IMAGE_PATH       ?= slipway/slipway
VERSION          := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
REVISION         := $(shell git rev-parse HEAD 2>/dev/null)
IMAGE_TAG        ?= $(VERSION)-$(shell git describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null || echo unversioned)
IMAGE             = $(REGISTRY)/$(IMAGE_PATH):$(IMAGE_TAG)
INGRESS_URL      ?= http://127.0.0.1:8081

BIN    := .venv/bin
UV     := .tools/uv/bin/uv
READY  := .venv/.ready
CHECKOV := .tools/checkov/bin/checkov
NPM := .tools/node/bin/npm
RENOVATE := .tools/renovate/node_modules/.bin/renovate
ENVIRONMENTS := $(notdir $(wildcard k8s/overlays/*))
# $(call NEEDED,PROGRAM,HOW TO GET IT): a recipe's first line, for a program that no target builds.
NEEDED = command -v $(1) >/dev/null || { echo "$(1) is not installed: $(2)" >&2; exit 1; }
# `scan framework`, because a plain `scan` ignores the threshold. Nothing is submitted to anybody.
# The rules of one release, or the same overlay would pass one day and fail the next. v2.0.31 is the first whose files
# are kept; Renovate raises it.
KUBESCAPE_RULES := v2.0.38
KUBESCAPE := kubescape scan framework nsa,mitre --keep-local --controls-version $(KUBESCAPE_RULES)
TRIVY_PROGRAM = $(or $(TRIVY),trivy)
# One result, for GitHub's code scanning and for a person; that is the last, and fails if there is a finding.
TRIVY_REPORT = $(call NEEDED,$(TRIVY_PROGRAM),make downloads NAMES=trivy); $(TRIVY_PROGRAM) $(1) --quiet --severity HIGH,CRITICAL --format json --output .build/$(2).json $(3) \
	&& $(TRIVY_PROGRAM) convert --quiet --format sarif --output .build/$(2).sarif .build/$(2).json \
	&& $(TRIVY_PROGRAM) convert --quiet --format table --exit-code 1 .build/$(2).json
PYTHON := $(BIN)/python
# The pinned tools build with any Go that can fetch the one their go.mod asks for, whatever the
# environment says about toolchains and modules.
GO_BUILD = GOTOOLCHAIN=auto GOFLAGS= GOWORK=off go build -C $(dir $<) -mod=readonly -trimpath -o "$(CURDIR)/$@"

# uv trusts whom the machine trusts, as git and Go do: a company may have a certificate authority of its own.
export UV_SYSTEM_CERTS := 1
# An image and nothing beside it: Docker 29 would add a provenance, which makes a list that `make index` cannot join.
export BUILDX_NO_DEFAULT_ATTESTATIONS := 1
export FLASK_APP := api
export INGRESS_URL
# What `make downloads` installs is found before what the machine has.
export PATH := $(CURDIR)/.tools/bin:$(PATH)

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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
test: $(READY) .tools/kustomize .tools/kubeconform .tools/gitleaks .tools/kube-score .tools/actionlint .tools/renderer .tools/helm .tools/k3d .tools/schemas/stamp ## Run the tests (ARGS= for pytest's own arguments)
	@$(BIN)/pytest -n auto $(ARGS)

FUZZERS = $(shell grep -rlE '^(from|import) (hypothesis|schemathesis)|HYPOTHESIS_PROFILE' tests/api --include='test_*.py')
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
	@$(BIN)/lint-imports --no-logo --cache-dir .build/import-linter
	@.tools/actionlint
	@$(BIN)/zizmor --offline --persona auditor --strict-collection --quiet --no-progress .

.PHONY: renovate
renovate: $(READY) $(RENOVATE) ## See what Renovate makes of renovate.json5, without a network; Node comes from tools/node.txt (ARGS= for pytest's own)
	@$(BIN)/pytest -o addopts= -p no:cacheprovider tests/renovate $(ARGS)

.PHONY: bench
bench: $(READY) ## Time the API on ledgers of 10 thousand and 1 million deployments (about 15 minutes; ARGS=--help)
	@$(PYTHON) -m bench.ledger $(ARGS)

.PHONY: flood
flood: $(READY) ## Send a ledger 20,000 events while its database crashes, and account for each (about 5 minutes; ARGS=--help)
	@$(PYTHON) -m bench.flood $(ARGS)

.PHONY: format
format: $(READY) ## Rewrite the Python files in the project's style
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

# Renovate runs again what the first lines of each file say that made it, and understands `--option=value` only.
UV_COMPILE = $(UV) pip compile --quiet --universal --python-version=3.12 --generate-hashes $(if $(UPGRADE),--upgrade)
# A file that stays the same keeps its time, or the next target would set everything up again.
LOCK = mkdir -p .build && cp -p $(1) .build/lock && $(UV_COMPILE) $(3) --output-file=$(1) $(2) \
	&& { ! cmp -s .build/lock $(1) || touch -r .build/lock $(1); }
.PHONY: lock
lock: $(UV) ## Compile the requirements files from pyproject.toml (UPGRADE=1 takes the newest versions)
	@$(call LOCK,requirements.txt,pyproject.toml)
	@$(call LOCK,requirements-dev.txt,pyproject.toml,--constraint=requirements.txt --group=dev)
	@$(call LOCK,tools/uv.txt,tools/uv.in)
	@$(call LOCK,tools/checkov.txt,tools/checkov.in)
	@$(call LOCK,tools/node.txt,tools/node.in)

.PHONY: downloads
downloads: ## Put K3d, Kubescape and Trivy into .tools/bin, by checksum (Linux on amd64; NAMES= for some of them)
	@$(PYTHON3) -m tools.download $(NAMES)

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

.PHONY: pin
pin: $(READY) .tools/cosign ## Pin a published release in an environment: make pin ENV=dev TAG=1.2.3 DIGEST=sha256:… (ARGS=--dry-run)
	@$(PYTHON) -m gitops pin k8s --env $(ENV) --tag "$(TAG)" --digest "$(DIGEST)" $(ARGS)

.PHONY: promote
promote: $(READY) .tools/cosign ## Copy the release of one environment to the next, if it is healthy there: FROM= TO= (ARGS=--dry-run)
	@$(if $(and $(FROM),$(TO)),,echo 'say FROM= and TO=, for instance: make promote FROM=dev TO=staging' >&2; exit 2)
	@$(PYTHON) -m gitops promote k8s --from $(FROM) --to $(TO) $(ARGS)

.PHONY: rollback
rollback: $(READY) ## Pin the last good release that an environment had: ENV= (TO=VERSION, ARGS=--dry-run)
	@$(PYTHON) -m gitops rollback k8s --env $(ENV) $(if $(TO),--to $(TO)) $(ARGS)

.PHONY: declare
declare: $(READY) ## Tell a ledger what the overlays declare, after a merge: LEDGER_URL, LEDGER_TOKEN_FILE (ARGS=--dry-run)
	@$(PYTHON) -m gitops declare k8s $(ARGS)

.PHONY: status
status: $(READY) .tools/renderer ## Show whether what git declares is what runs: CONTEXT= for a cluster, LEDGER_URL for a ledger
	@$(PYTHON) -m gitops status k8s $(if $(CONTEXT),--context $(CONTEXT)) $(ARGS)

.PHONY: validate
validate: $(READY) .tools/kustomize .tools/renderer .tools/kubeconform .tools/schemas/stamp ## Check the overlays, and validate them and every component against the four newest Kubernetes minors, offline
	@$(PYTHON) -m gitops check k8s --skip schema
	@$(PYTHON) -m tools.validate

.PHONY: mutants
mutants: $(READY) .tools/renderer .tools/kubeconform .tools/schemas/stamp ## Break every name of the overlays by one letter, in turn, and see that `make check` finds it (a minute)
	@MUTANTS=all $(BIN)/pytest -q -s tests/gitops/test_mutants.py

.PHONY: init
init: $(READY) ## Make a fork your own: OWNER= on GitHub, HOST= of prod (slipway.acme.org); the other hosts follow
	@$(PYTHON) -m tools.init $(if $(OWNER),--owner "$(OWNER)") $(if $(HOST),--host "$(HOST)")

.PHONY: doctor
doctor: $(READY) .tools/kustomize .tools/renderer ## Say which programs are here, how to get those that are missing, and what `make init` and you have yet to set
	@$(PYTHON) -m gitops doctor; status=$$?; echo; $(PYTHON) -m tools.doctor && exit $$status

# Lint also refuses values that the schema does not allow: each environment's must be.
.PHONY: chart
chart: $(READY) .tools/kustomize .tools/renderer .tools/helm ## Write the Helm chart that k8s/ makes to .build/chart/slipway (docs/helm.md; RELEASE= for an image)
	@$(PYTHON) -m tools.chart $(if $(RELEASE),--image "$(RELEASE)")
	@for env in $(ENVIRONMENTS); do \
		.tools/helm lint --strict --quiet .build/chart/slipway --values .build/chart/slipway/values-$$env.yaml || exit; \
	done

.PHONY: scan
scan: $(READY) .tools/kustomize .tools/kube-score .tools/gitleaks $(CHECKOV) ## Scan overlays, files, commits, licences and the image of `make save`; k8s/exceptions.yaml excuses (REQUIRE_TRIVY=1)
	@$(PYTHON) -m tools.scan $(if $(filter 1,$(REQUIRE_TRIVY)),--require trivy)

.PHONY: rendered
rendered: .tools/kustomize
	@mkdir -p .build/overlays
	@for env in $(ENVIRONMENTS); do .tools/kustomize build k8s/overlays/$$env >.build/overlays/$$env.yaml || exit; done

.PHONY: scan-overlays
scan-overlays: rendered ## Fail if Trivy finds something HIGH or CRITICAL in a rendered overlay; .build/overlays.sarif tells it too
	@$(call TRIVY_REPORT,config --skip-check-update,overlays,.build/overlays)

.PHONY: kubescape
kubescape: rendered ## Hold every overlay to all of NSA and MITRE with Kubescape, which fetches its rules (make downloads)
	@$(call NEEDED,kubescape,make downloads NAMES=kubescape)
	@for env in $(ENVIRONMENTS); do \
		echo "kubescape: $$env"; $(KUBESCAPE) --compliance-threshold 100 .build/overlays/$$env.yaml || exit; \
	done

##@ Image
.PHONY: image
image: ## Build the image (DOCKER_BUILD_FLAGS= is passed on; IMAGE_TAR= loads what `make save` wrote instead)
ifdef IMAGE_TAR
	@echo "loading $(IMAGE)"
	@docker tag "$$(docker load --input $(IMAGE_TAR) | sed -n 's/^Loaded image: //p')" $(IMAGE)
else
	@echo "building $(IMAGE)"
	@DOCKER_BUILDKIT=1 docker build $(DOCKER_BUILD_FLAGS) \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --tag $(IMAGE) .
endif

.PHONY: push
push: image ## Push the image to REGISTRY= and note its digest in .build/
	@docker push $(IMAGE)
	@mkdir -p .build
	@docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' $(IMAGE) \
		| sed -n 's|^$(REGISTRY)/$(IMAGE_PATH)@||p' | tail -n 1 >.build/digest
	@echo "$(REGISTRY)/$(IMAGE_PATH):$(IMAGE_TAG)@$$(cat .build/digest)"

.PHONY: save
save: image ## Write the image, as it would be pushed, to .build/image.tar
	@mkdir -p .build && docker save --output .build/image.tar $(IMAGE)

# Where a workflow has brought the image of another job, that is the one.
.build/image.tar:
	@$(MAKE) save

.PHONY: scan-image
scan-image: .build/image.tar ## Fail if something in .build/image.tar that has a fix is HIGH or CRITICAL; .build/image.sarif tells it too
	@$(call TRIVY_REPORT,image --scanners vuln --ignore-unfixed,image,--input .build/image.tar)

# The overlays whose digest is zeros have no release yet.
.PHONY: scan-released
scan-released: rendered ## Scan the images that the overlays pin by digest, as faults are found in what was fine when it was built
	@grep --no-filename --only-matching 'image: .*@sha256:.*' .build/overlays/*.yaml | grep --invert-match '@sha256:0*$$' \
		| sort --unique | cut --delimiter ' ' --fields 2 >.build/released
	@[ -s .build/released ] || echo 'no overlay pins a release yet'
	@for image in $$(cat .build/released); do \
		echo "$$image"; $(call TRIVY_REPORT,image --scanners vuln --ignore-unfixed,released,"$$image") || exit; \
	done

##@ Release (docs/releasing.md)
# By hand or in a workflow, of the image that `make push` or `make index` noted, or DIGEST=.
RELEASED = $(REGISTRY)/$(IMAGE_PATH)@$(or $(DIGEST),$(shell cat .build/digest 2>/dev/null),$(NO_DIGEST))
NO_DIGEST = $(error say DIGEST=sha256:…, or push the image first: make push)
COSIGN   = $(PYTHON) -m tools.release.cosign --image "$(RELEASED)" $(if $(COSIGN_KEY),--key "$(COSIGN_KEY)")
ARCHITECTURES ?= amd64 arm64

.PHONY: prepare-release
prepare-release: $(READY) ## Set the version everywhere and give it its section of the changelog: VERSION=1.2.3
	@$(if $(filter command environment,$(origin VERSION)),,echo 'say VERSION=, newer than $(VERSION)' >&2; exit 2)
	@$(PYTHON) -m tools.release.prepare --version "$(VERSION)"

.PHONY: release-check
release-check: $(READY) ## Fail if a tag may not be released: TAG=v1.2.3 (MAIN=origin/main, OWNER= publishes)
	@$(PYTHON) -m tools.release.check --tag "$(TAG)" $(if $(MAIN),--main "$(MAIN)") $(if $(OWNER),--owner "$(OWNER)")

.PHONY: index
index: ## Join the images pushed with -ARCHITECTURE after their tags into one image, and note its digest in .build/
	@mkdir -p .build
	@docker manifest create $(INSECURE) $(IMAGE) $(ARCHITECTURES:%=$(IMAGE)-%)
	@docker manifest push $(INSECURE) --purge $(IMAGE) | tail -n 1 >.build/digest
	@echo "$(REGISTRY)/$(IMAGE_PATH):$(IMAGE_TAG)@$$(cat .build/digest)"
INSECURE = $(if $(filter localhost:% 127.0.0.1:%,$(REGISTRY)),--insecure)

.PHONY: sbom
sbom: $(READY) ## Write what is in the image to .build/sbom/, as CycloneDX and SPDX (needs Trivy)
	@$(PYTHON) -m tools.release.sbom --image $(IMAGE) --folder .build/sbom --name slipway-$(IMAGE_TAG)

.PHONY: sign
sign: $(READY) .tools/cosign ## Sign the released image and attest what is in .build/sbom/, as this workflow or with COSIGN_KEY=
	@$(COSIGN) sign $(addprefix --sbom ,$(wildcard .build/sbom/*.json))

.PHONY: verify
verify: $(READY) .tools/cosign ## Verify signature and SBOMs of the released image, by who released it or COSIGN_KEY= (ARGS=--without-sbom)
	@$(COSIGN) verify $(ARGS)

# The chart and the rendered overlays of a release name its image; they stand beside it, in charts/ and manifests/.
BESIDE           = $(REGISTRY)/$(dir $(IMAGE_PATH))
PLAIN_HTTP       = $(if $(INSECURE),--plain-http)
CHART_DIGEST     ?= $(shell cat .build/charts.digest 2>/dev/null)
MANIFESTS_DIGEST ?= $(shell cat .build/manifests.digest 2>/dev/null)
UNPUBLISHED      = $(error publish them first: make package publish-chart publish-manifests)
CHARTED          = $(BESIDE)charts/slipway@$(or $(CHART_DIGEST),$(UNPUBLISHED))
MANIFESTED       = $(BESIDE)manifests/slipway@$(or $(MANIFESTS_DIGEST),$(UNPUBLISHED))
# What a page names: of these, what was published.
NOTED = --image "$(RELEASED)" $(if $(CHART_DIGEST),--chart "$(CHARTED)") $(if $(MANIFESTS_DIGEST),--manifests "$(MANIFESTED)") \
	$(if $(filter false,$(ATTESTED)),--without-attestations)
PACKED = { [ -e .build/package/$(1) ] || { echo 'pack them first: make package' >&2; exit 2; }; }

.PHONY: package
package: RELEASE = $(subst @,:$(VERSION)@,$(RELEASED))
package: chart ## Pack the chart and the rendered overlays of the image that was published, or DIGEST=, in .build/package/
	@rm -rf .build/package && .tools/helm package .build/chart/slipway --destination .build/package
	@$(PYTHON) -m tools.release.manifests --image "$(RELEASE)" --into .build/package/manifests.tar.gz

.PHONY: publish-chart
publish-chart: .tools/helm ## Push the packed chart to REGISTRY= and note its digest in .build/
	@$(call PACKED,slipway-$(VERSION).tgz)
	@.tools/helm push $(PLAIN_HTTP) .build/package/slipway-$(VERSION).tgz oci://$(BESIDE)charts 2>&1 | tee .build/charts.pushed
	@sed -n 's/^Digest: *//p' .build/charts.pushed >.build/charts.digest && [ -s .build/charts.digest ]

# As both Argo CD and Flux take it, whose own client names the configuration so.
.PHONY: publish-manifests
publish-manifests: .tools/oras ## Push the packed manifests to REGISTRY= and note their digest in .build/
	@$(call PACKED,manifests.tar.gz) && echo '{}' >.build/package/config.json
	@cd .build/package && ../../.tools/oras push $(PLAIN_HTTP) --no-tty --format go-template='{{.digest}}' \
		--config config.json:application/vnd.cncf.flux.config.v1+json \
		--annotation org.opencontainers.image.created=$$(TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ) \
		--annotation org.opencontainers.image.revision=$(REVISION) \
		$(BESIDE)manifests/slipway:$(VERSION) manifests.tar.gz:application/vnd.oci.image.layer.v1.tar+gzip >../manifests.digest
	@cat .build/manifests.digest

.PHONY: sign-package
sign-package: $(READY) .tools/cosign ## Sign the chart and the manifests that were published, as the image
	@for artefact in "$(CHARTED)" "$(MANIFESTED)"; do \
		$(PYTHON) -m tools.release.cosign sign --image "$$artefact" $(if $(COSIGN_KEY),--key "$(COSIGN_KEY)") || exit; \
	done

.PHONY: verify-package
verify-package: $(READY) .tools/cosign ## Verify the signatures of the chart and the manifests, or of CHART_DIGEST= and MANIFESTS_DIGEST=
	@for artefact in "$(CHARTED)" "$(MANIFESTED)"; do \
		$(PYTHON) -m tools.release.cosign verify --without-sbom --image "$$artefact" \
			$(if $(COSIGN_KEY),--key "$(COSIGN_KEY)") || exit; \
	done

.PHONY: release-notes
release-notes: $(READY) ## Print what a release page says: the changelog's section, and how to verify each artefact
	@$(PYTHON) -m tools.release.notes $(NOTED)

.PHONY: release-page
release-page: $(READY) ## Publish that on GitHub, or complete the page, with what is in .build/sbom/: TAG=v1.2.3
	@$(PYTHON) -m tools.release.page --tag "$(TAG)" $(NOTED) $(wildcard .build/sbom/*.json)

.PHONY: deliver
deliver: $(READY) ## Commit what `make pin` changed, and open a pull request for it: TAG= (DELIVERY=push pushes it to MAIN=)
	@DELIVERY=$(DELIVERY) $(PYTHON) -m tools.release.deliver --tag "$(TAG)" $(if $(MAIN),--main "$(MAIN)")

.PHONY: rehearse
rehearse: $(READY) .tools/cosign .tools/kustomize .tools/renderer .tools/helm .tools/oras ## Release a version into REGISTRY= from a clone, signed with a key, and try to pass another image for it
	@REGISTRY=$(REGISTRY) $(BIN)/pytest -o addopts= -p no:cacheprovider -rs -v tests/e2e/test_release.py $(ARGS)

##@ Cluster (works on whatever kube context is current)
.PHONY: cluster
cluster: ## Start a K3d cluster with a registry (k3d.yaml; CHANNEL=latest for another Kubernetes, by a channel of K3s)
	@$(call NEEDED,k3d,make downloads NAMES=k3d (or https://k3d.io))
	@k3d cluster create --config k3d.yaml $(if $(CHANNEL),--image +$(CHANNEL))

.PHONY: cluster-down
cluster-down: ## Delete that cluster and its registry
	@$(call NEEDED,k3d,make downloads NAMES=k3d (or https://k3d.io))
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

# Below 100, because the roles and kubelets of K3s itself count as well; the namespaces left out are not ours.
.PHONY: kubescape-cluster
kubescape-cluster: reachable ## Hold the running cluster to NSA and MITRE with Kubescape
	@$(call NEEDED,kubescape,make downloads NAMES=kubescape)
	@$(KUBESCAPE) --compliance-threshold 75 --exclude-namespaces default,kube-node-lease,kube-public,kube-system

.PHONY: diagnose
diagnose: ## Print events, pods, descriptions and logs of every namespace, whatever of it there is
	@-kubectl get events --all-namespaces --sort-by=.lastTimestamp
	@-kubectl get all,ingress,persistentvolumeclaim --all-namespaces --output=wide
	@-kubectl describe pods --all-namespaces
	@kubectl get pods --all-namespaces --no-headers --output=custom-columns=:.metadata.namespace,:.metadata.name \
		| while read -r namespace pod; do \
			kubectl logs --namespace "$$namespace" --all-containers --prefix --tail=200 "$$pod" </dev/null || true; \
		done

.PHONY: e2e
e2e: ENV := dev
e2e: deploy probe chart .tools/cosign .tools/kubeconform .tools/oras ## Deploy dev and use it; then put every overlay through rollouts, bad releases, a drain and load
	@IMAGE=$(IMAGE) IMAGE_NAME=$(CLUSTER_REGISTRY)/$(IMAGE_PATH) IMAGE_DIGEST="$$(cat .build/digest)" \
		IMAGE_TAG=$(IMAGE_TAG) REGISTRY=$(REGISTRY) $(BIN)/pytest -o addopts= -p no:cacheprovider -p no:randomly tests/e2e $(ARGS)

# The repository must be empty or one of an earlier run, and take pushes without a question.
.PHONY: controllers
controllers: reachable .tools/kustomize push ## Have the cluster's Argo CD deploy the overlays from GIT_URL= and tell a ledger on this machine (LEDGER_HOST=)
	@IMAGE=$(IMAGE) IMAGE_NAME=$(CLUSTER_REGISTRY)/$(IMAGE_PATH) IMAGE_DIGEST="$$(cat .build/digest)" GIT_URL=$(GIT_URL) \
		$(BIN)/pytest -o addopts= -p no:cacheprovider -p no:randomly -rs -x tests/controllers $(ARGS)

##@ On GitHub, through gh
# With the Python that is there: a job that has a token and a stranger's text installs nothing first.
.PHONY: upload-sarif
upload-sarif: ## Show what .build/*.sarif tell in code scanning (in a job of a workflow only)
	@$(PYTHON3) -m tools.github.sarif .build/*.sarif

.PHONY: act
act: $(READY) .tools/act ## Run jobs of the workflows on this machine, on what is committed (JOBS= for some of them; docs/pipelines.md)
	@$(PYTHON) -m tools.act $(JOBS)

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

# Set-up, redone only when what it depends on changes; each step says how long it took.
DONE = echo "set-up: $(1), $$SECONDS s"

$(UV): tools/uv.txt tools/bootstrap.py
	@$(PYTHON3) tools/bootstrap.py .tools/uv tools/uv.txt && touch $@ && $(call DONE,uv)

$(READY): requirements-dev.txt .python-version $(UV)
	@$(UV) venv --quiet --clear .venv \
		&& $(UV) pip sync --quiet --compile-bytecode --require-hashes --python .venv requirements-dev.txt \
		&& touch $@ && $(call DONE,Python $$(cat .python-version) and its packages in .venv)

# checkov pins what the API needs otherwise, so it has an environment of its own.
$(CHECKOV): tools/checkov.txt .python-version $(UV)
	@$(UV) venv --quiet --clear .tools/checkov \
		&& $(UV) pip sync --quiet --compile-bytecode --require-hashes --python .tools/checkov tools/checkov.txt \
		&& touch $@ && $(call DONE,checkov and its packages in .tools/checkov)

$(NPM): tools/node.txt .python-version $(UV)
	@$(UV) venv --quiet --clear .tools/node \
		&& $(UV) pip sync --quiet --compile-bytecode --require-hashes --python .tools/node tools/node.txt \
		&& touch $@ && $(call DONE,Node in .tools/node)

# As the lock file says, without what is optional and would be compiled.
$(RENOVATE): tools/renovate/package-lock.json tools/renovate/package.json tools/renovate/.npmrc $(NPM)
	@mkdir -p .tools/renovate && cp tools/renovate/package*.json tools/renovate/.npmrc .tools/renovate \
		&& PATH="$(CURDIR)/$(dir $(NPM)):$$PATH" npm ci --prefix .tools/renovate --omit=optional --loglevel=error >/dev/null \
		&& touch $@ && $(call DONE,Renovate in .tools/renovate)

.tools/act: tools/act/go.mod tools/act/go.sum
	@command -v go >/dev/null || { echo "go is not installed: act is built from tools/act/go.mod" >&2; exit 1; }
	@mkdir -p .tools && GOTOOLCHAIN=auto GOFLAGS= GOWORK=off go build -C tools/act -mod=readonly -trimpath -o ../../$@ \
		$$(sed -n 's/^tool //p' tools/act/go.mod) && touch $@ && $(call DONE,act built from tools/act/go.mod)

.tools/schemas/stamp: tools/schemas.py $(READY)
	@$(PYTHON) -m tools.schemas && touch $@

.tools/actionlint:  PACKAGE := github.com/rhysd/actionlint/cmd/actionlint
.tools/kube-score:  PACKAGE := github.com/zegl/kube-score/cmd/kube-score
.tools/kubeconform: PACKAGE := github.com/yannh/kubeconform/cmd/kubeconform
.tools/kustomize:   PACKAGE := sigs.k8s.io/kustomize/kustomize/v5
.tools/renderer:    PACKAGE := ./renderer
.tools/cosign:      PACKAGE := github.com/sigstore/cosign/v3/cmd/cosign
# What a tool is built in is where its first prerequisite is.
.tools/cosign: tools/cosign/go.mod tools/cosign/go.sum
.tools/gitleaks:    PACKAGE := github.com/zricethezav/gitleaks/v8
.tools/gitleaks: tools/gitleaks/go.mod tools/gitleaks/go.sum
.tools/helm:        PACKAGE := helm.sh/helm/v4/cmd/helm
.tools/helm: tools/helm/go.mod tools/helm/go.sum
.tools/oras:        PACKAGE := oras.land/oras/cmd/oras
.tools/oras: tools/oras/go.mod tools/oras/go.sum
# For the tests; what `make cluster` calls is the released one, of `make downloads` or the PATH.
.tools/k3d:         PACKAGE := github.com/k3d-io/k3d/v5
.tools/k3d: tools/k3d/go.mod tools/k3d/go.sum
.tools/kustomize .tools/kubeconform .tools/kube-score .tools/actionlint .tools/renderer: tools/go.mod tools/go.sum
.tools/renderer: tools/renderer/main.go
.tools/cosign .tools/gitleaks .tools/helm .tools/k3d .tools/oras .tools/kustomize .tools/kubeconform .tools/kube-score .tools/actionlint .tools/renderer:
	@command -v go >/dev/null || { echo "go is not installed: $(@F) is built from $<" >&2; exit 1; }
	@mkdir -p .tools && $(GO_BUILD) $(PACKAGE) && touch $@ && $(call DONE,$(@F) built from $<)
