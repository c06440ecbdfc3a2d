"""The programs that the commands run, and where they are."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from gitops.errors import GitopsError

# What the Makefile builds stands beside this package, whichever repository is checked.
BUILT = Path(__file__).resolve().parent.parent / ".tools"


def locate(name: str) -> str | None:
    """Return the path of a program: the one the Makefile built, else the one on the PATH."""
    return shutil.which(name, path=BUILT) or shutil.which(name)


def find(name: str, hint: str) -> str:
    """Return the path of a program. Raises GitopsError that ends with how to get it."""
    path = locate(name)
    if path is None:
        raise GitopsError(f"{name} is not there: {hint}")
    return path


def failed(name: str, reason: str) -> GitopsError:
    """Return the error that a program did not do what it is for."""
    return GitopsError(f"{name}: {reason}")


def run(argv: Sequence[str | Path], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program and return its output, whatever its exit status."""
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=cwd)
