"""Senders whose clocks are ahead, or who write their local time as UTC: what they say counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from api.domain.events.adapter import Received
from api.domain.events.adapters import ADAPTERS
from api.domain.events.interpret import Meaning, Outcome, interpret
from tests.api.conftest import json_of
from tests.api.events.payloads import argocd, cdevent, flux, github
from tests.api.events.test_argorollouts import rollout
from tests.api.events.test_evidence import export
from tests.api.events.test_flagger import canary
from tests.api.events.test_gitlab import deployment, job, pipeline
from tests.api.events.test_inbox import items

GITHUB = {"x-github-event": "deployment_status"}
PRODUCTION = {"name": "prod", "action": "start", "deployment_tier": "production"}
STOP = {"name": "review/1", "action": "stop"}
COMMIT = "9fceb02d0ae598e95dc970b74767f19372d61af8"
SENT = [
    ("github", github(transient_environment=True, environment="pr-1")),
    ("github", github("inactive", transient_environment=True)),
    ("gitlab", deployment(environment_tier="production")),
    ("gitlab", pipeline(job(environment=PRODUCTION), job(number=797, environment=STOP))),
    ("argocd", argocd()),
    ("argocd", argocd("Running")),
    ("flux", flux()),
    ("argorollouts", rollout("RolloutCompleted")),
    ("flagger", canary("Succeeded", "Promotion completed!", 3)),
    *(
        ("cloudevents", cdevent(what, service={"id": "checkout"}))
        for what in (
            "service.deployed",
            "service.removed",
            "incident.detected",
            "incident.resolved",
        )
    ),
    ("cloudevents", cdevent("environment.created", subject="prod")),
    ("cloudevents", cdevent("environment.deleted", subject="prod")),
    ("cloudevents", cdevent("change.merged", subject=COMMIT, repository={"id": "acme/shop"})),
]


def meaning(source: str, body: dict[str, Any], at: datetime) -> Meaning:
    adapter = ADAPTERS[source]
    return interpret(adapter, {source: adapter.rules}, Received(GITHUB, body, "sha256:0", at))


def times(found: Meaning) -> list[datetime]:
    """Return all times in what an event means."""
    told = [report for report, _ in found.deployments]
    given = [at for report in told for at in (report.started_at, report.finished_at)]
    given += [at for one in found.incidents for at in (one.detected_at, one.resolved_at)]
    given += [one.at for one in found.environments] + [one.at for one in found.removals]
    given += [one.committed_at for one in found.changes]
    return [at for at in given if at is not None]


@pytest.mark.parametrize(("source", "body"), SENT)
def test_what_is_ahead_happened_five_minutes_after_it_was_received_at_the_latest(
    source: str, body: dict[str, Any]
) -> None:
    true = times(meaning(source, body, datetime.now(UTC)))
    last, first = max(true), min(true)
    assert true

    in_time = times(meaning(source, body, last - timedelta(minutes=5)))
    hours_ahead = times(meaning(source, body, first - timedelta(hours=14)))
    days_ahead = meaning(source, body, last - timedelta(days=1, seconds=1))

    assert in_time == true
    assert set(hours_ahead) == {first - timedelta(hours=14) + timedelta(minutes=5)}
    assert days_ahead.outcome is Outcome.FAILED
    assert "ahead" in (days_ahead.reason or "")


def test_a_rebuild_takes_it_as_when_it_was_received(app: APIFlask, client: FlaskClient) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=2)
    written = json.dumps(argocd()).replace("2026-03-01T12:00", f"{ahead:%Y-%m-%dT%H:%M}")
    answer = client.post("/api/v1/webhooks/argocd", data=written, content_type="application/json")
    assert json_of(answer)["outcome"] == "projected"

    (found,) = items(client, "deployments")
    (event,) = items(client, "events")
    received_at = datetime.fromisoformat(event["received_at"])
    assert datetime.fromisoformat(found["finished_at"]) == received_at + timedelta(minutes=5)
    before = export(app)
    assert app.test_cli_runner().invoke(args=["ledger", "rebuild"]).exit_code == 0
    assert export(app) == before


def test_a_report_whose_sender_can_be_told_is_refused(client: FlaskClient) -> None:
    ahead = datetime.now(UTC) + timedelta(minutes=6)
    report = {"service": "checkout", "environment": "prod", "version": "1"}
    answer = client.post("/api/v1/deployments", json={**report, "finished_at": f"{ahead:%FT%TZ}"})
    assert answer.status_code == 422
