# Publish a release: image, SBOMs, signatures, chart, manifests, release page.

##@ Release (docs/releasing.md)
# By hand or in a workflow, for the image whose digest `make push` or `make index` wrote, or DIGEST=.
RELEASED = $(REGISTRY)/$(IMAGE_PATH)@$(or $(DIGEST),$(shell cat .build/digest 2>/dev/null),$(NO_DIGEST))
NO_DIGEST = $(error say DIGEST=sha256:…, or push the image first: make push)
COSIGN   = $(PYTHON) -m tools.release.cosign --image "$(RELEASED)" $(if $(COSIGN_KEY),--key "$(COSIGN_KEY)")
ARCHITECTURES ?= amd64 arm64

.PHONY: prepare-release
prepare-release: $(READY) ## Set the version everywhere and start its section of the changelog: VERSION=1.2.3
	@$(PYTHON) -m tools.release.prepare --version "$(if $(filter command environment,$(origin VERSION)),$(VERSION),$(NO_VERSION))"
NO_VERSION = $(error say VERSION=, newer than $(VERSION))

.PHONY: release-check
release-check: $(READY) ## Fail if a tag must not be released: TAG=v1.2.3 (MAIN=origin/main, OWNER= of the image)
	@$(PYTHON) -m tools.release.check --tag "$(TAG)" $(if $(MAIN),--main "$(MAIN)") $(if $(OWNER),--owner "$(OWNER)")

.PHONY: index
index: ## Join the images of all ARCHITECTURES into one, and write its digest to .build/digest
	@mkdir -p .build
	@docker manifest create $(INSECURE) $(IMAGE) $(ARCHITECTURES:%=$(IMAGE)-%)
	@docker manifest push $(INSECURE) --purge $(IMAGE) | tail -n 1 >.build/digest
	@echo "$(REGISTRY)/$(IMAGE_PATH):$(IMAGE_TAG)@$$(cat .build/digest)"
INSECURE = $(if $(filter localhost:% 127.0.0.1:%,$(REGISTRY)),--insecure)

.PHONY: sbom
sbom: $(READY) ## Write the SBOMs of the image to .build/sbom/, as CycloneDX and SPDX (needs Trivy)
	@$(PYTHON) -m tools.release.sbom --image $(IMAGE) --folder .build/sbom --name slipway-$(IMAGE_TAG)

.PHONY: sign
sign: $(READY) .tools/cosign ## Sign the released image and attest the SBOMs in .build/sbom/, with the workflow's identity or COSIGN_KEY=
	@$(COSIGN) sign $(addprefix --sbom ,$(wildcard .build/sbom/*.json))

.PHONY: verify
verify: $(READY) .tools/cosign ## Verify signature and SBOMs of the released image, by the workflow's identity or COSIGN_KEY= (ARGS=--without-sbom)
	@$(COSIGN) verify $(ARGS)

# The chart and the rendered overlays of a release name its image; they are pushed next to it, to charts/ and manifests/.
BESIDE           = $(REGISTRY)/$(dir $(IMAGE_PATH))
PLAIN_HTTP       = $(if $(INSECURE),--plain-http)
CHART_DIGEST     ?= $(shell cat .build/charts.digest 2>/dev/null)
MANIFESTS_DIGEST ?= $(shell cat .build/manifests.digest 2>/dev/null)
UNPUBLISHED      = $(error publish them first: make pack publish-chart publish-manifests)
CHARTED          = $(BESIDE)charts/slipway@$(or $(CHART_DIGEST),$(UNPUBLISHED))
MANIFESTED       = $(BESIDE)manifests/slipway@$(or $(MANIFESTS_DIGEST),$(UNPUBLISHED))
# The artefacts that the release page names, if they were published.
NOTED = --image "$(RELEASED)" $(if $(CHART_DIGEST),--chart "$(CHARTED)") $(if $(MANIFESTS_DIGEST),--manifests "$(MANIFESTED)") \
	$(if $(filter false,$(ATTESTED)),--without-attestations) $(if $(filter true,$(PYPI)),--linter)

.PHONY: pack
pack: RELEASE = $(subst @,:$(VERSION)@,$(RELEASED))
pack: chart ## Pack the chart and the rendered overlays of the published image, or DIGEST=, into .build/packed/
	@rm -rf .build/packed && .tools/helm package .build/chart/slipway --destination .build/packed
	@$(PYTHON) -m tools.release.manifests --image "$(RELEASE)" --into .build/packed/manifests.tar.gz

PUBLISH = $(PYTHON) -m tools.release.publish --registry $(BESIDE) --version $(VERSION) $(PLAIN_HTTP)

.PHONY: publish-chart
publish-chart: $(READY) .tools/helm .tools/oras ## Push the packed chart to REGISTRY= and write its digest to .build/
	@$(PUBLISH) chart

.PHONY: publish-manifests
publish-manifests: $(READY) .tools/helm .tools/oras ## Push the packed manifests to REGISTRY= and write their digest to .build/
	@$(PUBLISH) manifests

PACKAGED = $(PYTHON) -m tools.release.cosign --image "$(CHARTED)" --image "$(MANIFESTED)" $(if $(COSIGN_KEY),--key "$(COSIGN_KEY)")

.PHONY: sign-packed
sign-packed: $(READY) .tools/cosign ## Sign the published chart and manifests, as the image
	@$(PACKAGED) sign

.PHONY: verify-packed
verify-packed: $(READY) .tools/cosign ## Verify the signatures of the published chart and manifests, or of CHART_DIGEST= and MANIFESTS_DIGEST=
	@$(PACKAGED) verify --without-sbom

.PHONY: release-notes
release-notes: $(READY) ## Print the release page: the section of the changelog, and how to verify each artefact
	@$(PYTHON) -m tools.release.notes $(NOTED)

.PHONY: release-page
release-page: $(READY) ## Publish the release page on GitHub, or complete it, with the SBOMs in .build/sbom/: TAG=v1.2.3
	@$(PYTHON) -m tools.release.page --tag "$(TAG)" $(NOTED) $(wildcard .build/sbom/*.json)

.PHONY: deliver
deliver: $(READY) ## Commit the change of `make pin` and open a pull request: TAG= (DELIVERY=push pushes to MAIN= instead)
	@DELIVERY=$(DELIVERY) $(PYTHON) -m tools.release.deliver --tag "$(TAG)" $(if $(MAIN),--main "$(MAIN)")

.PHONY: rehearse
rehearse: $(READY) .tools/cosign .tools/kustomize .tools/renderer .tools/helm .tools/oras ## Go through a release in a clone, into REGISTRY= and signed with a key, and check that a forged image is refused
	@REGISTRY=$(REGISTRY) $(BIN)/pytest -o addopts= -p no:cacheprovider -rs -v tests/e2e/test_release.py $(ARGS)
