"""One wheel for all tests, installed once by the first step of the action."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.package import wheels
from tests.tools.package.action import INSTALL, step


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where a runner keeps its files: the wheels, in place of PyPI, and what it installs."""
    folder = tmp_path_factory.mktemp("runner")
    wheels.build(folder)
    for name in wheels.NEEDED:
        wheels.pack(name, folder)
    done = step(INSTALL, folder, folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def wheel(place: Path) -> Path:
    """Return the wheel of the linter."""
    (found,) = place.glob("kustomize_gitops-*.whl")
    return found


@pytest.fixture(scope="session")
def programs(place: Path) -> Path:
    """Return the programs of an environment that was empty."""
    return place / "kustomize-gitops" / "bin"
