"""Lists of reports: all are recorded or none, and the ledger is what they make of it one by one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select
from uuid_utils.compat import uuid7

from api.database import Database
from api.domain import cells
from api.domain.deployments import reports
from api.domain.deployments.model import MAX_BATCH, NewDeployment
from api.engine import let_write
from api.http.strict import MAX_LIST_BYTES
from api.tables import deployments, environments, incidents, services
from tests.api.conftest import json_of, problem
from tests.api.events.test_evidence import Fact, fact, tell
from tests.api.test_statement_counts import executed

URL = "/api/v1/deployments"
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
Reports = list[dict[str, Any]]


def report(version: str = "1.0", **fields: Any) -> dict[str, Any]:
    return {"service": "checkout", "environment": "prod", "version": version, **fields}


def items(client: FlaskClient) -> Reports:
    found: Reports = json_of(client.get(URL))["items"]
    return found


def test_each_report_is_answered_in_order_as_it_would_be_by_itself(client: FlaskClient) -> None:
    known = report(source="ci", external_id="1", status="running")
    json_of(client.post(URL, json=known))
    new = report("2.0", source="ci", external_id="2", environment="dev")

    response = client.post(URL, json=[known | {"status": "succeeded"}, new, new, report("3.0")])

    assert (response.status_code, "Location" in response.headers) == (201, False)
    answers = json_of(response)["items"]
    assert [answer["status"] for answer in answers] == [200, 201, 200, 201]
    assert [answer["deployment"]["version"] for answer in answers] == ["1.0", "2.0", "2.0", "3.0"]
    for answer in answers:
        told = answer["deployment"]
        assert json_of(client.get(f"{URL}/{told['id']}")) == told
    assert len(items(client)) == 3


def test_a_list_sent_again_changes_nothing(client: FlaskClient) -> None:
    batch = [report(f"{number}.0", external_id=f"{number}") for number in range(5)]
    first = client.post(URL, json=batch)

    again = client.post(URL, json=batch)

    assert (first.status_code, again.status_code) == (201, 200)
    assert [answer["deployment"] for answer in json_of(again)["items"]] == [
        answer["deployment"] for answer in json_of(first)["items"]
    ]


def test_nothing_to_report_is_nothing_wrong(client: FlaskClient) -> None:
    response = client.post(URL, json=[])

    assert (response.status_code, response.json) == (200, {"items": []})


def test_what_is_not_valid_is_named_by_its_place_and_nothing_is_recorded(
    client: FlaskClient,
) -> None:
    batch = [report(), report("a b"), report(), {"service": "web", "version": "1", "state": "new"}]

    refused = problem(client.post(URL, json=batch), 422)

    assert [fault["pointer"] for fault in refused["errors"]] == [  # type: ignore[attr-defined]
        "#/1/version",
        "#/3/environment",
        "#/3/state",
    ]
    assert items(client) == []


def test_too_many_are_refused(client: FlaskClient) -> None:
    refused = problem(client.post(URL, json=[report()] * (MAX_BATCH + 1)), 422)

    assert [fault["pointer"] for fault in refused["errors"]] == ["#"]  # type: ignore[attr-defined]


def test_what_contradicts_is_named_by_its_place_and_nothing_is_recorded(
    client: FlaskClient,
) -> None:
    json_of(client.post(URL, json=report(external_id="1")))
    before = items(client)
    batch = [
        report("1.1", external_id="2", service="new"),
        report("2.0", external_id="1"),
        report("1.1", external_id="2", service="new", environment="dev"),
        report("1.1", external_id="2", service="other"),
        report("1.0", external_id="1", status="failed"),
    ]

    refused = problem(client.post(URL, json=batch), 409)

    places = [fault["pointer"] for fault in refused["errors"]]  # type: ignore[attr-defined]
    assert places == ["#/1/version", "#/2/environment", "#/3/service"]
    assert items(client) == before
    assert [each["name"] for each in json_of(client.get("/api/v1/services"))["items"]] == [
        "checkout"
    ]


def test_one_that_contradicts_is_named_too(client: FlaskClient) -> None:
    batch = [report(), report(external_id="1"), report("2.0", external_id="1")]

    refused = problem(client.post(URL, json=batch), 409)

    assert refused["detail"] == "The deployment 1 of api is known with another version."
    assert refused["errors"] == [{"pointer": "#/2/version", "detail": refused["detail"]}]
    assert items(client) == []


def test_a_key_replays_the_answers_and_fits_one_list_only(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "back-fill 1"}
    first = client.post(URL, json=[report("1.0"), report("2.0")], headers=headers)

    again = client.post(URL, json=[report("1.0"), report("2.0")], headers=headers)

    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(items(client)) == 2
    problem(client.post(URL, json=[report("1.0")], headers=headers), 422)


def test_a_list_may_be_larger_than_other_bodies(client: FlaskClient) -> None:
    link = {"title": "pipeline", "url": "https://ci.example.com/" + "x" * 1500}
    large = json.dumps([report(f"{number}.0", links=[link]) for number in range(1000)])
    assert 1024**2 < len(large) < MAX_LIST_BYTES
    as_json = {"content_type": "application/json"}

    assert client.post(URL, data=large, **as_json).status_code == 201
    larger = problem(client.post(URL, data=large + " " * MAX_LIST_BYTES, **as_json), 413)
    assert larger["detail"] == f"The body is larger than {MAX_LIST_BYTES} bytes."
    problem(client.post("/api/v1/webhooks/argocd", data=large, **as_json), 413)


@pytest.mark.parametrize("number", [1, 10, 400])
def test_a_list_takes_the_same_few_statements_however_long_it_is(
    client: FlaskClient, database: Database, number: int
) -> None:
    for environment in ("dev", "prod"):
        json_of(client.post(URL, json=report("0.1", environment=environment, status="running")))
    batch = [
        report(f"{version}.0", environment=environment, external_id=f"{environment}{version}")
        for environment in ("dev", "prod")
        for version in range(number)
    ]

    with executed(database) as statements:
        assert client.post(URL, json=batch).status_code == 201

    # The ids of its cells with the subscriptions, what is around it, and its rows.
    assert len(statements) == 3, "\n".join(statements)


# Who starts at one instant is ordered by what came first.
MINUTES = st.integers(0, 30)
SAID = st.fixed_dictionaries(
    {
        "service": st.sampled_from(["a", "a", "b"]),
        "version": st.sampled_from(["1.0", "v1.0", "2.0"]),
        "status": st.sampled_from(["running", "succeeded", "succeeded", "failed", "cancelled"]),
    },
    optional={
        "image_digest": st.sampled_from(["sha256:" + digit * 64 for digit in "ab"]),
        "config_revision": st.sampled_from(["x", "y"]),
        "kind": st.sampled_from(["hotfix", "rollout"]),
        "external_id": st.sampled_from(["1", "2", "3"]),
        "actor": st.sampled_from(["ada", "grace"]),
    },
)
REPORT = st.tuples(MINUTES, st.integers(0, 5), SAID)
OUTAGE = st.one_of(st.none(), st.tuples(MINUTES, st.one_of(st.none(), st.integers(1, 10))))


def made(minute: int, took: int, said: dict[str, Any]) -> NewDeployment:
    """Return a report that fits the others with its external id."""
    fields = dict(said)
    if "external_id" in fields:
        fields |= {"service": "a", "version": f"{fields['external_id']}.0"}
        fields.pop("image_digest", None)
        fields.pop("config_revision", None)
    started_at = BEGIN + timedelta(minutes=minute)
    if fields["status"] != "running":
        fields["finished_at"] = started_at + timedelta(minutes=took)
    return NewDeployment(environment="prod", started_at=started_at, source="ci", **fields)


def ledger(connection: Connection) -> list[tuple[Any, ...]]:
    """Return all that is stored of deployments but their ids and times of creation."""
    shown = [
        column
        for column in deployments.c
        if column.name not in ("id", "created_at", "service_id", "environment_id")
    ]
    found = select(services.c.name, environments.c.name, *shown).select_from(
        deployments.join(services).join(environments)
    )
    return sorted(map(tuple, connection.execute(found)), key=str)


def begin(
    connection: Connection, before: list[NewDeployment], outage: Any, events: list[Fact]
) -> None:
    """Write what is there before: reports, perhaps an incident and an event."""
    (cell, *_) = cells.hold(connection, [("a", "prod"), ("b", "prod")], BEGIN)
    if outage is not None:
        detected_at = BEGIN + timedelta(minutes=outage[0])
        lasted = outage[1]
        row = {
            "id": uuid7(),
            **cell._asdict(),
            "title": "It is down",
            "detected_at": detected_at,
            "resolved_at": lasted and detected_at + timedelta(minutes=lasted),
            "links": [],
            "created_at": BEGIN,
        }
        connection.execute(insert(incidents), row)
    for each in before:
        reports.record(connection, each)
    tell(connection, events)


@settings(max_examples=40)
@given(
    before=st.lists(REPORT, max_size=5),
    batch=st.lists(REPORT, min_size=2, max_size=8),
    outage=OUTAGE,
    event=st.sampled_from([None, None, "1.0"]),
)
def test_a_list_makes_of_the_ledger_what_its_reports_make_one_by_one(
    database: Database, before: list[Any], batch: list[Any], outage: Any, event: str | None
) -> None:
    fit = [made(*each) for each in batch]
    found = []
    for in_one_go in (True, False):
        with database.engine.connect() as connection:
            let_write(connection)
            events = [fact("github", "7/1", 20, version=event, service="a")] if event else []
            begin(connection, [made(*each) for each in before], outage, events)
            if in_one_go:
                reports.record_all(connection, fit)
            else:
                for each in fit:
                    reports.record(connection, each)
            found.append(ledger(connection))
            connection.rollback()

    assert found[0] == found[1]
