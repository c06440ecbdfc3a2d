"""Fixture repositories that each test may break, and one renderer for all of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from logging.config import dictConfig
from pathlib import Path

import pytest

from api import logs
from gitops.aside import prepared
from gitops.checks.context import Context
from gitops.checks.run import CHECKS, run
from gitops.config import Config
from gitops.findings import Finding
from gitops.options import Options
from gitops.render import Renderer
from gitops.since import changed
from tests import sqlite
from tests.gitops.ledger import TOKEN, Served, served

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(scope="session")
def renderer() -> Iterator[Renderer]:
    with Renderer() as process:
        yield process


@pytest.fixture(scope="session")
def server(
    sqlite_lender: sqlite.Lender, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """Serve a ledger to all tests, one after the other."""
    token = tmp_path_factory.mktemp("admin") / "token"
    with sqlite_lender.lend() as place, served(token, Path(str(place["DATA_DIR"]))) as found:
        yield found


@pytest.fixture
def ledger(
    server: Served, sqlite_lender: sqlite.Lender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    """Return an empty ledger that is served to the commands."""
    monkeypatch.setenv("LEDGER_TOKEN", TOKEN)
    # A client reads the certificates of all authorities, though it needs none for plain HTTP.
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    # An application that was made since has its own.
    dictConfig(logs.configuration(server.settings))
    yield server
    assert sqlite_lender.emptied(server.settings.DATA_DIR)


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[str], Path]:
    """Copy a fixture repository."""

    def make(name: str) -> Path:
        return Path(shutil.copytree(FIXTURES / name, tmp_path / name))

    return make


class Check:
    """Checks a repository, by some rules or by all."""

    context: Context  # of the last one

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def __call__(
        self,
        root: Path,
        *rules: str,
        base: str | None = None,
        locations: tuple[str, ...] = (),
        options: str = "",
        since: str | None = None,
    ) -> list[Finding]:
        config = Config.read(root.resolve())
        repository = prepared(root, config, Options.of(options))
        self.context = Context(repository, config, self._renderer, base, locations)
        change = changed(repository, config, since)
        self.context.reach = change.reaches if change else None
        found = run(self.context, rules or tuple(CHECKS))
        assert self.context.failures == []
        return change.restricted(found, self.context.asked) if change else found


@pytest.fixture
def check(renderer: Renderer) -> Check:
    return Check(renderer)
