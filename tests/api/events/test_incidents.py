"""What events tell of incidents: one record in any order, and the same when it is told again."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from api.database import Database
from api.domain.events import inbox
from api.domain.events.adapters import ADAPTERS
from api.domain.events.cloudevents import STRUCTURED
from api.engine import let_write
from api.tables import incidents
from tests.api.conftest import json_of, problem
from tests.api.events.payloads import CLOUDEVENTS, cdevent
from tests.api.events.test_evidence import export
from tests.api.events.test_inbox import items
from tests.api.transfer import empty, exported, imported


def happened(number: int, what: str, **about: Any) -> dict[str, Any]:
    """Return the event that an incident was `what` in that minute of 12 o'clock."""
    about |= {"id": str(number), "timestamp": f"2026-03-01T12:0{number}:00Z"}
    return cdevent(f"incident.{what}", subject="incident-7", service={"id": "checkout"}, **about)


EVENTS = [
    happened(
        number,
        what,
        description=words,
        ticketURI="https://tickets.example.com/7" if what == "reported" else None,
    )
    for number, (what, words) in enumerate(
        [
            ("detected", "Payments are refused"),
            ("reported", "Nobody can pay"),
            ("resolved", "Payments are taken again"),
            ("resolved", "All is well"),
        ]
    )
]
REPORT = {
    "service": "checkout",
    "environment": "prod",
    "title": "It is down",
    "detected_at": "2026-03-01T11:59:00Z",
    "source": "cloudevents",
    "external_id": "/ci/acme#incident-7",
}


