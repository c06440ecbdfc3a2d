"""Serve the API on a laptop: an embedded database, a demo history, and a token in .data/.

What the environment or .env sets is kept.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from tools.command import ROOT, exit_with, say

ADMIN_TOKEN = "SLIPWAY_ADMIN_TOKEN_FILE"  # noqa: S105 (a setting)
DEFAULTS = {ADMIN_TOKEN: ".data/admin-token", "SLIPWAY_PUBLIC_READ": "true"}
BIN = Path(sys.executable).parent
LAST_PORT = 65535


def defaults(environment: Mapping[str, str], dotenv: Mapping[str, str | None]) -> dict[str, str]:
    """Return the settings of a laptop that neither the environment nor .env has."""
    return {
        name: value
        for name, value in DEFAULTS.items()
        if not environment.get(name) and name not in dotenv
    }


def commands(added: Mapping[str, str], *, demo: bool) -> list[list[str]]:
    """Return the commands of Flask that prepare the ledger."""
    prepared = [["ledger", "migrate"]]
    if demo:
        prepared.append(["ledger", "demo"])
    if ADMIN_TOKEN in added:
        prepared.append(["tokens", "bootstrap", added[ADMIN_TOKEN]])
    return prepared


def port(text: str) -> int:
    """Return the number of a port that can be listened at. Raises ArgumentTypeError."""
    if not text.isdecimal() or not 0 < int(text) <= LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not a port: 1 to {LAST_PORT}")
    return int(text)


def main() -> None:
    """Run the tool: prepare the ledger, and become the server."""
    parser = argparse.ArgumentParser(prog="python -m tools.serve", description=__doc__)
    parser.add_argument("--port", type=port, default=8888)
    parser.add_argument("--without-demo", action="store_true", help="leave a new ledger empty")
    given = parser.parse_args()
    os.chdir(ROOT)
    added = defaults(os.environ, dotenv_values(".env"))
    for words in commands(added, demo=not given.without_demo):
        done = subprocess.run([BIN / "flask", "--app", "api", *words], check=False)
        if done.returncode:
            sys.exit(done.returncode)
    address = f"127.0.0.1:{given.port}"
    say(f"open http://{address}/ in a browser; the API is below http://{address}/api/v1")
    server = [str(BIN / "gunicorn"), "--bind", address, "api:application"]
    os.execve(server[0], server, {**os.environ, **added})  # noqa: S606 (its own words)


if __name__ == "__main__":
    exit_with(main)
