"""What is told: what just finished and what now waits, once, and no history."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from api.database import Database
from api.domain.deployments import settling
from bench.plans import executed
from tests.api.conftest import Record, json_of
from tests.api.events.payloads import github
from tests.api.notifications.conftest import Receiver, told

HOOK = "/api/v1/webhooks/github"
DEPLOYED = {"service": "web-0", "environment": "prod", "version": "0.9"}


def bodies(client: FlaskClient) -> list[dict[str, Any]]:
    """Return what is told, in the order in which it came about."""
    return [json.loads(each["body"]) for each in reversed(told(client))]


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def send(client: FlaskClient, delivery: str, state: str = "success", **minutes: float) -> Any:
    body = github(state, 3, created_at=ago(minutes=10))
    body["deployment_status"]["created_at"] = ago(**minutes or {"minutes": 0})
    headers = {"X-GitHub-Event": "deployment_status", "X-GitHub-Delivery": delivery}
    return client.post(HOOK, json=body, headers=headers)


@pytest.mark.usefixtures("secret")
def test_an_event_that_finishes_a_deployment_is_told_once(client: FlaskClient) -> None:
    assert send(client, "a", "in_progress").status_code == 202
    assert bodies(client) == []
    for delivery in ("b", "b", "c"):
        send(client, delivery)

    (body,) = bodies(client)
    assert body["type"] == "deployment.finished"
    assert (body["data"]["service"], body["data"]["status"]) == ("checkout", "succeeded")


@pytest.mark.usefixtures("secret")
def test_a_change_by_a_person_is_told_too(client: FlaskClient, record: Record) -> None:
    deployment = record(status="running")
    path = f"/api/v1/deployments/{deployment['id']}"
    for actor in ("ada", "bob"):
        client.patch(path, json={"status": "failed", "actor": actor})

    (body,) = bodies(client)
    assert (body["data"]["status"], body["data"]["actor"]) == ("failed", "ada")


@pytest.mark.usefixtures("secret")
def test_what_waits_for_the_next_environment_is_told(client: FlaskClient, record: Record) -> None:
    for environment in ("dev", "staging", "prod"):
        record(environment=environment)
    record(version="2.0", environment="dev")
    *_, pending = bodies(client)

    assert pending["type"] == "promotion.pending"
    assert (pending["data"]["from"], pending["data"]["to"]) == ("dev", "staging")
    assert (pending["data"]["service"], pending["data"]["version"]) == ("checkout", "2.0")
    assert pending["data"]["replaces"]["version"] == "1.0"
    assert [body["type"] for body in bodies(client)].count("promotion.pending") == 1


@pytest.mark.usefixtures("secret")
def test_what_failed_and_what_runs_there_already_waits_for_nothing(
    client: FlaskClient, record: Record
) -> None:
    for environment in ("staging", "dev", "dev"):
        record(environment=environment)
    record(version="2.0", environment="dev", status="failed")

    assert {body["type"] for body in bodies(client)} == {"deployment.finished"}


def test_nobody_is_told_what_they_did_not_ask_for(
    client: FlaskClient, record: Record, receiver: Receiver
) -> None:
    record(environment="staging")
    asked = {"url": receiver.url, "types": ["promotion.pending"]}
    json_of(client.post("/api/v1/subscriptions", json=asked))
    record(version="2.0")

    assert [body["type"] for body in bodies(client)] == ["promotion.pending"]


@pytest.mark.parametrize("finished", [{"hours": 25}, {"seconds": 30}])
@pytest.mark.usefixtures("secret")
def test_what_is_older_than_a_day_or_than_the_subscription_is_no_news(
    client: FlaskClient, record: Record, finished: dict[str, float]
) -> None:
    record(finished_at=ago(**finished))

    assert bodies(client) == []


def test_a_replay_a_rebuild_and_an_import_tell_nothing(
    app: APIFlask, client: FlaskClient, receiver: Receiver, tmp_path: Path
) -> None:
    where = send(client, "a").headers["Location"]
    asked = {"url": receiver.url, "types": ["deployment.finished"]}
    json_of(client.post("/api/v1/subscriptions", json=asked))
    lines = tmp_path / "lines"
    line = {"type": "deployment", "service": "a", "environment": "dev", "version": "1"}
    lines.write_text(json.dumps(line))
    runner = app.test_cli_runner()

    assert client.post(f"{where}/replay").status_code == 202
    assert runner.invoke(args=["ledger", "rebuild"]).exit_code == 0
    assert runner.invoke(args=["ledger", "import", str(lines)]).exit_code == 0
    assert bodies(client) == []


@pytest.mark.usefixtures("secret")
def test_what_is_not_stored_is_not_told(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(settling, "record", fail)
    assert json_of(send(client, "a"))["outcome"] == "failed"

    assert bodies(client) == []


@pytest.mark.usefixtures("secret")
def test_of_a_list_each_that_finished_just_now_is_told(client: FlaskClient) -> None:
    new = {"service": "checkout", "environment": "dev"}
    batch = [
        new | {"version": "1.0", "finished_at": ago(days=30)},
        new | {"version": "2.0", "status": "running"},
        new | {"version": "3.0"},
        new | {"version": "4.0"},
        {"service": "checkout", "environment": "staging", "version": "1.0"},
    ]

    json_of(client.post("/api/v1/deployments", json=batch))

    data: dict[str, list[dict[str, Any]]] = {"deployment.finished": [], "promotion.pending": []}
    for body in bodies(client):
        data[body["type"]].append(body["data"])
    finished = data["deployment.finished"]
    assert [each["version"] for each in finished] == ["3.0", "4.0", "1.0"]
    assert finished == [
        json_of(client.get(f"/api/v1/deployments/{each['id']}")) for each in finished
    ]
    # What another one has replaced by the end of the list waits for nothing.
    assert [each["version"] for each in data["promotion.pending"]] == ["4.0"]


@pytest.mark.usefixtures("secret")
def test_what_waits_for_many_tenants_takes_as_many_statements_as_for_one(
    client: FlaskClient, database: Database
) -> None:
    """A report of a release that waits for 150 of them took a thousand."""

    def report(services: int, version: str) -> int:
        batch = [
            {"service": f"web-{number}", "environment": "staging", "version": version}
            for number in range(services)
        ]
        with executed(database.engine) as statements:
            json_of(client.post("/api/v1/deployments", json=batch))
        return len(statements)

    json_of(client.post("/api/v1/deployments", json=[{**DEPLOYED, "environment": "prod-0"}]))
    report(1, "1.0")
    few = report(1, "1.1")
    tenants = [{**DEPLOYED, "environment": f"prod-{number}"} for number in range(6)]
    json_of(client.post("/api/v1/deployments", json=tenants))
    report(3, "1.2")

    assert report(3, "1.3") == few
    waiting = [body["data"] for body in bodies(client) if body["type"] == "promotion.pending"]
    assert [(each["service"], each["to"]) for each in waiting[-18:]] == [
        (f"web-{number}", name)
        for number in range(3)
        for name in sorted(tenant["environment"] for tenant in tenants)
    ]
    assert {each["version"] for each in waiting[-18:]} == {"1.3"}
