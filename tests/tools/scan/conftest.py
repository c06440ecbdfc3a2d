"""Scanners that say what they are told to, and what the real ones said once."""

import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.scan import material

RECORDED = Path(__file__).parent / "recorded"
PROGRAM = """#!{python} -IS
import json, os, sys
seen = {{"argv": sys.argv[1:], "env": dict(os.environ), "files": sorted(os.listdir("."))}}
json.dump(seen, open({folder!r} + "/called", "w"))
print({out!r})
print({err!r}, file=sys.stderr)
sys.exit({status})
"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Path]:
    """Make a program that notes how it was called and says what it is told to."""

    def make(out: str = "", *, err: str = "", status: int = 0) -> Path:
        path = tmp_path / "scanner"
        text = PROGRAM.format(
            python=sys.executable, folder=str(tmp_path), out=out, err=err, status=status
        )
        path.write_text(text, encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return make


@pytest.fixture
def places(tmp_path: Path) -> dict[str, material.Place]:
    """Return what is in which file of the tree that the recordings are of."""
    return material.careless().write(tmp_path / "tree")
