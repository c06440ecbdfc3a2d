"""What Flux's events mean: a table of payloads."""

from __future__ import annotations

from typing import Any

import pytest

from api.domain.events.adapter import Received
from api.domain.events.adapters.flux import FLUX
from api.domain.events.interpret import Meaning, Outcome, interpret
from api.domain.events.rules import SourceRules
from api.domain.kit.times import now
from tests.api.events.payloads import COMMIT, flux

DIGEST = "4f" * 32


def meaning(body: dict[str, Any], **rules: Any) -> Meaning:
    made = FLUX.rules.model_copy(update=SourceRules(**rules).model_dump(exclude_unset=True))
    return interpret(FLUX, {"flux": made}, Received({}, body, "sha256:0", now()))


def report(body: dict[str, Any], **rules: Any) -> dict[str, Any]:
    ((found, sequence),) = meaning(body, **rules).deployments
    helm, tests = body["involvedObject"]["kind"] == "HelmRelease", body["reason"] == "TestFailed"
    assert sequence == (0 if helm and not tests else None)
    return found.model_dump(mode="json")


@pytest.mark.parametrize(
    ("kind", "reason", "status"),
    [
        ("Kustomization", "ReconciliationSucceeded", "succeeded"),
        ("Kustomization", "ReconciliationFailed", "failed"),
        ("Kustomization", "BuildFailed", "failed"),
        ("Kustomization", "HealthCheckFailed", "failed"),
        ("Kustomization", "PruneFailed", "failed"),
        ("Kustomization", "ValidationFailed", "failed"),
        ("HelmRelease", "InstallSucceeded", "succeeded"),
        ("HelmRelease", "InstallFailed", "failed"),
        ("HelmRelease", "UpgradeSucceeded", "succeeded"),
        ("HelmRelease", "UpgradeFailed", "failed"),
        ("HelmRelease", "RollbackSucceeded", "succeeded"),
        ("HelmRelease", "RollbackFailed", "failed"),
        ("HelmRelease", "TestFailed", "failed"),
    ],
)
def test_each_reason_is_one_of_our_states(kind: str, reason: str, status: str) -> None:
    found = report(flux(reason, kind=kind))

    assert found["status"] == status
    assert (found["service"], found["environment"]) == ("slipway", "prod")
    assert found["kind"] == ("rollback" if reason.startswith("Rollback") else None)
    assert found["finished_at"] == "2026-03-01T12:00:00Z"
    took = "2026-03-01T11:59:00Z" if status == "succeeded" else "2026-03-01T11:54:59.980000Z"
    assert found["started_at"] == took


@pytest.mark.parametrize("reason", ["Progressing", "DependencyNotReady", "HealthCheckCanceled"])
def test_what_is_no_end_of_a_deployment_is_not_ours(reason: str) -> None:
    found = meaning(flux(reason))

    assert found.outcome is Outcome.NOT_OURS
    assert reason in (found.reason or "")


@pytest.mark.parametrize("reason", ["ReconciliationFailed", "HealthCheckFailed"])
def test_a_kustomization_that_is_deleted_does_not_fail_once_more(reason: str) -> None:
    pruned = flux(reason) | {"severity": "info", "message": "Deployment/apps/checkout deleted"}

    assert meaning(flux(reason)).outcome is Outcome.PROJECTED
    assert meaning(pruned).outcome is Outcome.NOT_OURS
    assert FLUX.state is not None
    assert FLUX.state(Received({}, pruned, "sha256:0", now())) is None


@pytest.mark.parametrize(
    ("revision", "version"),
    [
        (f"main@sha1:{COMMIT}", COMMIT),
        (f"main/{COMMIT}", COMMIT),
        (f"feature/new-look/{COMMIT}", COMMIT),
        (f"sha1:{COMMIT}", COMMIT),
        (COMMIT, COMMIT),
        (f"v1.4.2@sha1:{COMMIT}", "v1.4.2"),
        (f"refs/tags/release-9@sha1:{COMMIT}", "release-9"),
        (f"1.4.2@sha256:{DIGEST}", "1.4.2"),
        (f"1.4.2/{DIGEST}", "1.4.2"),
        ("1.4.2", "1.4.2"),
        (f"20261128@sha256:{DIGEST}", "20261128"),  # an artifact has no branches
        (f"1.x@sha1:{COMMIT}", COMMIT),
        (f"123-fix-login@sha1:{COMMIT}", COMMIT),
        (f"20261128/{COMMIT}", COMMIT),
        (f"refs/tags/20261128@sha1:{COMMIT}", "20261128"),
    ],
)
def test_the_version_is_the_tag_of_the_revision_or_its_commit(revision: str, version: str) -> None:
    found = report(flux(revision=revision))

    assert found["version"] == version
    assert found["config_revision"] == revision
    assert found["commit"] is None  # it is the configuration's