def send(client: FlaskClient, event: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(CLOUDEVENTS, json=event, headers={"Content-Type": STRUCTURED})
    return json_of(answer)


def incident(client: FlaskClient) -> dict[str, Any]:
    (found,) = items(client, "incidents")
    return found


def told(database: Database, events: Any) -> list[Any]:
    names = ("title", "detected_at", "resolved_at", "links", "corrected", "source", "external_id")
    rules = {"cloudevents": ADAPTERS["cloudevents"].rules}
    with database.engine.connect() as connection:
        let_write(connection)
        for event in events:
            came = inbox.received(ADAPTERS["cloudevents"], {}, event, b"")
            inbox.receive(connection, ADAPTERS["cloudevents"], came, rules)
        found = connection.execute(select(*(incidents.c[name] for name in names))).all()
        connection.rollback()
    return [tuple(each) for each in found]


def test_any_order_gives_the_same_incident(database: Database) -> None:
    expected = told(database, EVENTS)
    ((title, detected_at, resolved_at, links, *_),) = expected

    assert (title, links[0]["title"]) == ("Payments are refused", "ticket")
    assert (detected_at.minute, resolved_at.minute) == (0, 3)
    for order in permutations(EVENTS):
        assert told(database, [*order, order[0]]) == expected


# What happened in each minute, and when the incident was resolved: one that is detected again after
# its end is open, unless that was said of its beginning by a clock that was wrong.
AGAIN = [
    (["detected", "resolved", "detected"], None),
    (["detected", "resolved", "detected", "resolved"], 3),
    (["reported", "resolved", "detected"], None),
    (["detected", "resolved", "reported"], 1),
    (["resolved", "detected"], 0),
]


@pytest.mark.parametrize(("story", "minute"), AGAIN)
def test_what_is_detected_again_after_its_end_is_open(
    database: Database, story: list[str], minute: int | None
) -> None:
    events = [happened(number, what) for number, what in enumerate(story)]
    for order in permutations(events):
        ((_, detected_at, resolved_at, *_),) = told(database, [*order, order[0]])
        assert detected_at.minute == 0
        assert (resolved_at and resolved_at.minute) == minute


def test_what_was_opened_again_moves_to_another_ledger(
    app: APIFlask, client: FlaskClient, tmp_path: Path
) -> None:
    for number, what in enumerate(["detected", "resolved", "detected"]):
        send(client, happened(number, what))
    before = exported(app, tmp_path / "file")
    empty(app.extensions["database"])

    imported(app, tmp_path / "file")

    assert exported(app, tmp_path / "again") == before
    report = client.post("/api/v1/incidents", json=REPORT | {"resolved_at": "2026-03-01T12:01:30Z"})
    assert json_of(report)["resolved_at"] is None


def test_an_event_says_which_incident_it_tells_of(client: FlaskClient) -> None:
    answer = send(client, EVENTS[0])
    event = json_of(client.get(f"/api/v1/events/{answer['id']}"))

    assert (event["incidents"], event["deployments"]) == ([incident(client)["id"]], [])


def test_an_environment_is_made_known_and_nothing_else(client: FlaskClient) -> None:
    answer = send(client, cdevent("environment.created", subject="prod1"))

    assert answer["outcome"] == "projected"
    (environment,) = items(client, "environments")
    assert (environment["name"], environment["tier"]) == ("prod1", "production")
    assert items(client, "services") == items(client, "incidents") == []


def test_a_report_and_events_of_one_incident_are_one(client: FlaskClient) -> None:
    first = json_of(client.post("/api/v1/incidents", json=REPORT))
    send(client, EVENTS[2])
    json_of(
        client.post("/api/v1/incidents", json={**REPORT, "detected_at": "2026-03-01T11:00:00Z"})
    )

    found = incident(client)
    assert (found["id"], found["title"]) == (first["id"], "It is down")
    assert found["detected_at"] == "2026-03-01T11:00:00Z"
    assert found["resolved_at"] == "2026-03-01T12:02:00Z"
    problem(client.post("/api/v1/incidents", json={**REPORT, "environment": "dev"}), 409)


def test_an_incident_somewhere_else_is_told_and_changes_nothing(client: FlaskClient) -> None:
    send(client, EVENTS[0])
    before = incident(client)
    moved = cdevent("incident.resolved", subject="incident-7", service={"id": "cart"})
    answer = send(client, moved)

    assert answer["outcome"] == "failed"
    assert incident(client) == before


@pytest.mark.parametrize("first", [None, "report"])
def test_a_rebuild_gives_the_same_incidents_and_keeps_what_people_say(
    app: APIFlask, client: FlaskClient, first: str | None
) -> None:
    if first:
        json_of(client.post("/api/v1/incidents", json=REPORT))
    send(client, cdevent(id="d", timestamp="2026-03-01T11:00:00Z"))
    send(client, EVENTS[2])
    (deployment,) = items(client, "deployments")
    where = f"/api/v1/incidents/{incident(client)['id']}"
    changes: list[dict[str, Any]] = [
        {"title": "A better title", "links": [{"title": "why", "url": "https://example.com/why"}]},
        {"deployment_id": deployment["id"]},
        {"resolved_at": None},
    ]
    for change in changes:
        json_of(client.patch(where, json=change))
    send(client, EVENTS[1])
    json_of(client.post("/api/v1/incidents", json={**REPORT, "title": "Reported late"}))
    before = export(app)
    told = incident(client)
    assert (told["title"], told["resolved_at"]) == ("A better title", None)
    assert {each["title"] for each in told["links"]} == {"why", "ticket"}
    assert (told["link"], told["deployment_id"]) == ("stated", deployment["id"])

    for _ in range(2):
        result = app.test_cli_runner().invoke(args=["ledger", "rebuild"])
        assert result.exit_code == 0, result.output
        assert export(app) == before
    for event in items(client, "events"):
        json_of(client.post(f"/api/v1/events/{event['id']}/replay"))
        assert export(app) == before


def test_a_correction_waits_for_an_incident_that_is_gone(
    app: APIFlask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = send(client, EVENTS[0])
    client.patch(f"/api/v1/incidents/{incident(client)['id']}", json={"title": "A better title"})
    before = export(app)
    monkeypatch.setitem(
        app.extensions["event_rules"],
        "cloudevents",
        ADAPTERS["cloudevents"].rules.model_copy(update={"services": {"checkout": None}}),
    )
    where = f"/api/v1/events/{event['id']}/replay"
    assert json_of(client.post(where))["outcome"] == "not_ours"
    assert items(client, "incidents") == []

    monkeypatch.undo()
    json_of(client.post(where))
    assert export(app) == before
