"""What points Flux at the overlays: in order, with a person before prod, and the ledger told."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from api.domain.events.adapter import Received
from api.domain.events.adapters.flux import FLUX
from api.domain.events.interpret import interpret
from api.domain.kit.times import now
from tests.manifests import faults
from tools import overlay, project
from tools.command import ROOT
from tools.setup import schemas

FOLDER = Path("k8s/flux")
COMMIT = "9fceb02d0ae598e95dc970b74767f19372d61af8"


@pytest.fixture(scope="module")
def rendered() -> str:
    return overlay.render(FOLDER)


@pytest.fixture(scope="module")
def objects(rendered: str) -> list[overlay.Object]:
    return overlay.objects(rendered)


@pytest.fixture(scope="module")
def kustomizations(objects: list[overlay.Object]) -> dict[str, overlay.Object]:
    found = [each for each in objects if each["kind"] == "Kustomization"]
    return {each["metadata"]["name"].removeprefix("slipway-"): each["spec"] for each in found}


def alert_of(objects: list[overlay.Object], env: str) -> overlay.Object:
    return overlay.find(objects, "Alert", f"slipway-{env}")


def combined(
    alert: overlay.Object, annotations: dict[str, str], controller: dict[str, str]
) -> dict[str, str]:
    """Return the metadata that an alert sends: RFC 0008 of Flux, in the order of precedence."""
    return {**annotations, **alert["spec"]["eventMetadata"], **controller}


def event(alert: overlay.Object, reason: str, **metadata: Any) -> dict[str, Any]:
    """Return an event as kustomize-controller makes it and notification-controller sends it."""
    (source,) = alert["spec"]["eventSources"]
    said = {"revision": f"main@sha1:{COMMIT}", "commit_status": "update"}
    return {
        "involvedObject": {
            "kind": source["kind"],
            "namespace": alert["metadata"]["namespace"],
            "name": source["name"],
            "uid": "7d0cdc51-ddcf-4743-b223-83ca5c699632",
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "resourceVersion": "244318194",
        },
        "severity": "info" if reason.endswith("Succeeded") else "error",
        "timestamp": "2026-03-01T12:00:00Z",
        "message": "Reconciliation finished in 1m2.449617964s, next run in 10m0s",
        "reason": reason,
        "action": "Reconcile",
        "metadata": combined(alert, metadata, said),
        "reportingController": "kustomize-controller",
        "reportingInstance": "kustomize-controller-7c7b47f5f-8bhrp",
    }


def test_each_overlay_has_a_kustomization(kustomizations: dict[str, overlay.Object]) -> None:
    assert sorted(kustomizations) == sorted(overlay.environments())
    for env, spec in kustomizations.items():
        assert Path(spec["path"]) == overlay.OVERLAYS / env
        assert (spec["prune"], spec["wait"], spec["deletionPolicy"]) == (True, True, "Orphan")
        (deployment,) = [
            each
            for each in overlay.rendered(env)
            if (each["kind"], each["metadata"]["name"]) == ("Deployment", "slipway")
        ]
        minutes = int(spec["timeout"].removesuffix("m"))
        assert minutes * 60 > deployment["spec"]["progressDeadlineSeconds"]


def test_an_environment_waits_for_the_one_before_it(
    kustomizations: dict[str, overlay.Object],
) -> None:
    for before, env in pairwise(["dev", "staging", "prod"]):
        assert kustomizations[env]["dependsOn"] == [{"name": f"slipway-{before}"}]
        # Otherwise the same commit would not be asked for.
        assert kustomizations[env]["sourceRef"] == kustomizations[before]["sourceRef"]
    assert "dependsOn" not in kustomizations["dev"]


def test_prod_waits_for_a_person(kustomizations: dict[str, overlay.Object]) -> None:
    assert [env for env, spec in kustomizations.items() if spec.get("suspend")] == ["prod"]


def test_the_events_go_to_the_ledger_signed(objects: list[overlay.Object]) -> None:
    provider = overlay.find(objects, "Provider")
    spec, name = provider["spec"], provider["metadata"]["name"]
    (example,) = overlay.objects((ROOT / FOLDER / "secret.example.yaml").read_text())

    assert spec["address"] == f"https://{project.hosts()['prod']}/api/v1/webhooks/flux"
    assert spec["type"] == "generic-hmac"
    assert spec["secretRef"]["name"] == example["metadata"]["name"]
    assert example["metadata"]["namespace"] == provider["metadata"]["namespace"]
    assert set(example["stringData"]) == {"token"}
    for env in overlay.environments():
        assert alert_of(objects, env)["spec"]["providerRef"]["name"] == name


@pytest.mark.parametrize("env", ["dev", "staging", "prod"])
@pytest.mark.parametrize(
    ("reason", "status"), [("ReconciliationSucceeded", "succeeded"), ("BuildFailed", "failed")]
)
def test_what_an_alert_makes_of_an_event_is_understood(
    objects: list[overlay.Object], env: str, reason: str, status: str
) -> None:
    body = event(alert_of(objects, env), reason, environment="annotated", version="1.4.2")
    ((report, _),) = interpret(
        FLUX, {"flux": FLUX.rules}, Received({}, body, "", now())
    ).deployments

    assert body["involvedObject"]["name"] == f"slipway-{env}"
    assert (report.service, report.environment, report.status) == ("slipway", env, status)
    assert report.version == "1.4.2"
    # The version is stated, so a commit that leaves it as it was brings nothing new.
    assert report.config_revision is None


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("eventSources:", "eventSource:"),
        ("kind: Kustomization\n      name: slipway-dev", "kind: Kustomisation\n      name: x"),
        ("type: generic-hmac", "type: generic-hmack"),
        ("secretRef:", "secretref:"),
        ("branch: main", "branches: main"),
        ("dependsOn:", "dependOn:"),
        ("deletionPolicy: Orphan", "deletionPolicy: Keep"),
    ],
)
def test_a_damaged_object_is_not_valid(rendered: str, now: str, then: str) -> None:
    pattern = re.compile(re.sub(r"\n\s+", r"\\n\\s+", now))
    assert pattern.search(rendered)
    assert faults(pattern.sub(then, rendered), schemas.ensure()[0])
