# Set-up: a fork, the locked requirements, and how each tool is installed.

##@ Set-up
.PHONY: init
init: $(READY) ## Make a fork your own: OWNER= on GitHub, HOST= of prod (slipway.acme.org); the other hosts are derived from it
	@$(PYTHON) -m tools.setup.init $(if $(OWNER),--owner "$(OWNER)") $(if $(HOST),--host "$(HOST)")

.PHONY: lock
lock: $(UV) ## Compile the requirements files from pyproject.toml (UPGRADE=1 takes the newest versions)
	@$(PYTHON3) -m tools.setup.lock --uv $(UV) $(if $(UPGRADE),--upgrade)

.PHONY: downloads
downloads: ## Install K3d, Kubescape and Trivy into .tools/bin, by checksum (Linux on amd64; NAMES= for some of them)
	@$(PYTHON3) -m tools.setup.download $(NAMES)

# The pinned tools build with any Go that can fetch the one their go.mod asks for, whatever the
# environment says about toolchains and modules. Without C they run on any machine of their platform.
GO_BUILD = CGO_ENABLED=0 GOTOOLCHAIN=auto GOFLAGS= GOWORK="$(or $(WORK),off)" \
	go build -C $(dir $<) -mod=readonly -trimpath -ldflags="-s -w" -o "$(CURDIR)/$@"

# Set-up, redone only when what it depends on changes; each step says how long it took.
DONE = echo "set-up: $(1), $$SECONDS s"

$(UV): tools/uv.txt tools/setup/bootstrap.py
	@$(PYTHON3) tools/setup/bootstrap.py .tools/uv tools/uv.txt && touch $@ && $(call DONE,uv)

$(READY): requirements-dev.txt .python-version $(UV)
	@$(UV) venv --quiet --clear .venv \
		&& $(UV) pip sync --quiet --compile-bytecode --require-hashes --python .venv requirements-dev.txt \
		&& touch $@ && $(call DONE,Python $$(cat .python-version) and its packages in .venv)

$(NPM): tools/node.txt .python-version $(UV)
	@$(UV) venv --quiet --clear .tools/node \
		&& $(UV) pip sync --quiet --compile-bytecode --require-hashes --python .tools/node tools/node.txt \
		&& touch $@ && $(call DONE,Node in .tools/node)

# As the lock file says, without what is optional and would be compiled.
$(RENOVATE): tools/renovate/package-lock.json tools/renovate/package.json tools/renovate/.npmrc $(NPM)
	@mkdir -p .tools/renovate && cp tools/renovate/package*.json tools/renovate/.npmrc .tools/renovate \
		&& PATH="$(CURDIR)/$(dir $(NPM)):$$PATH" npm ci --prefix .tools/renovate --omit=optional --loglevel=error >/dev/null \
		&& touch $@ && $(call DONE,Renovate in .tools/renovate)

# What drives a browser and what looks at its pages; the browser itself is the machine's.
$(BROWSER): tools/browser.txt tools/browser/package-lock.json tools/browser/package.json tools/browser/.npmrc $(NPM) $(READY)
	@rm -rf .tools/browser && mkdir -p .tools/browser && cp tools/browser/package*.json tools/browser/.npmrc .tools/browser \
		&& $(UV) pip install --quiet --require-hashes --target .tools/browser/python --python .venv --requirements tools/browser.txt \
		&& PATH="$(CURDIR)/$(dir $(NPM)):$$PATH" npm ci --prefix .tools/browser --loglevel=error >/dev/null \
		&& touch $@ && $(call DONE,Playwright and axe in .tools/browser)

# The peer of `make bench`, whose packages are never among the project's.
$(PEER): tools/peer.txt .python-version $(UV)
	@$(UV) venv --quiet --clear .tools/peer \
		&& $(UV) pip sync --quiet --compile-bytecode --require-hashes --python .tools/peer tools/peer.txt \
		&& touch $@ && $(call DONE,FastAPI in .tools/peer)

.tools/schemas/stamp: tools/setup/schemas.py $(READY)
	@$(PYTHON) -m tools.setup.schemas && touch $@

# The library of the version that go.mod pins, with a patch: where that no longer fits, the build ends. Git is told to look for
# no repository, or it would take the paths of the patch for those of this one.
.build/kyaml/.ready: KYAML := sigs.k8s.io/kustomize/kyaml
.build/kyaml/.ready: tools/go.mod tools/renderer/kyaml.patch tools/renderer/kyaml.work
	@$(call NEEDED,go,the renderer is built from $<)
	@rm -rf $(@D) && mkdir -p $(dir $(@D)) && export GOTOOLCHAIN=auto GOFLAGS= GOWORK=off \
		&& go mod download -C tools $(KYAML) && cp -R "$$(go list -C tools -m -f '{{.Dir}}' $(KYAML))" $(@D) && chmod -R u+w $(@D) \
		&& cd $(@D) && GIT_CEILING_DIRECTORIES="$(CURDIR)/.build" git apply "$(CURDIR)/tools/renderer/kyaml.patch" && touch $(@F)

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
.tools/renderer: WORK := $(CURDIR)/tools/renderer/kyaml.work
.tools/renderer: $(wildcard tools/renderer/*.go) .build/kyaml/.ready
.tools/cosign .tools/gitleaks .tools/helm .tools/k3d .tools/oras .tools/kustomize .tools/kubeconform .tools/kube-score .tools/actionlint .tools/renderer:
	@$(call NEEDED,go,$(@F) is built from $<)
	@mkdir -p .tools && $(GO_BUILD) $(PACKAGE) && touch $@ && $(call DONE,$(@F) built from $<)
