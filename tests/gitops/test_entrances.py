"""What lets requests and objects in: a route's backends, and the policy that a binding names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gitops.conftest import Check

KUSTOMIZATION = "namespace: shop\nresources: [entrances.yaml]\n"
ENTRANCES = """
apiVersion: v1
kind: Service
metadata:
  name: shop
spec:
  ports:
    - port: 80
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
spec:
  rules:
    - backendRefs:
        - name: shop
          port: 80
        - name: mail
          namespace: mail
          port: 25
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: careful
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: careful
spec:
  policyName: careful
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "kustomization.yaml").write_text(KUSTOMIZATION)
    (tmp_path / "entrances.yaml").write_text(ENTRANCES)
    return tmp_path


def test_what_leads_somewhere_is_no_finding(repository: Path, check: Check) -> None:
    assert check(repository, "dangling") == []


@pytest.mark.parametrize(
    ("now", "then", "said"),
    [
        ("- name: shop", "- name: shap", "HTTPRoute shop, backendRefs: there is no Service shap"),
        ("port: 80\n        - name", "port: 8\n        - name", "Service shop has no port 8"),
        (
            "policyName: careful",
            "policyName: careless",
            "policyName: there is no ValidatingAdmissionPolicy careless",
        ),
    ],
)
def test_what_leads_nowhere_is_found(
    repository: Path, check: Check, now: str, then: str, said: str
) -> None:
    file = repository / "entrances.yaml"
    assert now in ENTRANCES
    file.write_text(ENTRANCES.replace(now, then))
    (finding,) = check(repository, "dangling")
    assert said in finding.message
    assert finding.file == file
