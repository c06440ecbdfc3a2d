# The linter as a package of its own, for any Kustomize repository: tools/package.

##@ Package (docs/gitops.md)
# PLATFORM= of the wheel is one of Go's names, such as darwin/arm64; without it, the wheel is for this machine.
RENDERER = $(if $(PLATFORM),.build/renderer/$(PLATFORM)/renderer,.tools/renderer)

.PHONY: package
package: $(READY) $(RENDERER) ## Build the wheel of the linter, with the renderer in it, into .build/wheels (PLATFORM=darwin/arm64)
	@cd tools/package && RENDERER="$(CURDIR)/$(RENDERER)" \
		"$(CURDIR)/$(PYTHON)" -m hatchling build --target wheel --directory "$(CURDIR)/.build/wheels"

.build/renderer/%/renderer: WORK := $(CURDIR)/tools/renderer/kyaml.work
.build/renderer/%/renderer: tools/go.mod tools/go.sum $(wildcard tools/renderer/*.go) .build/kyaml/.ready
	@mkdir -p $(@D) && GOOS=$(*D) GOARCH=$(*F) $(GO_BUILD) ./renderer && $(call DONE,the renderer for $*)

.PHONY: rule-pages
rule-pages: $(READY) .tools/kubeconform .tools/renderer ## Write the pages of the rules into docs/rules/, from gitops/rules/, and the schema of gitops.yaml
	@$(PYTHON) -m gitops.config_schema >gitops/gitops.schema.json
	@for rule in gitops/rules/*.yaml; do \
		name=$$(basename $$rule .yaml) && $(PYTHON) -m gitops check --explain $$name >docs/rules/$$name.md || exit 1; done

LINTER_IMAGE = $(REGISTRY)/$(dir $(IMAGE_PATH))kustomize-gitops:$(VERSION)
.PHONY: package-image
package-image: package ## Build the image of the linter from its wheel
	@DOCKER_BUILDKIT=1 docker build --file tools/package/Dockerfile --build-arg VERSION=$(VERSION) --tag $(LINTER_IMAGE) .build/wheels

# In a workflow that PyPI trusts (docs/releasing.md), or with UV_PUBLISH_TOKEN.
.PHONY: publish-package
publish-package: $(UV) ## Publish the wheels in .build/wheels on PyPI
	@$(UV) publish --trusted-publishing automatic .build/wheels/kustomize_gitops-$(VERSION)-*.whl
