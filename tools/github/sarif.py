"""Show the results of scanners, as SARIF files, in GitHub's code scanning."""

import argparse
import base64
import gzip
import json
import os
from pathlib import Path

from tools.command import ToolError, exit_with, say
from tools.github.gh import send


def encoded(path: Path) -> str:
    """Return a SARIF file as the API takes it: compressed, in base64.

    Its results get the file's name as their category: otherwise the second upload of a tool
    would replace its first.
    """
    document = json.loads(path.read_text(encoding="utf-8"))
    for run in document["runs"]:
        run["automationDetails"] = {"id": f"{path.stem}/"}
    return base64.b64encode(gzip.compress(json.dumps(document).encode())).decode()


def upload(path: Path, repository: str, commit: str, ref: str) -> None:
    """Upload a file as the results for a commit."""
    try:
        sarif = encoded(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToolError(f"{path} is not a SARIF file: {error}") from None
    body = {"commit_sha": commit, "ref": ref, "sarif": sarif}
    send("POST", f"repos/{repository}/code-scanning/sarifs", body)
    say(f"{path}: uploaded")


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.github.sarif", description=__doc__)
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path)
    given = parser.parse_args()
    try:
        where = [os.environ[f"GITHUB_{name}"] for name in ("REPOSITORY", "SHA", "REF")]
    except KeyError as error:
        raise ToolError(
            f"{error.args[0]} is not set: run this in a job of a GitHub workflow"
        ) from None
    for path in given.files:
        upload(path, *where)


if __name__ == "__main__":
    exit_with(main)
