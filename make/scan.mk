# Scanners of manifests, files and images.

##@ Scanners
# `scan framework`, because a plain `scan` ignores the threshold. Nothing is submitted to anybody. The rules are pinned to a
# release, or the same overlay could pass one day and fail the next. v2.0.31 is the first that is kept; Renovate raises it.
KUBESCAPE_RULES := v2.0.38
KUBESCAPE := kubescape scan framework nsa,mitre --keep-local --controls-version $(KUBESCAPE_RULES)
TRIVY_PROGRAM = $(or $(TRIVY),trivy)
# Scan once, and convert the result to SARIF for GitHub's code scanning and to a table; the table fails if there is a finding.
TRIVY_REPORT = $(call NEEDED,$(TRIVY_PROGRAM),make downloads NAMES=trivy); $(TRIVY_PROGRAM) $(1) --quiet --severity HIGH,CRITICAL --format json --output .build/$(2).json $(3) \
	&& $(TRIVY_PROGRAM) convert --quiet --format sarif --output .build/$(2).sarif .build/$(2).json \
	&& $(TRIVY_PROGRAM) convert --quiet --format table --exit-code 1 .build/$(2).json

.PHONY: scan
scan: $(READY) .tools/kustomize .tools/kube-score .tools/gitleaks ## Scan overlays, commits, licences and the image of `make save`; exceptions are in k8s/exceptions.yaml (REQUIRE_TRIVY=1)
	@$(PYTHON) -m tools.scan $(if $(filter 1,$(REQUIRE_TRIVY)),--require trivy)

.PHONY: scan-overlays
scan-overlays: rendered ## Fail if Trivy finds a HIGH or CRITICAL misconfiguration in a rendered overlay; also writes .build/overlays.sarif
	@$(call TRIVY_REPORT,config --skip-check-update,overlays,.build/overlays)

.PHONY: kubescape
kubescape: rendered ## Check every overlay against all NSA and MITRE controls with Kubescape, which fetches its rules
	@$(call NEEDED,kubescape,make downloads NAMES=kubescape)
	@for env in $(ENVIRONMENTS); do \
		echo "kubescape: $$env"; $(KUBESCAPE) --compliance-threshold 100 .build/overlays/$$env.yaml || exit; \
	done

# Below 100, because the roles and kubelets of K3s itself count as well; the namespaces left out are not ours.
.PHONY: kubescape-cluster
kubescape-cluster: reachable ## Check the current cluster against the NSA and MITRE controls with Kubescape
	@$(call NEEDED,kubescape,make downloads NAMES=kubescape)
	@$(KUBESCAPE) --compliance-threshold 75 --exclude-namespaces default,kube-node-lease,kube-public,kube-system

.PHONY: scan-image
scan-image: .build/image.tar ## Fail on a HIGH or CRITICAL vulnerability in .build/image.tar that has a fix; also writes .build/image.sarif
	@$(call TRIVY_REPORT,image --scanners vuln --ignore-unfixed,image,--input .build/image.tar)

# The overlays whose digest is zeros have no release yet.
.PHONY: scan-released
scan-released: rendered ## Scan the images that the overlays pin by digest for vulnerabilities found since
	@grep --no-filename --only-matching 'image: .*@sha256:.*' .build/overlays/*.yaml | grep --invert-match '@sha256:0*$$' \
		| sort --unique | cut --delimiter ' ' --fields 2 >.build/released
	@[ -s .build/released ] || echo 'no overlay pins a release yet'
	@for image in $$(cat .build/released); do \
		echo "$$image"; $(call TRIVY_REPORT,image --scanners vuln --ignore-unfixed,released,"$$image") || exit; \
	done
