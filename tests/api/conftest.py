"""Applications on a database of each kind."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.database import Database

Record = Callable[..., dict[str, Any]]
NewApp = Callable[..., APIFlask]
ADMIN_TOKEN = "an-admin-token-that-only-the-tests-know"


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


class AdminClient(FlaskClient):
    """A client that sends the admin token unless it is told to send another one."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.environ_base["HTTP_AUTHORIZATION"] = bearer(ADMIN_TOKEN)["Authorization"]


@pytest.fixture
def new_app(tmp_path: Path) -> Iterator[NewApp]:
    """Return a function that makes an application; its connections end with the test.

    Its test clients are an admin's.
    """
    made: list[APIFlask] = []
    admin_token = tmp_path / "admin-token"
    admin_token.write_text(ADMIN_TOKEN)

    def new_app(**settings: object) -> APIFlask:
        made.append(create_app({"ADMIN_TOKEN_FILE": admin_token, **settings}))
        made[-1].test_client_class = AdminClient
        return made[-1]

    yield new_app
    for app in made:
        app.extensions["database_probe"].close()
        app.extensions["database"].close()


@pytest.fixture
def app(new_app: NewApp, migrated_database: dict[str, object]) -> APIFlask:
    """Return an application on a migrated database."""
    return new_app(**migrated_database)


@pytest.fixture
def database(app: APIFlask) -> Database:
    """Return the database of the application."""
    found: Database = app.extensions["database"]
    return found


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    """Return a client that sends the admin token."""
    return app.test_client()


@pytest.fixture
def anonymous(app: APIFlask) -> FlaskClient:
    """Return a client that sends no token."""
    return FlaskClient(app, app.response_class)


@pytest.fixture
def record(client: FlaskClient) -> Record:
    """Return a function that records a deployment, of checkout 1.0 in dev unless told otherwise."""

    def record(**fields: str | None) -> dict[str, Any]:
        body = {"service": "checkout", "environment": "dev", "version": "1.0", **fields}
        return json_of(client.post("/api/v1/deployments", json=body))

    return record


@pytest.fixture
def sqlite_client(new_app: NewApp, tmp_path: Path, migrated_folder: Path) -> FlaskClient:
    """Return an admin's client of an application whose database does not matter to the test."""
    shutil.copytree(migrated_folder, tmp_path, dirs_exist_ok=True)
    return new_app(DATA_DIR=tmp_path).test_client()


def json_of(response: TestResponse) -> dict[str, Any]:
    """Return the JSON object of a response that is fine."""
    assert response.status_code < 300, response.text
    return dict(response.json or {})


def problem(response: TestResponse, status: int) -> dict[str, object]:
    """Return the problem document of a response, after checking that it is one."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    document = dict(response.json or {})
    assert document["status"] == status
    assert document["request_id"] == response.headers["X-Request-ID"]
    return document
