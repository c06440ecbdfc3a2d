"""What is made of kubeconform's verdicts: which of them are faults of the repository."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gitops.checks import schema, served, validated
from gitops.kubeconform import Verdict
from tests.gitops.judged import context

UNKNOWN = "could not find schema for it"
DEFINED = """
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.shop.example.com}
spec: {group: shop.example.com, names: {kind: Widget}}
"""


def thing(version: str, kind: str, spec: str = "{}") -> str:
    return f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: shop}}\nspec: {spec}\n"


STRING = "at '/spec/replicas': got string"


@pytest.mark.parametrize(
    ("text", "fault", "said", "skipped"),
    [
        (thing("shop.example.com/v1", "Widget"), UNKNOWN, "", "Widget"),
        (thing("gateway.networking.k8s.io/v1", "Gateway"), UNKNOWN, "", "Gateway"),
        (thing("apps/v1", "Deploymnet"), UNKNOWN, "there is no Deploymnet in apps/v1", ""),
        (thing("app/v1", "Deployment"), UNKNOWN, "there is no Deployment in app/v1", ""),
        (thing("networking.k8s.oi/v1", "Ingress"), UNKNOWN, "there is no Ingress", ""),
        (thing("shop.example.com/v1", "Widgte") + DEFINED, UNKNOWN, "there is no Widgte", ""),
        (thing("shop.exmaple.com/v1", "Widget") + DEFINED, UNKNOWN, "there is no Widget", ""),
        # The rule about API versions tells it.
        (thing("extensions/v1beta1", "Ingress"), UNKNOWN, "", ""),
        # Filled in, or decrypted, before it is applied.
        (thing("apps/v1", "Deployment", "{replicas: '${N}'}"), STRING, "", ""),
        (thing("apps/v1", "Deployment", "{replicas: 'ENC[AES256_GCM,data:A]'}"), STRING, "", ""),
        (thing("apps/v1", "Deployment", "{replicas: two}"), STRING, "got string", ""),
        (
            thing("v1", "Service", "{ports: [{port: '${P}'}]}"),
            "at '/spec/ports/0/port': no",
            "",
            "",
        ),
        (thing("v1", "Service", "{ports: [{port: x}]}"), "at '/spec/ports/0/port': no", "no", ""),
        (thing("v1", "Service"), "at '/spec/ports/9/port': no", "no", ""),
        (thing("v1", "Service", "{a/b: '${A}'}"), "at '/spec/a~1b': no", "", ""),
    ],
)
def test_what_is_a_fault_of_the_repository(
    tmp_path: Path, text: str, fault: str, said: str, skipped: str
) -> None:
    asked = context(tmp_path, {"prod": text})
    first = asked.rendered[0].objects[0]
    version = str(first.data["apiVersion"])
    verdict = Verdict("0.yaml", version, first.kind, first.name, (fault,), fault != UNKNOWN)
    verdicts = {"1.37.0": {0: [verdict]}}
    found = list(schema.findings(asked, verdicts, schema.known(asked, verdicts, ())))
    assert [said in each.message for each in found] == [True] * bool(said)
    told = asked.skipped.get("schema of custom resources", "")
    assert told == (f"no schema of {skipped}" if skipped else "")


def test_what_sops_adds_is_not_validated(tmp_path: Path) -> None:
    secret = {"kind": "Secret", "metadata": {"name": "shop"}, "sops": {"mac": "ENC[...]"}}
    asked = context(tmp_path, {"prod": yaml.safe_dump(secret)})
    (found,) = asked.rendered[0].objects
    assert validated.plain(found) == {"kind": "Secret", "metadata": {"name": "shop"}}


@pytest.mark.parametrize(
    ("version", "kind", "for_", "said"),
    [
        ("extensions/v1beta1", "Ingress", (), "error not served"),
        ("policy/v1beta1", "PodSecurityPolicy", (), "error not served"),
        ("policy/v1beta1", "PodDisruptionBudget", ("1.24.0",), "warning will not be served"),
        ("policy/v1beta1", "PodDisruptionBudget", ("1.25.0", "1.24.0"), "error not served"),
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler", (), "error not served"),
        ("core/v1", "Service", (), "error Kubernetes has no group core"),
        ("app/v1", "Widget", (), "error Kubernetes has no group app"),
        ("app.example/v1", "Widget", (), ""),
        ("v1", "Endpoints", (), "note deprecated"),
        ("policy/v1", "PodDisruptionBudget", (), ""),
        ("networking.k8s.io/v1beta1", "ServiceCIDR", (), ""),
        # A custom resource of the same kind.
        ("networking.example.com/v1beta1", "Ingress", (), ""),
    ],
)
def test_api_versions_that_are_not_served(
    tmp_path: Path, version: str, kind: str, for_: tuple[str, ...], said: str
) -> None:
    asked = context(tmp_path, {"prod": thing(version, kind)})
    asked.kubernetes = for_
    found = [f"{each.severity} {each.message}" for each in served.check(asked)]
    severity, _, words = said.partition(" ")
    assert len(found) == bool(said)
    assert not found or (found[0].startswith(severity) and words in found[0])
