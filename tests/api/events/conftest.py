"""A ledger that events come to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from tests import sqlite
from tests.api.conftest import Apps
from tests.api.events.payloads import OLD_SECRET, SECRET


@pytest.fixture(scope="session")
def secret_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same path for all tests, so that they can share applications."""
    return tmp_path_factory.mktemp("secret") / "github-secret"


@pytest.fixture
def secret_file(secret_path: Path) -> Path:
    secret_path.write_text(f"{SECRET}\n{OLD_SECRET}\n")
    return secret_path


@pytest.fixture
def secrets(secret_file: Path) -> dict[str, Path]:
    """Return the settings for senders that sign."""
    return {f"WEBHOOK_{source}_SECRET_FILE": secret_file for source in ("FLUX", "GITHUB", "GITLAB")}


@pytest.fixture
def app(
    apps: Apps, migrated_database: dict[str, object], secrets: dict[str, Path]
) -> Iterator[APIFlask]:
    with apps.lend(migrated_database, **secrets) as app:
        yield app


@pytest.fixture
def sqlite_client(
    apps: Apps, sqlite_lender: sqlite.Lender, secrets: dict[str, Path]
) -> Iterator[FlaskClient]:
    """Return a client for what is decided in Python, as the order of events is: see `orders`."""
    with sqlite_lender.lend() as place, apps.lend(place, **secrets) as app:
        yield app.test_client()
