"""Several senders about one rollout make one deployment, in whatever order they come."""

from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import Connection, insert, select
from uuid_utils.compat import uuid7

from api.database import Database
from api.domain.deployments import reports, settling
from api.domain.deployments.model import NewDeployment
from api.domain.deployments.store import FIELDS
from api.domain.kit.times import now
from api.engine import let_write
from api.tables import deployments, environments, events, services
from tests.api.conftest import Record, json_of, problem
from tests.api.events.orders import tries
from tests.api.events.payloads import COMMIT, deliver, github
from tests.api.events.test_inbox import items

ORDERS = 1000 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 24
DIGEST = "sha256:" + "4f" * 32
Fact = tuple[NewDeployment, int | None, bool]


def fact(source: str, key: str, minute: float, *, number: int | None = None, **told: Any) -> Fact:
    """Return what an event, or with the source ci a report without one, says."""
    at = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() + minute * 60
    when = datetime.fromtimestamp(at, UTC)
    final = told.get("status", "succeeded") in ("succeeded", "failed", "cancelled")
    report = {
        "service": "checkout",
        "environment": "prod",
        "version": "1.4.2",
        "source": source,
        "external_id": key,
        "started_at": when,
        "finished_at": when if final else None,
        **told,
    }
    return NewDeployment.model_validate(report), number, source != "ci"


def hours(number: int) -> datetime:
    return datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(hours=number)


HISTORY = [
    fact("github", "7/1", 0, number=1, version=COMMIT, commit=COMMIT, status="pending"),
    fact("github", "7/1", 1, number=2, version=COMMIT, commit=COMMIT, status="running"),
    fact("github", "7/1", 4, number=4, version=COMMIT, commit=COMMIT, actor="ada"),
    fact("github", "7/1", 3, number=3, version=COMMIT, commit=COMMIT, status="failed"),
    fact("argocd", "app/1", 2, version="1.4.2", commit=COMMIT[:12], image_digest=DIGEST),
    fact("ci", "4711", 5, version="1.4.2", actor="grace"),
    fact("ci", "4711", 2, version="1.4.2", status="running"),
    # The same once more, an hour later; and another try of it, by the same source.
    fact("github", "7/2", 60, number=9, version=COMMIT, commit=COMMIT),
    fact("argocd", "app/2", 61, version="1.4.2", image_digest=DIGEST, status="failed"),
    fact("argocd", "app/3", 66, version="1.4.2", image_digest=DIGEST),
    fact("ci", "4712", 62, version="1.4.2", commit=COMMIT),
    # Something else at that time.
    fact("flux", "f/1", 61, version="1.5.0"),
]


def tell(connection: Connection, facts: Sequence[Fact]) -> None:
    for report, number, by_event in facts:
        if not by_event:
            reports.record(connection, report)
            continue
        event_id = uuid7()
        row = {
            "id": event_id,
            "source": report.source,
            "delivery_id": str(event_id),
            "received_at": now(),
            "headers": {},
            "body": "{}",
            "body_digest": DIGEST,
            "outcome": "projected",
        }
        connection.execute(insert(events), row)
        settling.record(connection, [(report, number)], now(), event_id)


def told(connection: Connection) -> list[dict[str, Any]]:
    """Return the ledger, less what says when it was told."""
    rows = connection.execute(
        select(*FIELDS)
        .select_from(deployments.join(services).join(environments))
        .order_by(deployments.c.started_at, deployments.c.version)
    )
    return [
        {name: value for name, value in row.items() if name not in ("id", "created_at")}
        for row in rows.mappings()
    ]


def ledger_of(database: Database, facts: Sequence[Fact]) -> list[dict[str, Any]]:
    """Return what facts make of an empty ledger, and leave it empty."""
    with database.engine.connect() as connection:
        let_write(connection)
        tell(connection, facts)
        found = told(connection)
        connection.rollback()
    return found


