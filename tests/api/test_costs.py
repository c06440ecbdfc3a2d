"""What an answer costs, in figures that do not depend on the machine: function calls and bytes.

The number of calls is the same each time, and with it goes the processor time: a change that adds a
tenth to it has a price on every request. Who lowers a number here keeps what was won. A number is
three in a hundred above what was counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pytest
from apiflask import APIFlask
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.database import Database
from tests.api.conftest import NewApp

DEPLOYMENT = {
    "service": "checkout",
    "environment": "prod",
    "version": "1.4.2",
    "started_at": "2026-03-01T12:00:00Z",
    "finished_at": "2026-03-01T12:01:30Z",
    "source": "ci",
}
WINDOW = "from=2026-02-01T00:00:00Z&to=2026-04-01T00:00:00Z"
# Each version of Python calls functions of its own.
pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 13), reason="the calls are those of the image's Python 3.13"
)
# After so many executions, psycopg lets the server prepare a statement.
PREPARED = 6
CALLS = 400


class Cost(NamedTuple):
    """The calls of functions, in Python and in C, and the bytes of the body."""

    calls: int
    size: int


class Most(NamedTuple):
    """The most that an answer may cost: calls on each database, and bytes."""

    sqlite: int
    postgresql: int
    size: int


# With 20 services in three environments.
MOST: dict[str, Most] = {
    "GET /healthz": Most(1_020, 1_020, 16),
    "GET /deployments?limit=20": Most(2_305, 1_915, 7_697),
    # On SQLite it may have been written just now, so that it is made again.
    "GET /deployments?limit=20, unchanged": Most(2_600, 1_280, 0),
    "GET /deployments/{id}": Most(1_560, 1_205, 378),
    "GET /matrix": Most(2_735, 1_295, 18_131),
    "GET / by a browser": Most(13_940, 11_510, 14_750),
    "GET /services": Most(1_530, 1_290, 2_211),
    "GET /metrics/dora": Most(3_870, 3_730, 13_534),
    "POST /deployments": Most(2_335, 2_350, 390),
}


class Counting:
    """An application whose calls are counted while it answers, if anybody wants to know."""

    def __init__(self, app: Flask) -> None:
        self.answer = app.wsgi_app
        self.calls = 0
        self.wanted = False
        app.wsgi_app = self  # type: ignore[method-assign]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not self.wanted:
            return self.answer(environ, start_response)
        self.calls = 0
        before = sys.getprofile()
        sys.setprofile(self.count)
        try:
            return self.answer(environ, start_response)
        finally:
            sys.setprofile(before)

    def count(self, _frame: Any, event: str, _argument: Any) -> None:
        self.calls += event in ("call", "c_call")


Send = Callable[[], TestResponse]


@pytest.fixture
def app(new_app: NewApp, migrated_database: dict[str, object]) -> APIFlask:
    """Return an application that nobody had before: what it counts with stays in it."""
    return new_app(**migrated_database, RATE_LIMIT="10000 per minute")


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    """Return a client of a ledger with a deployment in each of 60 cells."""
    client = app.test_client()
    for number in range(60):
        body = {
            **DEPLOYMENT,
            "service": f"service-{number % 20:02}",
            "environment": ("dev", "staging", "prod")[number // 20],
            "external_id": f"{number:04}",
        }
        assert client.post("/api/v1/deployments", json=body).status_code == 201
    return client


def sending(client: FlaskClient) -> dict[str, Send]:
    """Return what sends the requests of MOST."""
    page = client.get("/api/v1/deployments?limit=20")
    etag, first = page.headers["ETag"], page.get_json()["items"][0]["id"]
    report = {"service": "service-07", "environment": "prod", "version": "1.4.3"}

    def get(path: str, **headers: str) -> Send:
        return lambda: client.get(path, headers=headers)

    return {
        "GET /deployments?limit=20, unchanged": get(
            "/api/v1/deployments?limit=20", **{"If-None-Match": etag}
        ),
        "GET /healthz": get("/healthz"),
        "GET /deployments?limit=20": get("/api/v1/deployments?limit=20"),
        "GET /deployments/{id}": get(f"/api/v1/deployments/{first}"),
        "GET /matrix": get("/api/v1/matrix"),
        "GET / by a browser": get("/", Accept="text/html"),
        "GET /services": get("/api/v1/services"),
        "GET /metrics/dora": get(f"/api/v1/metrics/dora?{WINDOW}"),
        "POST /deployments": lambda: client.post("/api/v1/deployments", json=report),
    }


def costs(client: FlaskClient, names: Iterable[str] = MOST) -> dict[str, Cost]:
    """Send each request until nothing is done for the first time, and return what the last cost."""
    send_by_name = sending(client)
    counting = Counting(client.application)
    found = {}
    for name in names:
        send = send_by_name[name]
        counting.wanted = False
        for _ in range(PREPARED):
            send()
        counting.wanted = True
        response = send()
        assert response.status_code < 400, response.text
        found[name] = Cost(counting.calls, len(response.data))
    client.application.wsgi_app = counting.answer  # type: ignore[method-assign]
    return found


def dearer(found: dict[str, Cost], database: Database) -> dict[str, Cost]:
    """Return what costs more than it may."""
    return {
        name: cost
        for name, cost in found.items()
        if cost.calls > getattr(MOST[name], database.engine.dialect.name)
        or cost.size > MOST[name].size
    }


def test_an_answer_costs_no_more_than_before(client: FlaskClient, database: Database) -> None:
    found = costs(client)

    assert found.keys() == MOST.keys()
    assert dearer(found, database) == {}


def test_the_calls_of_a_change_are_counted(client: FlaskClient) -> None:
    before = costs(client, ["GET /healthz"])
    app, answer = client.application, client.application.wsgi_app

    def slower(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        for number in range(CALLS):
            abs(number)
        return answer(environ, start_response)

    app.wsgi_app = slower  # type: ignore[method-assign]
    after = costs(client, ["GET /healthz"])

    assert after["GET /healthz"].calls - before["GET /healthz"].calls >= CALLS


def test_a_call_more_or_a_byte_more_is_too_much(database: Database) -> None:
    calls = {name: getattr(most, database.engine.dialect.name) for name, most in MOST.items()}
    for more in (0, 1), (1, 0):
        found = {
            name: Cost(calls[name] + more[0], most.size + more[1]) for name, most in MOST.items()
        }
        assert dearer(found, database) == found
    assert dearer({name: Cost(calls[name], MOST[name].size) for name in MOST}, database) == {}
