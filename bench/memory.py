"""Measure the peak memory of a process that answers one request: each sum, and pending promotions.

The ledger is on SQLite. Each request is made in a process of its own, because a process does not
return memory, and a forked child starts with the peak of its parent.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from apiflask import APIFlask

from api.app import create_app
from api.database import Database
from api.migrate import upgrade
from bench import seed
from bench.questions import PENDING, SUMS

SMALL = "/api/v1/deployments?limit=1"


def open_ledger(folder: Path) -> APIFlask:
    """Return an application on the ledger of a folder."""
    return create_app({"DATA_DIR": folder, "LOG_LEVEL": "error", "PUBLIC_READ": True})


def fill(folder: Path, size: int) -> None:
    """Create and fill the ledger of a folder."""
    database: Database = open_ledger(folder).extensions["database"]
    upgrade(database.engine)
    with database.write() as connection:
        seed.fill(connection, size)


def ask(folder: Path, path: str) -> str:
    """Make one request in this process, and return its memory and time as a row of the table."""
    client = open_ledger(folder).test_client()
    client.get(SMALL)
    before, started = peak(), time.process_time()
    status = client.get(path).status_code
    if status != 200:  # noqa: PLR2004
        raise SystemExit(f"GET {path}: {status}")
    return f"| `{path}` | {before} | {peak()} | {time.process_time() - started:.2f} |"


def peak() -> int:
    """Return the peak memory of this process, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000, help="default: 1000000")
    parser.add_argument("--fill", metavar="FOLDER", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ask", nargs=2, metavar=("FOLDER", "PATH"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.fill:
        fill(given.fill, given.size)
        return
    if given.ask:
        print(ask(Path(given.ask[0]), given.ask[1]))
        return
    command = [sys.executable, "-m", "bench.memory"]
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        subprocess.run([*command, "--fill", folder, "--size", str(given.size)], check=True)
        print(f"filled in {time.monotonic() - started:.0f} s", file=sys.stderr)
        print("| GET | MiB before | MiB at most | seconds of CPU |")
        print("| --- | ---: | ---: | ---: |", flush=True)
        for path in [PENDING, *SUMS]:
            subprocess.run([*command, "--ask", folder, path], check=True)


if __name__ == "__main__":
    main()