@pytest.mark.parametrize("revision", [f"sha256:{DIGEST}", f"latest@sha256:{DIGEST}"])
def test_an_artifact_has_the_version_of_its_origin(revision: str) -> None:
    origin = f"main@sha1:{COMMIT}"
    assert report(flux(revision=revision, originRevision=origin))["version"] == COMMIT

    found = meaning(flux(revision=revision))
    assert found.outcome is Outcome.UNMAPPED
    assert "version to the eventMetadata" in (found.reason or "")


def test_what_is_stated_goes_before_what_is_inferred() -> None:
    added = {"app-version": "1.4.2", "oci-digest": f"sha256:{DIGEST}"}
    chart = report(flux("UpgradeSucceeded", 0, "6.5.4", "HelmRelease", **added))
    assert (chart["version"], chart["image_digest"]) == ("1.4.2", None)
    assert chart["config_revision"] == f"6.5.4@sha256:{DIGEST}@2026-03-01T12:00:00Z"

    stated = report(flux(version="1.5.0", commit=f"sha1:{COMMIT}"))
    assert (stated["version"], stated["commit"]) == ("1.5.0", COMMIT)
    assert stated["config_revision"] is None  # the commit is of many services


def test_a_chart_that_is_uninstalled_needs_no_version() -> None:
    (removal,) = meaning(flux("UninstallSucceeded", 0, "latest", "HelmRelease")).removals

    assert (removal.service, removal.environment) == ("slipway", "prod")


def test_metadata_have_their_groups_or_not() -> None:
    body = flux()
    body["metadata"] = {
        "kustomize.toolkit.fluxcd.io/revision": f"main@sha1:{COMMIT}",
        "kustomize.toolkit.fluxcd.io/commit_status": "update",
        "event.toolkit.fluxcd.io/service": "annotated",
        "event.toolkit.fluxcd.io/environment": "annotated",
        "event.toolkit.fluxcd.io/revision": "annotated",
        "environment": "prod",
    }
    found = report(body)

    assert (found["service"], found["environment"]) == ("annotated", "prod")
    assert found["config_revision"] == f"main@sha1:{COMMIT}"


def test_without_a_service_it_says_what_to_add() -> None:
    body = flux()
    del body["metadata"]["service"]
    found = meaning(body)

    assert found.outcome is Outcome.UNMAPPED
    for part in ("template for service", "eventMetadata", "event.toolkit.fluxcd.io/"):
        assert part in (found.reason or "")
    named = {"service": "{involvedObject.name}", "services": {"slipway-prod": "shop"}}
    assert report(body, **named)["service"] == "shop"


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"involvedObject": {}}, "failed"),
        ({"involvedObject": 7}, "failed"),
        ({"reason": ["x"]}, "failed"),
        ({"metadata": None}, "not_ours"),
        ({"metadata": [1]}, "failed"),
        ({"metadata": {"revision": 7}}, "failed"),
        ({"timestamp": "yesterday"}, "failed"),
        ({"timestamp": None}, "failed"),
        ({"message": None}, "projected"),
        ({"message": "finished in " + "9" * 400 + "h"}, "projected"),
        ({"involvedObject": {"kind": "GitRepository", "name": "webapp"}}, "not_ours"),
    ],
)
def test_what_is_malformed_says_why_and_is_kept_by_its_bytes(
    change: dict[str, Any], outcome: str
) -> None:
    body = flux() | change
    found = meaning(body)

    assert found.outcome is Outcome(outcome)
    assert found.deployments or found.reason
    assert (FLUX.delivery_id(Received({}, body, "", now())) is None) == (outcome != "projected")
