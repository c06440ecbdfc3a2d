"""GitHub's command line, which keeps the token: none passes through here."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitops.revision import Clone
from tools.command import ROOT, failure, run

MISSING = "see https://cli.github.com"
ON_GITHUB = re.compile(r"github\.com[/:](?P<repository>[^/]+/[^/]+?)(\.git)?/?$")


def origin(root: Path = ROOT) -> str | None:
    """Return the repository that git pushes to as OWNER/NAME, None if it is not on GitHub.

    In the clone of a fork that `gh` has made, gh itself would mean the repository forked from.
    """
    found = ON_GITHUB.search(Clone(root).origin())
    return found["repository"] if found else None


def gh(*arguments: str, stdin: str | None = None, cwd: Path = ROOT) -> str:
    """Run `gh` for the origin and return what it prints.

    Raises ToolError, with its reason, when it fails.
    """
    known = {"GH_REPO": repository} if (repository := origin(cwd)) else {}
    done = run(
        ["gh", *arguments], stdin=stdin, cwd=cwd, env={**known, **os.environ}, missing=MISSING
    )
    if done.returncode:
        raise failure(done, f"gh {' '.join(arguments[:2])}")
    return done.stdout


def get(path: str, key: str | None = None, **query: str) -> list[Any]:
    """Return the items of every page of a list of GitHub's API, below `key` if it is given."""
    fields = [part for pair in query.items() for part in ("--raw-field", "=".join(pair))]
    pages = gh("api", "--method", "GET", "--paginate", "--slurp", path, *fields)
    return [item for page in json.loads(pages) for item in (page[key] if key else page)]


def send(method: str, path: str, body: Mapping[str, object]) -> Any:
    """Send a document to GitHub's API and return the answer, None without content."""
    answer = gh("api", "--method", method, path, "--input", "-", stdin=json.dumps(body))
    return json.loads(answer) if answer.strip() else None
