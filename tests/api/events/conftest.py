"""A ledger that events come to."""

from __future__ import annotations

from pathlib import Path

import pytest
from apiflask import APIFlask

from tests.api.conftest import NewApp
from tests.api.events.payloads import OLD_SECRET, SECRET


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "github-secret"
    file.write_text(f"{SECRET}\n{OLD_SECRET}\n")
    return file


@pytest.fixture
def app(new_app: NewApp, migrated_database: dict[str, object], secret_file: Path) -> APIFlask:
    return new_app(
        **migrated_database,
        WEBHOOK_FLUX_SECRET_FILE=secret_file,
        WEBHOOK_GITHUB_SECRET_FILE=secret_file,
        WEBHOOK_GITLAB_SECRET_FILE=secret_file,
    )
