# Scanners of manifests, files and images.

##@ Scanners
# The rules are pinned to a release, or the same overlay could pass one day and fail the next. v2.0.31 is the first that is
# kept; Renovate raises it.
KUBESCAPE_RULES := v2.0.38

.PHONY: scan
scan: $(READY) .tools/kustomize .tools/kube-score .tools/gitleaks ## Scan overlays, commits, licences and the image of `make save`; exceptions are in k8s/exceptions.yaml (REQUIRE_TRIVY=1)
	@$(PYTHON) -m tools.scan $(if $(filter 1,$(REQUIRE_TRIVY)),--require trivy)

.PHONY: scan-overlays
scan-overlays: $(READY) .tools/kustomize ## Fail if Trivy finds a HIGH or CRITICAL misconfiguration in a rendered overlay; also writes .build/overlays.sarif
	@$(PYTHON) -m tools.scan.overlays manifests

.PHONY: kubescape
kubescape: $(READY) .tools/kustomize ## Check every overlay against all NSA and MITRE controls with Kubescape, which fetches its rules
	@$(PYTHON) -m tools.scan.kubescape --controls-version $(KUBESCAPE_RULES)

.PHONY: kubescape-cluster
kubescape-cluster: reachable ## Check the current cluster against the NSA and MITRE controls with Kubescape
	@$(PYTHON) -m tools.scan.cluster --controls-version $(KUBESCAPE_RULES)

.PHONY: scan-image
scan-image: $(READY) .build/image.tar ## Fail on a HIGH or CRITICAL vulnerability in .build/image.tar that has a fix; also writes .build/image.sarif
	@$(PYTHON) -m tools.scan.image

.PHONY: scan-released
scan-released: $(READY) .tools/kustomize ## Scan the images that the overlays pin by digest for vulnerabilities found since
	@$(PYTHON) -m tools.scan.overlays images
