"""A ledger that events come to."""

from __future__ import annotations

from pathlib import Path

import pytest
from apiflask import APIFlask

from api.migrate import upgrade
from tests.api.conftest import NewApp
from tests.api.events.payloads import OLD_SECRET, SECRET


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "github-secret"
    file.write_text(f"{SECRET}\n{OLD_SECRET}\n")
    return file


@pytest.fixture
def app(new_app: NewApp, empty_database: dict[str, object], secret_file: Path) -> APIFlask:
    app = new_app(**empty_database, WEBHOOK_GITHUB_SECRET_FILE=secret_file)
    upgrade(app.extensions["database"].engine)
    return app