def test_one_rollout_is_one_deployment_with_the_best_of_each(database: Database) -> None:
    first, *_ = found = ledger_of(database, HISTORY)

    assert len(found) == 4
    assert first["version"] == "1.4.2"  # ci was asked to report; the others infer
    assert first["image_digest"] == DIGEST
    assert first["commit"] == COMMIT[:12]  # argocd sees the cluster
    assert (first["actor"], first["status"]) == ("grace", "succeeded")
    assert (first["source"], first["external_id"]) == ("ci", "4711")


def test_the_order_leaves_no_trace(database: Database) -> None:
    expected = ledger_of(database, HISTORY)
    chance = random.Random(20260301)  # noqa: S311
    for _ in range(tries(database, ORDERS)):
        # Reports by two ways may be repeated, too.
        facts = [*HISTORY, *chance.sample(HISTORY, 3)]
        chance.shuffle(facts)
        assert ledger_of(database, facts) == expected, [(*each,) for each in facts]


@pytest.mark.parametrize(
    ("other", "together"),
    [
        (fact("argocd", "a", 14, version="1.4.2"), True),
        (fact("argocd", "a", 16, version="1.4.2"), False),
        (fact("argocd", "a", 1, version="1.4.3"), False),
        (fact("argocd", "a", 1, version="1.4.3", image_digest=DIGEST), True),
        (fact("argocd", "a", 1, version="main-7", commit=COMMIT[:7]), True),
        (fact("argocd", "a", 1, version=COMMIT[:10]), True),
        (fact("argocd", "a", 1, version="v1.4.2"), True),
        (fact("argocd", "a", 1, version=f"sha-{COMMIT[:7]}"), True),
        (fact("argocd", "a", 1, version=f"main-{COMMIT[:7]}-1700000000"), True),
        (fact("argocd", "a", 1, version=f"1.4.3-{COMMIT[:7]}"), True),
        (fact("argocd", "a", 1, version="sha-0000000"), False),
        (fact("argocd", "a", 1, version="1.4.2", environment="dev"), False),
        (fact("argocd", "a", 1, version="1.4.2", service="cart"), False),
        (fact("github", "b", 1, version="1.4.2"), False),
    ],
)
def test_who_tells_of_the_same_rollout(database: Database, other: Fact, together: bool) -> None:
    one = fact("github", "a", 0, version="1.4.2", commit=COMMIT, image_digest=DIGEST)

    assert len(ledger_of(database, [one, other])) == (1 if together else 2)
    assert len(ledger_of(database, [other, one])) == (1 if together else 2)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        # Its two statements are far from the other witness; what they span is not.
        ([fact("argocd", "a", 0), fact("argocd", "a", 60), fact("github", "b", 30)], 1),
        # It waited for an approval, for less than a day and for more.
        ([fact("github", "a", 0, finished_at=hours(23)), fact("argocd", "b", 23 * 60)], 1),
        ([fact("github", "a", 0, finished_at=hours(25)), fact("argocd", "b", 25 * 60)], 2),
        ([fact("ci", "a", 0, finished_at=hours(25)), fact("argocd", "b", 25 * 60)], 2),
    ],
)
def test_long_ones_are_joined_alike_in_any_order(
    database: Database, facts: list[Fact], expected: int
) -> None:
    for order in permutations(facts):
        assert len(ledger_of(database, order)) == expected


def test_reports_without_events_are_left_as_they_are(client: FlaskClient, record: Record) -> None:
    at = {"started_at": "2026-03-01T12:00:00Z", "finished_at": "2026-03-01T12:01:00Z"}
    one, other = record(source="ci", **at), record(source="cd", **at)

    assert one["id"] != other["id"]
    evidence = json_of(client.get(f"/api/v1/deployments/{one['id']}/evidence"))
    assert evidence == {"items": [], "conflicts": []}


