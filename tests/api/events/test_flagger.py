"""What Flagger's events mean: messages and phases as its controller sends them."""

from __future__ import annotations

import base64
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.domain.events.adapter import Received
from api.domain.events.adapters.flagger import FLAGGER
from api.domain.events.interpret import Meaning, Outcome, interpret
from api.domain.kit.times import now
from tests.api.conftest import json_of, problem
from tests.api.events.test_inbox import items

URL = "/api/v1/webhooks/flagger"
ORDERS = 6


def canary(
    phase: str, message: str, minute: int, version: str = "1.4.2", **changed: Any
) -> dict[str, Any]:
    at = datetime(2026, 3, 1, 12, minute, tzinfo=UTC)
    return {
        "name": "podinfo",
        "namespace": "prod",
        "phase": phase,
        "checksum": version.replace(".", "") * 3,
        "metadata": {
            "eventMessage": message,
            "eventType": "Normal",
            "timestamp": str(int(at.timestamp() * 1000)),
            "version": version,
            **changed.pop("metadata", {}),
        },
        **changed,
    }


def release(version: str, minute: int, before: str, *, fails: bool = False) -> list[dict[str, Any]]:
    """Return the events of a canary that is detected at a minute and ends five after it."""
    end = (
        ("Failed", "Canary failed! Scaling down podinfo.prod")
        if fails
        else ("Succeeded", "Promotion completed! Scaling down podinfo.prod")
    )
    events = [
        ("Progressing", "New revision detected! Scaling up podinfo.prod"),
        ("Progressing", "Starting canary analysis for podinfo.prod"),
        ("Progressing", "Advance podinfo.prod canary weight 50"),
        ("Promoting", "Advance podinfo.prod primary weight 50"),
        ("Succeeded", "Post-rollout check load-test passed"),
        end,
    ]
    told = [canary(*event, minute + number, version) for number, event in enumerate(events)]
    told[0]["checksum"] = before.replace(".", "") * 3  # as Flagger sends it
    return told


FIRST = canary("Initialized", "Initialization done! podinfo.prod", 0, "1.0.0")
# The same specification again, after another one.
HISTORY = [
    FIRST,
    *release("1.1.0", 10, "1.0.0", fails=True),
    *release("1.2.0", 20, "1.1.0"),
    *release("1.1.0", 30, "1.2.0"),
    canary("Succeeded", "skipping canary run as object is suspended", 40, "1.1.0"),
    canary("Succeeded", "Promotion completed! Scaling down podinfo.prod", 41, "1.1.0"),
]
EXPECTED = [
    ("1.0.0", "succeeded", "12:00", "12:00"),
    ("1.1.0", "failed", "12:11", "12:15"),
    ("1.2.0", "succeeded", "12:21", "12:25"),
    ("1.1.0", "succeeded", "12:31", "12:35"),
]


def meaning(body: Any) -> Meaning:
    return interpret(FLAGGER, {"flagger": FLAGGER.rules}, Received({}, body, "sha256:0", now()))


@pytest.mark.parametrize(
    ("phase", "message", "status"),
    [
        ("Progressing", "Advance podinfo.prod canary weight 10", "running"),
        ("WaitingPromotion", "Halt podinfo.prod advancement waiting for approval", "running"),
        ("Promoting", "Advance podinfo.prod primary weight 50", "running"),
        ("Finalising", "Routing all traffic to primary", "running"),
        ("Initialized", "Initialization done! podinfo.prod", "succeeded"),
        ("Succeeded", "Promotion completed! Canary analysis was skipped for podinfo", "succeeded"),
        ("Failed", "Canary failed! Scaling down podinfo.prod", "failed"),
    ],
)
def test_steps_are_progress_and_an_analysis_that_fails_is_a_failure(
    phase: str, message: str, status: str
) -> None:
    ((report, _),) = meaning(canary(phase, message, 5)).deployments

    assert report.status == status
    assert (report.service, report.environment, report.version) == ("podinfo", "prod", "1.4.2")
    assert str(report.started_at) == "2026-03-01 12:05:00+00:00"
    assert (report.finished_at is None) == (status == "running")


