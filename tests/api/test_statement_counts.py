"""How many SQL statements an answer takes, on SQLite and on PostgreSQL; it must not grow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from api.database import Database
from tests.api.conftest import NewApp
from tests.api.events.payloads import GITHUB, argocd, event_of, flux, github
from tests.api.transfer import deployment, imported, write
from tests.postgresql import Lender, traced

Send = Callable[[FlaskClient], TestResponse]
DEPLOYMENT = {"service": "checkout", "environment": "prod", "version": "1.4.2"}
INCIDENT = {"service": "checkout", "environment": "prod", "title": "Payments are refused"}


def post(path: str, body: dict[str, Any], **headers: str) -> Send:
    """Return what sends a body to a path of the API."""
    return lambda client: client.post(f"/api/v1/{path}", json=body, headers=headers)


def from_github(state: str | None, number: int) -> Send:
    """Return what sends an event of GitHub."""
    body = github(state, number)
    headers = {"X-GitHub-Event": event_of(body), "X-GitHub-Delivery": str(number)}
    return lambda client: client.post(GITHUB, json=body, headers=headers)


def metrics(client: FlaskClient) -> TestResponse:
    """Ask for the DORA metrics."""
    return client.get("/api/v1/metrics/dora?service=checkout&environment=prod")


def declare(day: int, **versions: str) -> Send:
    """Return what reports the versions that are declared on a day."""
    body = {
        "repository": "https://git.example.com/acme/gitops",
        "config_revision": f"r{day}",
        "declared_at": f"2026-03-0{day}T12:00:00Z",
        "services": {name: {"version": version} for name, version in versions.items()},
    }
    return lambda client: client.put("/api/v1/declarations/prod", json=body)


REPORT = post("deployments", DEPLOYMENT)
RUNNING = post("deployments", {**DEPLOYMENT, "external_id": "4711", "status": "running"})
SUCCEEDED = post("deployments", {**DEPLOYMENT, "external_id": "4711"})
SYNCED = post("webhooks/argocd", argocd())
RECONCILED = post("webhooks/flux", flux())
BROKEN = post("incidents", {**INCIDENT, "external_id": "I-17"})

# What happened before, what is sent, and how many statements that may take. What only one of the
# databases needs is not counted: an advisory lock in PostgreSQL, BEGIN in SQLite.
CASES: dict[str, tuple[list[Send], Send, int]] = {
    "the first report": ([], REPORT, 5),
    "a report of a known service": ([REPORT], REPORT, 3),
    "a report with an id": ([REPORT], RUNNING, 3),
    "a second report with that id": ([REPORT, RUNNING], SUCCEEDED, 7),
    # One of them asks where else the deployment is, which a status may move. A deployment and its
    # statement are two on SQLite, and one on PostgreSQL.
    "github at first sight": ([], from_github("success", 3), 9),
    "github, known": ([from_github(None, 1)], from_github("success", 3), 7),
    "github, repeated": ([from_github("success", 3)], from_github("success", 3), 3),
    # One of them asks what the deployment replaces, which may be running for all that is known.
    "argocd at first sight": ([], SYNCED, 9),
    "argocd, known": ([post("webhooks/argocd", argocd("Running"))], SYNCED, 7),
    "argocd, repeated": ([SYNCED], SYNCED, 2),
    "flux at first sight": ([], RECONCILED, 10),
    "flux, repeated": ([RECONCILED], RECONCILED, 3),
    "an incident": ([REPORT], BROKEN, 4),
    "a second report of an incident": ([REPORT, BROKEN], BROKEN, 5),
    "an incident without an id": ([REPORT], post("incidents", INCIDENT), 4),
    "declarations at first sight": ([], declare(1, a="1", b="1"), 18),
    "declarations, one changed": ([declare(1, a="1", b="1")], declare(2, a="2", b="1"), 17),
    "declarations, unchanged": ([declare(1, a="1", b="1")], declare(2, a="1", b="1"), 11),
    "declarations, repeated": ([declare(1, a="1", b="1")], declare(1, a="1", b="1"), 11),
    "declarations, late": ([declare(1, a="1"), declare(3, a="1")], declare(2, a="2"), 18),
    "the metrics": ([REPORT, BROKEN, metrics], metrics, 11),
    # Once for what has been reported since: more of that takes hardly more.
    "the metrics after reports": ([REPORT, BROKEN], metrics, 36),
}


@contextmanager
def executed(database: Database) -> Iterator[list[str]]:
    """Collect the statements that are executed meanwhile."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN") and "pg_advisory_xact_lock" not in statement:
            statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield statements
    event.remove(database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("case", CASES)
def test_an_answer_takes_no_more_statements_than_before(
    client: FlaskClient, database: Database, case: str
) -> None:
    before, send, most = CASES[case]
    for each in before:
        assert each(client).status_code < 300

    with executed(database) as statements:
        response = send(client)

    assert response.status_code in (200, 201, 202), response.text
    assert len(statements) <= most, "\n".join(statements)


READS = [
    "deployments?limit=20",
    "matrix",
    "incidents",
    "changes",
    "events",
    "services/checkout",
    "environments",
]


def test_a_read_takes_one_round_trip(new_app: NewApp, postgresql_lender: Lender) -> None:
    with postgresql_lender.lend() as made:
        app = new_app(**made, THREADS=1)
        client = app.test_client()
        assert REPORT(client).status_code == 201
        for path in READS:
            with traced(app.extensions["database"].engine) as count:
                assert client.get(f"/api/v1/{path}").status_code == 200
                assert count() == 1, path


def test_an_import_takes_few_statements_however_many_cells_and_reports_it_has(
    client: FlaskClient, database: Database, tmp_path: Path
) -> None:
    lines = [
        deployment(
            service=f"service-{number % 50}",
            environment=environment,
            external_id=f"{environment}-{number}",
            version=f"1.{number}",
            **end,
        )
        for number in range(100)
        for environment in ("dev", "prod")
        for end in ({"status": "running", "finished_at": None}, {"status": "succeeded"})
    ]
    file = write(tmp_path / "file", lines)

    with executed(database) as statements:
        assert imported(client.application, file).startswith("added: 200 deployments; ")

    # A file of one batch; each further one takes as many again, but for those of the check.
    assert len(statements) < 60, "\n".join(statements)