def test_a_report_joins_what_events_tell_of(client: FlaskClient, record: Record) -> None:
    deliver(client, github(), "a")
    (before,) = items(client, "deployments")
    joined = record(
        environment="prod",
        version="1.4.2",
        commit=COMMIT,
        started_at="2026-03-01T12:01:00Z",
        finished_at="2026-03-01T12:02:00Z",
    )

    assert joined["id"] == before["id"]
    assert joined["version"] == "1.4.2"
    evidence = json_of(client.get(f"/api/v1/deployments/{joined['id']}/evidence"))
    assert [each["source"] for each in evidence["items"]] == ["github", "api"]
    assert evidence["items"][0]["said"]["version"] == COMMIT
    assert [each["sequence"] for each in evidence["items"]] == [3, None]
    assert evidence["conflicts"] == ["version"]
    problem(client.get(f"/api/v1/deployments/{UUID(int=7)}/evidence"), 404)


def test_a_report_that_contradicts_its_source_is_refused(
    client: FlaskClient, record: Record
) -> None:
    deliver(client, github(), "a")
    one = {"environment": "prod", "commit": COMMIT, "source": "ci", "external_id": "1"}
    at = {"started_at": "2026-03-01T12:01:00Z", "finished_at": "2026-03-01T12:02:00Z"}
    record(version="1.4.2", **one, **at)
    body = {"service": "checkout", "version": "1.4.3", **one, **at}

    problem(client.post("/api/v1/deployments", json=body), 409)
    assert client.post("/api/v1/deployments", json=body | {"version": "1.4.2"}).status_code == 200


def test_what_a_person_corrects_stays(client: FlaskClient) -> None:
    deliver(client, github("in_progress", 1), "a")
    (deployment,) = items(client, "deployments")
    where = f"/api/v1/deployments/{deployment['id']}"
    change = {"status": "cancelled", "finished_at": "2026-03-01T12:02:00Z", "kind": "hotfix"}
    json_of(client.patch(where, json=change))
    deliver(client, github("success", 3), "b")
    (event, _) = items(client, "events")
    client.post(f"/api/v1/events/{event['id']}/replay")

    told = json_of(client.get(where))
    assert (told["status"], told["kind"]) == ("cancelled", "hotfix")
    assert told["finished_at"] == "2026-03-01T12:02:00Z"


def export(app: APIFlask) -> list[dict[str, Any]]:
    result = app.test_cli_runner().invoke(args=["ledger", "export"])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in io.StringIO(result.stdout)][1:]


def test_a_rebuild_makes_the_same_ledger(
    app: APIFlask, client: FlaskClient, record: Record
) -> None:
    at = {"started_at": "2026-03-01T12:01:00Z", "finished_at": "2026-03-01T12:02:00Z"}
    record(environment="prod", version=COMMIT, source="ci", external_id="1", **at)
    for number, state in enumerate([None, "in_progress", "failure", "success", "inactive"]):
        deliver(client, github(state, number), f"a{number}")
        deliver(client, github(state, number, id=72, environment="dev"), f"b{number}")
    record(environment="dev", version="1.4.2", commit=COMMIT, source="ci", **at)
    record(environment="dev", version="0.1", source="ci", external_id="2")
    dev = next(
        each
        for each in items(client, "deployments")
        if each["environment"] == "dev" and each["commit"]
    )
    client.patch(f"/api/v1/deployments/{dev['id']}", json={"actor": "grace"})
    incident = {
        "service": "checkout",
        "environment": "dev",
        "title": "Payments are refused",
        "detected_at": "2026-03-01T12:10:00Z",
        "deployment_id": dev["id"],
    }
    json_of(client.post("/api/v1/incidents", json=incident))
    before = export(app)
    for _ in range(2):
        result = app.test_cli_runner().invoke(args=["ledger", "rebuild"])
        assert result.exit_code == 0, result.output
        assert "10 projected" in result.output
        assert export(app) == before
