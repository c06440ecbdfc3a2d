"""The programs that the commands run, and where they are."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from gitops.errors import GitopsError

PACKAGE = "kustomize-gitops"  # on PyPI
# What a wheel brings is in this package; what the Makefile builds stands beside it, whichever
# repository is checked.
BUNDLED = Path(__file__).resolve().parent / "bin"
BUILT = BUNDLED.parents[1] / ".tools"
# Where to get what no Makefile builds, if this runs from a wheel.
PAGES = {
    "cosign": "https://docs.sigstore.dev/cosign/system_config/installation/",
    "kubeconform": "https://github.com/yannh/kubeconform#installation",
    "kustomize": "https://kubectl.docs.kubernetes.io/installation/kustomize/",
    "renderer": f"pip install --force-reinstall {PACKAGE}",
}


def locate(name: str) -> str | None:
    """Return the path of a program: of the wheel, of the Makefile, else the one on the PATH."""
    own = os.pathsep.join(map(str, (BUNDLED, BUILT)))
    return shutil.which(name, path=own) or shutil.which(name)


def how_to_get(name: str) -> str:
    """Return the command or the page by which to get a program of this package."""
    is_clone = (BUNDLED.parents[1] / "Makefile").is_file()
    return f"make .tools/{name}" if is_clone else PAGES[name]


def find(name: str, hint: str = "") -> str:
    """Return the path of a program. Raises GitopsError that ends with how to get it."""
    path = locate(name)
    if path is None:
        raise GitopsError(f"{name} is not installed: {hint or how_to_get(name)}")
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
            argv,
            input=stdin,
            capture_output=True,
            check=False,
            cwd=cwd,
            env=env,
            encoding="utf-8",
            errors="surrogateescape",  # names of files may be in any encoding, or in none
        )
    except FileNotFoundError:
        if cwd is not None and not cwd.is_dir():
            raise GitopsError(f"{cwd} is not a folder") from None
        raise GitopsError(f"{Path(argv[0]).name} is not installed: {missing}") from None


def failure(done: subprocess.CompletedProcess[str], action: str) -> GitopsError:
    """Return the error for a program that failed: the action, and the reason it printed."""
    reason = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
    return GitopsError(f"{action}: {reason.removeprefix('error: ').removeprefix('Error: ')}")
