"""Fixture repositories that each test may break, and one renderer for all of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitops.checks.context import Context
from gitops.checks.run import CHECKS, run
from gitops.config import Config
from gitops.findings import Finding
from gitops.render import Renderer
from gitops.repository import Repository
from tests.gitops.ledger import TOKEN, Served, served

FIXTURES = Path(__file__).parent / "fixtures"
Check = Callable[..., list[Finding]]


@pytest.fixture(scope="session")
def renderer() -> Iterator[Renderer]:
    with Renderer() as process:
        yield process


@pytest.fixture
def ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_folder: Path
) -> Iterator[Served]:
    """Serve an empty ledger to the commands."""
    monkeypatch.setenv("LEDGER_TOKEN", TOKEN)
    shutil.copytree(migrated_folder, tmp_path, dirs_exist_ok=True)
    with served(tmp_path) as found:
        yield found


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[str], Path]:
    """Copy a fixture repository."""

    def make(name: str) -> Path:
        return Path(shutil.copytree(FIXTURES / name, tmp_path / name))

    return make


@pytest.fixture
def check(renderer: Renderer) -> Check:
    """Check a repository, by some rules or by all."""

    def make(
        root: Path, *rules: str, base: str | None = None, locations: tuple[str, ...] = ()
    ) -> list[Finding]:
        repository = Repository.open(root)
        context = Context(repository, Config.read(repository.root), renderer, base, locations)
        return run(context, rules or tuple(CHECKS))

    return make
