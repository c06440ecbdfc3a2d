"""Events are stored first, then projected, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from api.domain.deployments import settling
from api.outages import Outage, UnavailableError
from tests.api.conftest import json_of, problem
from tests.api.events.payloads import GITHUB, deliver, github

STATES = [None, "queued", "in_progress", "failure", "success"]


def items(client: FlaskClient, path: str) -> list[dict[str, Any]]:
    return list(json_of(client.get(f"/api/v1/{path}"))["items"])


def test_an_event_becomes_a_deployment_once(client: FlaskClient) -> None:
    first = deliver(client, github(), "a")
    again = deliver(client, github(), "a")

    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json == again.json
    (deployment,) = items(client, "deployments")
    assert deployment["service"] == "checkout"
    assert deployment["status"] == "succeeded"
    event = json_of(client.get(first.headers["Location"]))
    assert event["deployments"] == [deployment["id"]]
    assert event["body"] == github()


def test_the_newest_status_holds_in_whatever_order_they_come(client: FlaskClient) -> None:
    for number in (4, 0, 3, 1, 2):
        deliver(client, github(STATES[number], number), str(number))

    (deployment,) = items(client, "deployments")
    assert deployment["status"] == "succeeded"
    assert deployment["finished_at"] == "2026-03-01T12:04:00Z"
    assert deployment["started_at"] == "2026-03-01T12:00:00Z"


def test_what_is_not_ours_is_kept_and_says_so(client: FlaskClient) -> None:
    answer = deliver(client, {"zen": "Design for failure."}, "a", "ping")

    assert (answer.status_code, answer.data) == (204, b"")
    (event,) = items(client, "events?outcome=not_ours&source=github")
    assert "ping" in event["reason"]
    assert items(client, "deployments") == []
    assert items(client, "events?outcome=failed") == []


def test_a_projection_that_fails_keeps_the_event(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = settling.record

    def fail(connection: Any, *arguments: Any) -> None:
        real(connection, *arguments)
        raise ValueError("a fault of ours")

    monkeypatch.setattr(settling, "record", fail)
    answer = deliver(client, github(), "a")
    assert (answer.status_code, json_of(answer)["outcome"]) == (202, "failed")
    assert items(client, "deployments") == []

    monkeypatch.undo()
    event = items(client, "events")[0]
    replayed = client.post(f"/api/v1/events/{event['id']}/replay")
    assert (replayed.status_code, json_of(replayed)["outcome"]) == (202, "projected")
    assert len(items(client, "deployments")) == 1


def test_a_database_that_is_down_is_503_and_keeps_nothing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise UnavailableError(Outage.SILENT, "gone")

    monkeypatch.setattr(settling, "record", fail)
    assert "Retry-After" in deliver(client, github(), "a").headers
    monkeypatch.undo()

    assert items(client, "events") == []
    assert deliver(client, github(), "a").status_code == 202


def test_a_replay_changes_nothing(client: FlaskClient) -> None:
    for number in (1, 2, 3):
        deliver(client, github(STATES[number], number), str(number))
    before = items(client, "deployments")
    for event in items(client, "events"):
        client.post(f"/api/v1/events/{event['id']}/replay")

    assert items(client, "deployments") == before


def test_a_dry_run_stores_nothing(client: FlaskClient) -> None:
    headers = {"X-GitHub-Event": "deployment_status"}
    told = json_of(client.post(f"{GITHUB}/dry-run", json=github(), headers=headers))

    assert (told["outcome"], told["deployments"][0]["service"]) == ("projected", "checkout")
    assert items(client, "events") == items(client, "deployments") == []


def test_only_an_admin_sees_what_was_sent(client: FlaskClient) -> None:
    where = deliver(client, github(), "a").headers["Location"]
    made = client.post("/api/v1/tokens", json={"name": "eye", "scopes": ["read"]})
    reader = {"Authorization": f"Bearer {json_of(made)['token']}"}
    told = json_of(client.get(where, headers=reader))

    assert (told["headers"], told["body"]) == (None, None)
    problem(client.post(f"{where}/replay", headers=reader), 403)


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"payload=%7B%7D", "application/x-www-form-urlencoded", 415),
        (b"[]", "application/json", 422),
        (b'{"a": {"b": ["\\ud800"]}}', "application/json", 400),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "application/json", 400),
        (b'{"a": "' + b"x" * 1024 * 1024 + b'"}', "application/json", 413),
    ],
)
def test_what_is_no_event_is_refused(
    client: FlaskClient, body: bytes, media_type: str, status: int
) -> None:
    problem(client.post(GITHUB, data=body, headers={"Content-Type": media_type}), status)
    assert items(client, "events") == []


def test_an_event_that_is_not_there(client: FlaskClient) -> None:
    nowhere = "/api/v1/events/01a2063f-66af-738f-a00c-f46db3662472"
    problem(client.get(nowhere), 404)
    problem(client.post(f"{nowhere}/replay"), 404)


def test_deliveries_at_the_same_time_are_one(app: APIFlask, client: FlaskClient) -> None:
    def send(number: int) -> int:
        return deliver(app.test_client(), github("success", 3), str(number % 2)).status_code

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(send, range(12)))

    assert answers == [200] * 10 + [202] * 2
    assert len(items(client, "deployments")) == 1
    assert len(items(client, "events?outcome=projected")) == 2
