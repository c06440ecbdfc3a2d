"""Real events, from a folder beside the clone where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[4] / "shared/payloads"


def sample(name: str) -> bytes:
    """Return a real event; the test is skipped where there are none."""
    return _folder().joinpath(name).read_bytes()


def names() -> set[str]:
    """Return the names of all real events; the test is skipped where there are none."""
    return {file.name for file in _folder().glob("*.json")}


def _folder() -> Path:
    if not FOLDER.is_dir():
        pytest.skip(f"no samples of real events at {FOLDER}")
    return FOLDER
