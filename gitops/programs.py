"""The programs that the commands run, and where they are."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
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
        raise GitopsError(f"{name} is not installed: {hint}")
    return path


def run(
    argv: Sequence[str | Path],
    *,
    stdin: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    missing: str = "install it",
) -> subprocess.CompletedProcess[str]:
    """Run a program and return its output, whatever its exit status.

    Raises GitopsError that ends with `missing` if there is no such program.
    """
    try:
        return subprocess.run(
            argv, input=stdin, capture_output=True, text=True, check=False, cwd=cwd, env=env
        )
    except FileNotFoundError:
        if cwd is not None and not cwd.is_dir():
            raise GitopsError(f"{cwd} is not a folder") from None
        raise GitopsError(f"{Path(argv[0]).name} is not installed: {missing}") from None


def failure(done: subprocess.CompletedProcess[str], action: str) -> GitopsError:
    """Return the error for a program that failed: the action, and the reason it printed."""
    reason = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
    return GitopsError(f"{action}: {reason.removeprefix('error: ').removeprefix('Error: ')}")