@pytest.mark.parametrize(
    ("body", "outcome", "reason"),
    [
        (canary("Initializing", "podinfo-primary.prod not ready", 1), "not_ours", "not ready"),
        (canary("Succeeded", "Confirm-rollout check passed", 1), "not_ours", "Confirm-rollout"),
        (canary("Failed", "skipping canary run", 1), "not_ours", "skipping"),
        (canary("Waiting", "Halt podinfo.prod advancement", 1), "not_ours", "Halt"),
        (canary("Progressing", "New revision detected! Scaling", 1), "not_ours", "New revision"),
        (canary("Terminating", "Terminating canary podinfo.prod", 1), "not_ours", "Terminating"),
        (canary("Progressing", "x", 1, metadata={"timestamp": None}), "not_ours", "type event"),
        (canary("Progressing", "x", 1, metadata={"version": ""}), "unmapped", "names no image"),
        (canary("Progressing", "x", 1, metadata={"timestamp": "soon"}), "failed", "milliseconds"),
        (canary("Progressing", "x", 1, metadata={"timestamp": "9" * 30}), "failed", "milliseconds"),
        (canary("Progressing", "x", 1, metadata={"timestamp": "9" * 13}), "failed", "ahead"),
        (canary("Progressing", "x", 1) | {"metadata": None}, "failed", "not one of flagger"),
        ({"phase": "Progressing", "metadata": {"timestamp": "1"}}, "unmapped", "service"),
        ({}, "failed", "phase"),
    ],
)
def test_what_is_not_a_deployment_says_why(body: Any, outcome: str, reason: str) -> None:
    found = meaning(body)

    assert found.outcome is Outcome(outcome)
    assert reason in (found.reason or "")


def test_a_canary_is_one_deployment_in_whatever_order_it_is_told(
    sqlite_client: FlaskClient,
) -> None:
    for number in range(ORDERS):
        order = [*HISTORY, *HISTORY[::3]]
        if number:
            random.Random(number).shuffle(order)  # noqa: S311 (not for secrets)
        for body in order:
            body = {**body, "namespace": f"prod-{number}"}  # noqa: PLW2901
            assert sqlite_client.post(URL, json=body).status_code in (200, 202)

    told: dict[str, list[tuple[str, ...]]] = {}
    found = items(sqlite_client, "deployments?limit=200")
    for each in sorted(found, key=lambda each: str(each["started_at"])):
        times = (each["started_at"][11:16], each["finished_at"][11:16])
        row = (each["version"], each["status"], *times)
        told.setdefault(each["environment"], []).append(row)
    assert told == {f"prod-{number}": EXPECTED for number in range(ORDERS)}


def test_a_canary_that_is_made_anew_is_deployed_again(sqlite_client: FlaskClient) -> None:
    again = canary("Initialized", "Initialization done! podinfo.prod", 50, "1.0.0")
    for body in (FIRST, again, FIRST, again, *release("1.1.0", 52, "1.0.0")):
        assert sqlite_client.post(URL, json=body).status_code in (200, 202)

    found = items(sqlite_client, "deployments")
    told = [(each["version"], each["kind"], each["started_at"][11:16]) for each in found]
    assert told == [
        ("1.1.0", "rollout", "12:53"),
        ("1.0.0", "resync", "12:50"),
        ("1.0.0", "rollout", "12:00"),
    ]
    assert {each["status"] for each in found} == {"succeeded"}


def test_no_answer_is_an_error_to_flagger(client: FlaskClient) -> None:
    answer = client.post(URL, json=canary("Initializing", "not ready", 1))

    assert (answer.status_code, json_of(answer)["outcome"]) == (202, "not_ours")


@pytest.mark.parametrize("user", ["", "slipway"])
def test_a_token_may_be_the_password_of_the_url(
    client: FlaskClient, anonymous: FlaskClient, user: str
) -> None:
    made = client.post("/api/v1/tokens", json={"name": "canaries", "scopes": ["ingest:flagger"]})

    def send(password: str) -> Any:
        encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
        return anonymous.post(URL, json=FIRST, headers={"Authorization": f"Basic {encoded}"})

    assert send(json_of(made)["token"]).status_code == 202
    problem(send("something else"), 401)
    for header in ("Basic", "Basic !", "Basic w6Q=", "Basic Og=="):
        problem(anonymous.post(URL, json=FIRST, headers={"Authorization": header}), 401)
