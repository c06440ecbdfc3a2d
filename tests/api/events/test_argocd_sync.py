"""Parsing Argo CD's notifications: a table of bodies, and the sync that each describes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from api.domain.events.adapter import NotOursError, UnmappedError
from api.domain.events.adapters.argocd import application, flat
from api.domain.events.adapters.argocd.sync import Phase, Sync
from tests.api.events.payloads import CHECKOUT, REVISION, argocd, healing

STARTED, FINISHED = "2026-03-01T12:00:00Z", "2026-03-01T12:00:30Z"
FLAT = {
    "app": "checkout-prod",
    "uid": "0c5f",
    "phase": "Succeeded",
    "health_status": "Healthy",
    "revision": REVISION,
    "started_at": STARTED,
    "finished_at": FINISHED,
    "automated": "true",
    "images": [CHECKOUT],
}


def own_shape(phase: str = "Succeeded", health: str | None = "Healthy", **told: Any) -> Any:
    """Return an Application with no more than what a flat template has fields for."""
    metadata = told.pop("metadata", {"name": "checkout-prod", "uid": "0c5f"})
    operation = {
        "phase": phase,
        "startedAt": STARTED,
        "finishedAt": FINISHED,
        "operation": {"initiatedBy": told.pop("by", {"automated": True})},
        "syncResult": {"revision": REVISION},
    }
    images = told.pop("images", [CHECKOUT])
    status = {
        "health": {"status": health},
        "summary": {"images": images},
        "operationState": operation | told.pop("operation", {}),
    }
    return {"app": {"metadata": metadata, "status": status}, **told}


def parsed(body: dict[str, Any]) -> Sync:
    sync = application.parse(body)
    assert sync is not None
    return sync


@pytest.mark.parametrize(
    ("own", "other"),
    [
        (own_shape(), {}),
        (own_shape()["app"], {}),
        (own_shape("Running"), {"phase": "Running"}),
        (own_shape("Terminating"), {"phase": "Terminating"}),
        (own_shape("Failed", "Degraded"), {"phase": "Failed", "health_status": "Degraded"}),
        (own_shape(health=None), {"health_status": "<no value>"}),
        (own_shape(by={"username": "ada"}), {"automated": "false", "user": "ada"}),
        (own_shape(by={}), {"automated": "", "user": "<nil>"}),
        (own_shape(images=[]), {"images": ""}),
        (own_shape(images=["a:1", "b:2"]), {"images": "a:1 b:2"}),
        (own_shape(images=["a:1", "b:2"]), {"images": "[a:1 b:2]"}),
        (own_shape(images=["a:1", "b:2"]), {"images": "a:1, b:2"}),
        (own_shape(images=["a:1", "b:2"]), {"images": '["a:1","b:2"]'}),
        (own_shape(images=["x@sha256:4f"]), {"images": "[x@sha256:4f]"}),
        (own_shape(images=[]), {"images": "[]"}),
        (own_shape(metadata={"name": "checkout-prod"}), {"uid": None}),
        (own_shape(operation={"startedAt": None}), {"started_at": None}),
        (own_shape(operation={"syncResult": None}), {"revision": None}),
        (own_shape(url="https://argocd.example.com"), {"url": "https://argocd.example.com"}),
        (own_shape(application_commit="9fceb02"), {"application_commit": "9fceb02"}),
    ],
)
def test_both_shapes_give_the_same_sync(own: dict[str, Any], other: dict[str, Any]) -> None:
    flattened = FLAT | other

    assert application.parse(flattened) is None
    assert parsed(own) == flat.parse(flattened)


def test_a_sync_has_typed_fields() -> None:
    sync = parsed(argocd())

    assert (sync.id, sync.sequence) == ("0c5f/2026-03-01T12:00:00Z", 7)
    assert sync.phase is Phase.SUCCEEDED
    assert sync.started_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert sync.finished_at == datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
    assert sync.health_changed_at == datetime(2026, 3, 1, 12, 0, 40, tzinfo=UTC)
    assert sync.reconciled_at == datetime(2026, 3, 1, 12, 0, 41, tzinfo=UTC)
    assert (sync.applied_images, sync.running_images) == ((CHECKOUT,), ())
    assert (sync.partial, sync.last_whole_sync) == (False, None)


def test_the_history_has_the_whole_sync_before_a_partial_one() -> None:
    sync = parsed(healing())
    whole = sync.last_whole_sync

    assert sync.id == "0c5f/2026-03-01T12:01:00Z"
    assert sync.selected_kinds == {"Service"}
    assert whole is not None
    assert (whole.id, whole.actor, whole.partial) == ("0c5f/2026-03-01T12:00:00Z", "ada", False)
    assert whole.fields["app"]["status"]["operationState"]["startedAt"] == STARTED
    assert parsed(healing(sync={"status": "OutOfSync"})).last_whole_sync is None


@pytest.mark.parametrize("missing", [None, "", "<no value>", "<nil>"])
def test_a_time_that_a_template_had_no_value_for_is_missing(missing: str | None) -> None:
    health = {"status": "Healthy", "lastTransitionTime": missing}
    sync = parsed(argocd(finishedAt=missing, status={"health": health, "reconciledAt": missing}))

    assert (sync.finished_at, sync.health_changed_at, sync.reconciled_at) == (None, None, None)


def test_times_that_do_not_matter_yet_are_not_parsed() -> None:
    sync = parsed(argocd("Running", finishedAt="soon", status={"reconciledAt": "soon"}))

    assert (sync.phase, sync.finished_at, sync.health) == (Phase.RUNNING, None, None)


def test_templates_in_the_rules_see_the_fields_as_they_were_sent() -> None:
    own = parsed(argocd() | {"team": "shop", "environment": "<no value>"}).fields
    other = flat.parse(FLAT | {"namespace": "prod", "team": ""}).fields

    assert own["app"] == argocd()["app"]
    assert (own["team"], own["revision"]) == ("shop", REVISION)
    assert "environment" not in own
    assert other["app"]["metadata"]["name"] == "checkout-prod"
    assert other["app"]["spec"]["destination"]["namespace"] == "prod"
    assert (other["uid"], other["revision"]) == ("0c5f", REVISION)
    assert "team" not in other


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"app": {"metadata": {}, "status": {}}}, NotOursError),
        (argocd(operation={"sync": {"dryRun": True}}), NotOursError),
        (argocd(startedAt=None, finishedAt=None), UnmappedError),
        (argocd("Astonished"), ValueError),
        (argocd(finishedAt="yesterday"), ValueError),
        (argocd(status={"reconciledAt": "yesterday"}), ValueError),
        (argocd(images=[7]), ValueError),  # type: ignore[list-item]
        (argocd(status={"summary": {"images": "checkout:1 redis:7"}}), ValueError),
        (argocd(phase=None), ValueError),  # type: ignore[arg-type]
    ],
)
def test_a_malformed_application_is_refused(body: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        application.parse(body)


@pytest.mark.parametrize("name", ["app", "phase", "started_at"])
def test_a_flat_body_must_have_an_app_a_phase_and_a_start(name: str) -> None:
    with pytest.raises(UnmappedError, match="notification template"):
        flat.parse(FLAT | {name: None, "finished_at": None})
