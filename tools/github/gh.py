"""GitHub's own command line, which holds the token: none passes through here."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.command import complain, run

MISSING = "see https://cli.github.com"


def gh(*arguments: str, stdin: str | None = None, cwd: Path | None = None) -> str:
    """Run `gh` and return what it prints. Raises ToolError, with its words, when it fails."""
    done = run(["gh", *arguments], stdin=stdin, cwd=cwd, missing=MISSING)
    if done.returncode:
        raise complain(done, f"gh {' '.join(arguments[:2])}")
    return done.stdout


def get(path: str, key: str | None = None, **query: str) -> list[Any]:
    """Return the items of a list of GitHub's API, of every page; `key` is where a page has them."""
    fields = [part for each in query.items() for part in ("--raw-field", "=".join(each))]
    said = gh("api", "--method", "GET", "--paginate", "--slurp", path, *fields)
    return [item for page in json.loads(said) for item in (page[key] if key else page)]


def send(method: str, path: str, body: Mapping[str, object]) -> Any:
    """Send a document to GitHub's API and return its answer, None if that has no content."""
    said = gh("api", "--method", method, path, "--input", "-", stdin=json.dumps(body))
    return json.loads(said) if said.strip() else None
