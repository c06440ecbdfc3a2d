# Publish a release: image, SBOMs, signatures, chart, manifests, release page.

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

.PHONY: package
package: RELEASE = $(subst @,:$(VERSION)@,$(RELEASED))
package: chart ## Pack the chart and the rendered overlays of the image that was published, or DIGEST=, in .build/package/
	@rm -rf .build/package && .tools/helm package .build/chart/slipway --destination .build/package
	@$(PYTHON) -m tools.release.manifests --image "$(RELEASE)" --into .build/package/manifests.tar.gz

PUBLISH = $(PYTHON) -m tools.release.publish --registry $(BESIDE) --version $(VERSION) $(PLAIN_HTTP)

.PHONY: publish-chart
publish-chart: $(READY) .tools/helm .tools/oras ## Push the packed chart to REGISTRY= and note its digest in .build/
	@$(PUBLISH) chart

.PHONY: publish-manifests
publish-manifests: $(READY) .tools/helm .tools/oras ## Push the packed manifests to REGISTRY= and note their digest in .build/
	@$(PUBLISH) manifests

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
