"""A clone of this repository as it stands in the work tree, for a test to change."""

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from gitops.programs import failure, run
from tools.command import ROOT

NOBODY = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")


def git(root: Path, *argv: str, **environment: str) -> str:
    """Run git with an identity of its own and return what it prints; a failure is an error."""
    done = run(["git", *NOBODY, *argv], cwd=root, env={**os.environ, **environment})
    if done.returncode:
        raise failure(done, f"git {argv[0]}")
    return done.stdout.strip()


def commit(root: Path, message: str = "A step.") -> str:
    """Commit everything and return the commit."""
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(root, "rev-parse", "HEAD")


def copy(root: Path, *, built: bool = True) -> Path:
    """Make a clone with one commit on main, and the programs that make has built here if wanted."""
    shutil.copytree(_original().name, root, symlinks=True, dirs_exist_ok=True)
    if built and (ROOT / ".tools").exists():
        # As make leaves it; .gitignore names folders, so a link is excluded here.
        (root / ".tools").symlink_to(ROOT / ".tools")
        (root / ".git/info/exclude").write_text("/.tools\n", encoding="utf-8")
    # To git, the copies look changed until it has read them.
    git(root, "update-index", "--refresh")
    return root


@cache
def _original() -> tempfile.TemporaryDirectory[str]:
    """Make the clone that all others are copies of, its commit in one file instead of hundreds."""
    made = tempfile.TemporaryDirectory(prefix="clone-")
    root = Path(made.name)
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for path in listed:
        if (ROOT / path).is_file():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, root / path)
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root)
    git(root, "repack", "-a", "-d", "--quiet")
    return made
