"""Whether the service lives, and whether it can do its work."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from api.app import create_app
from api.database import Database
from api.tables import REQUIRED_REVISION
from tests.api.conftest import problem


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Return a port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield server.getsockname()[1]


def set_revision(database: Database, revision: str) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})


def test_the_process_lives_whatever_the_database_does() -> None:
    client = create_app({"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": 1}).test_client()

    assert client.get("/healthz").json == {"status": "ok"}


def test_a_migrated_database_is_ready(client: FlaskClient) -> None:
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json == {"status": "ready", "schema_revision": REQUIRED_REVISION}


def test_a_newer_schema_is_ready(client: FlaskClient, database: Database) -> None:
    """The next release migrates while this one still serves."""
    set_revision(database, "9999")

    assert client.get("/readyz").status_code == 200


def test_an_older_schema_is_not_ready(client: FlaskClient, database: Database) -> None:
    set_revision(database, "0000")

    detail = problem(client.get("/readyz"), 503)["detail"]
    assert f"revision 0000, this version needs {REQUIRED_REVISION}" in str(detail)


def test_a_missing_schema_is_not_ready(client: FlaskClient, database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("DROP TABLE alembic_version"))

    assert "flask ledger migrate" in str(problem(client.get("/readyz"), 503)["detail"])


def test_a_database_that_refuses_is_not_ready() -> None:
    client = create_app({"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": 1}).test_client()

    assert "refused" in str(problem(client.get("/readyz"), 503)["detail"])


def test_a_database_that_is_silent_is_not_ready_within_a_second(silent_port: int) -> None:
    app = create_app({"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": silent_port})
    started = time.monotonic()
    document = problem(app.test_client().get("/readyz"), 503)

    assert time.monotonic() - started < 1.5
    assert "did not answer within 1 s" in str(document["detail"])


def test_a_database_that_comes_back_is_ready_again(client: FlaskClient, database: Database) -> None:
    set_revision(database, "0000")
    problem(client.get("/readyz"), 503)
    set_revision(database, REQUIRED_REVISION)

    assert client.get("/readyz").status_code == 200
