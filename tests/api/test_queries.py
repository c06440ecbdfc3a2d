"""Queries that ask the driver directly give what SQLAlchemy would, and fail as it would."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import Integer, String, bindparam, event, literal, literal_column, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from api.database import Database
from api.domain import catalog, matrix, tokens
from api.domain.changes import store as changes
from api.domain.declarations import store as declarations
from api.domain.deployments import store as deployments
from api.domain.events import store as events
from api.domain.incidents import store as incidents
from api.domain.kit.pages import Listing
from api.domain.kit.queries import Query, _direct
from api.outages import UnavailableError
from tests.api.conftest import NewApp, json_of
from tests.postgresql import Lender

PSYCOPG = make_url("postgresql+psycopg://").get_dialect()()
LISTINGS: dict[str, Listing] = {
    "deployments": deployments.LISTING,
    "incidents": incidents.LISTINGS[None],
    "changes": changes.LISTING,
    "declarations": declarations.LISTING,
    "events": events.LISTING,
    "tokens": tokens.LISTING,
    "services": catalog.SERVICES,
    "environments": catalog.ENVIRONMENTS,
    "matrix": matrix._told(lateral=True, past=False),
}
WRITTEN: list[tuple[str, str, dict[str, Any]]] = [
    (
        "POST",
        "deployments",
        {
            "service": "web",
            "environment": "prod",
            "version": "1.0",
            "links": [{"title": "run", "url": "https://ci.example.com/1"}],
        },
    ),
    ("POST", "incidents", {"service": "web", "environment": "prod", "title": "100 % down"}),
    (
        "POST",
        "changes",
        {
            "changes": [
                {"service": "web", "commit": "9fceb02", "committed_at": "2026-03-01T12:00:00.25Z"}
            ]
        },
    ),
    (
        "PUT",
        "declarations/prod",
        {
            "services": {"web": {"version": "1.1"}},
            "repository": "https://example.com/x",
            "config_revision": "2",
            "declared_at": "2026-03-01T12:00:00Z",
        },
    ),
    ("POST", "tokens", {"name": "ci", "scopes": ["read", "write"]}),
    ("POST", "webhooks/github", {"zen": "Keep it logically awesome."}),
]


@pytest.fixture
def app(new_app: NewApp, postgresql_lender: Lender) -> Iterator[APIFlask]:
    """Return an application on PostgreSQL, with something in each list."""
    with postgresql_lender.lend() as made:
        app = new_app(**made, THREADS=2)
        client = app.test_client()
        for method, path, body in WRITTEN:
            answer = client.open(
                f"/api/v1/{path}", method=method, json=body, headers={"X-GitHub-Event": "ping"}
            )
            assert answer.status_code < 300, answer.text
        yield app


@pytest.mark.usefixtures("app")
def test_the_driver_gives_what_sqlalchemy_would(database: Database) -> None:
    with database.read() as connection, database.read() as told:
        event.listen(
            told, "before_cursor_execute", lambda *_: None
        )  # so SQLAlchemy must execute it
        for name, listing in LISTINGS.items():
            directly, otherwise = (listing.rows(one, {}, 5) for one in (connection, told))
            assert listing._built[frozenset(), True, False]._direct is not None, name
            assert directly == otherwise != [], name
            _types_are_the_same(directly[0], otherwise[0])
            after = tuple(directly[0][column] for column in listing.order)
            further = [listing.rows(one, {}, 5, after) for one in (connection, told)]
            assert further[0] == further[1] == directly[1:], name


@pytest.mark.usefixtures("app")
def test_the_driver_gives_the_cells_that_sqlalchemy_would(database: Database) -> None:
    with database.read() as connection, database.read() as told:
        event.listen(told, "before_cursor_execute", lambda *_: None)
        directly, otherwise = (matrix.glances(one) for one in (connection, told))

    query = matrix._shown(lateral=True, past=False, every=True)._built[frozenset(), False, False]
    assert query._direct is not None
    assert directly == otherwise != []
    _types_are_the_same(directly[0]._asdict(), otherwise[0]._asdict())


def test_what_is_the_same_each_time_is_no_parameter() -> None:
    """So PostgreSQL keeps its plan: with a limit that it does not know, it would plan each time."""
    title = incidents.LISTINGS[None].selected.selected_columns.title
    statement = (
        select(literal("100 % 'sure'", String).label("words"), title)
        .where(title == bindparam("title"))
        .limit(1)
    )

    direct = _direct(statement, PSYCOPG)

    assert direct is not None
    assert list(direct.names) == ["title"]
    assert "'100 % ''sure''' AS words" in direct.sql
    assert "LIMIT 1" in direct.sql


def _types_are_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name, value in one.items():
        assert type(value) is type(other[name]), name
        assert not isinstance(value, datetime) or value.tzinfo is UTC, name


def test_a_filter_of_several_values_is_left_to_sqlalchemy(app: APIFlask) -> None:
    client = app.test_client()

    found = json_of(client.get("/api/v1/deployments?version=v1.0&service=web"))["items"]

    assert [deployment["version"] for deployment in found] == ["1.0"]


@pytest.mark.usefixtures("app")
def test_a_session_is_in_utc_though_a_pooler_drops_the_option(database: Database) -> None:
    with database.write() as connection:
        name = connection.engine.url.database
        connection.execute(text(f"ALTER DATABASE \"{name}\" SET timezone = 'Asia/Tokyo'"))

    def drop_options(*given: Any) -> None:
        given[3].pop("options")

    event.listen(database.engine, "do_connect", drop_options)
    database.renew()
    with database.read() as connection:
        (found,) = deployments.LISTING.rows(connection)

    assert found["started_at"].tzinfo is UTC


@pytest.mark.parametrize("how", ["read", "write", "snapshot"])
def test_an_error_of_the_driver_is_an_outage_if_it_is_one(
    app: APIFlask, database: Database, how: str
) -> None:
    """And the next request is answered again."""

    def read_while_it_ends() -> None:
        with getattr(database, how)() as connection, database.engine.connect() as other:
            driver: Any = connection.connection.driver_connection
            ending = text("SELECT pg_terminate_backend(:pid, 5000)")
            other.execute(ending, {"pid": driver.info.backend_pid})
            deployments.LISTING.rows(connection)

    with pytest.raises(UnavailableError):
        read_while_it_ends()
    assert app.test_client().get("/api/v1/deployments").status_code == 200


@pytest.mark.parametrize("how", ["read", "write", "snapshot"])
def test_an_error_of_the_driver_that_is_a_fault_stays_one(
    app: APIFlask, database: Database, how: str
) -> None:
    wrong = Query(select(literal_column("1 / 0", Integer).label("number")))

    with pytest.raises(DBAPIError, match="division by zero"), getattr(database, how)() as opened:
        wrong.rows(opened, {})
    assert app.test_client().get("/api/v1/deployments").status_code == 200


@pytest.mark.parametrize("fixture", ["sqlite_client", "client"])
def test_the_names_of_what_is_found_are_nothing_but_texts(
    request: pytest.FixtureRequest, fixture: str
) -> None:
    """Those of SQLAlchemy are objects, and a list of reports took a third longer with them."""
    client: FlaskClient = request.getfixturevalue(fixture)
    body = {"service": "web", "environment": "prod", "version": "1.0"}
    reported = UUID(json_of(client.post("/api/v1/deployments", json=body))["id"])
    database: Database = client.application.extensions["database"]

    with database.read() as connection:
        found = [
            *deployments.LISTING.rows(connection, {}, 5),
            *catalog.SERVICES.rows(connection, {}, 5),
            deployments.find(connection, reported),
            *deployments.find_all(connection, [reported]).values(),
            deployments.shown(dict.fromkeys(deployments.NAMES), "web", "prod"),
            catalog.find_service(connection, "web"),
        ]

    assert {type(name) for row in found if row for name in row} == {str}
