"""Applications on a database of each kind."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from logging.config import dictConfig
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from api import logs
from api.app import create_app
from api.database import Database
from tests import postgresql, sqlite

Record = Callable[..., dict[str, Any]]
NewApp = Callable[..., APIFlask]
ADMIN_TOKEN = "an-admin-token-that-only-the-tests-know"


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


class DescribedClient(FlaskClient):
    """A client that checks that the description of the API has each response it gets."""

    def open(self, *args: Any, **options: Any) -> TestResponse:
        response = super().open(*args, **options)
        assert is_described(response, self.application)
        return response


def is_described(response: TestResponse, app: Flask) -> bool:
    """Return whether the API's description has the status and the media type of a response.

    It has no responses of unknown routes, to OPTIONS, of bugs that a test makes (500), and no pages
    for browsers, which share the path of the index.
    """
    request = response.request
    if (request.path, response.mimetype) == ("/", "text/html"):
        return True
    method = "GET" if request.method == "HEAD" else request.method
    try:
        rule, _ = app.url_map.bind("").match(request.path, method, return_rule=True)
    except HTTPException:
        return True
    operation = described_responses().get((rule.rule, method))
    if operation is None or response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        return True
    media_types = operation.get(str(response.status_code))
    if media_types is None:
        return False
    return not response.data or response.mimetype in media_types


@cache
def described_responses() -> dict[tuple[str, str], dict[str, set[str]]]:
    """Return the media types of each status, by route and method."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app({"DATA_DIR": folder})
        spec = app.test_client().get("/openapi.json").json or {}
        close(app)
    rules = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(rule)): str(rule)
        for rule in app.url_map.iter_rules()
    }
    return {
        (rules[path], method.upper()): {
            status: set(response.get("content", ()))
            for status, response in operation["responses"].items()
        }
        for path, operations in spec["paths"].items()
        for method, operation in operations.items()
    }


class AdminClient(DescribedClient):
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
        close(app)


def close(app: APIFlask) -> None:
    """End an application's connections."""
    app.extensions["database_probe"].close()
    app.extensions["database"].close()


class Apps:
    """Keeps the applications of each database that is lent, for those who borrow one later.

    To make one costs as much as ten requests, and each of its statements is compiled once more. It
    is not kept if a test has changed it.
    """

    def __init__(self, admin_token: Path) -> None:
        self.admin_token = admin_token
        self.kept: dict[str, APIFlask] = {}

    @contextmanager
    def lend(self, place: dict[str, object], **settings: object) -> Iterator[APIFlask]:
        """Lend the application that a database has with some settings."""
        settings = place | settings
        app = self.kept.pop(str(settings), None) or self._make(settings)
        for limiter in app.extensions["limiter"]:
            limiter.reset()
        dictConfig(logs.configuration(app.extensions["settings"]))
        before = self._state(app)
        yield app
        if self._state(app) == before:
            self.kept[str(settings)] = app
        else:
            close(app)

    def close(self) -> None:
        """End all connections."""
        for app in self.kept.values():
            close(app)

    def _make(self, settings: dict[str, object]) -> APIFlask:
        app = create_app({"ADMIN_TOKEN_FILE": self.admin_token, **settings})
        app.test_client_class = AdminClient
        return app

    def _state(self, app: APIFlask) -> tuple[object, ...]:
        """Return what a test may have changed."""
        routes = len(list(app.url_map.iter_rules()))
        return routes, dict(app.config), dict(app.extensions)


@pytest.fixture(scope="session")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apps]:
    """Keep applications as long as the session lasts."""
    admin_token = tmp_path_factory.mktemp("admin") / "token"
    admin_token.write_text(ADMIN_TOKEN)
    apps = Apps(admin_token)
    yield apps
    apps.close()


@pytest.fixture
def app(apps: Apps, migrated_database: dict[str, object]) -> Iterator[APIFlask]:
    """Return an application on a migrated database."""
    with apps.lend(migrated_database) as app:
        yield app


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_app(request: pytest.FixtureRequest, apps: Apps) -> Iterator[APIFlask]:
    """Return an application for tests that only read what a fixture of their module wrote."""
    lender: sqlite.Lender | postgresql.Lender
    lender = request.getfixturevalue(f"{request.param}_lender")
    with lender.lend() as place, apps.lend(place) as app:
        yield app


@pytest.fixture
def own_app(new_app: NewApp, migrated_database: dict[str, object]) -> APIFlask:
    """Return an application that nobody had before, for a test that adds a route or counts."""
    return new_app(**migrated_database)


@pytest.fixture
def own_client(new_app: NewApp, tmp_path: Path) -> FlaskClient:
    """Return an admin's client of an application that nobody had before, for what it counts."""
    return new_app(DATA_DIR=tmp_path).test_client()


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
    return DescribedClient(app, app.response_class)


@pytest.fixture
def record(client: FlaskClient) -> Record:
    """Return a function that records a deployment, of checkout 1.0 in dev unless told otherwise."""

    def record(**fields: str | None) -> dict[str, Any]:
        body = {"service": "checkout", "environment": "dev", "version": "1.0", **fields}
        return json_of(client.post("/api/v1/deployments", json=body))

    return record


@pytest.fixture
def sqlite_client(apps: Apps, sqlite_lender: sqlite.Lender) -> Iterator[FlaskClient]:
    """Return an admin's client of an application whose database does not matter to the test."""
    with sqlite_lender.lend() as place, apps.lend(place) as app:
        yield app.test_client()


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
