"""Time the import of a file of many cells, on SQLite and on a PostgreSQL of this machine.

Each deployment has one line, and then two: it runs, and it has succeeded.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from api.app import create_app
from api.database import Database
from api.migrate import upgrade
from bench.servers import postgresql
from tools.command import exit_with

ENVIRONMENTS = ("dev", "staging", "prod")
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def lines(deployments: int, cells: int, reports: int) -> Iterator[dict[str, Any]]:
    """Yield the lines of a file."""
    services = cells // len(ENVIRONMENTS)
    for number in range(deployments):
        cell, at = number % cells, SINCE + timedelta(minutes=number)
        line = {
            "type": "deployment",
            "service": f"service-{cell % services}",
            "environment": ENVIRONMENTS[cell // services],
            "version": f"1.{number // cells}.0",
            "source": "ci",
            "external_id": str(number),
            "started_at": at.isoformat(),
        }
        if reports > 1:
            yield {**line, "status": "running"}
        yield {**line, "finished_at": (at + timedelta(minutes=1)).isoformat()}


def seconds(place: dict[str, object], file: Path) -> float:
    """Return how long it takes to import a file into an empty ledger."""
    app = create_app({"LOG_LEVEL": "error", **place})
    database: Database = app.extensions["database"]
    upgrade(database.engine)
    started = time.perf_counter()
    result = app.test_cli_runner().invoke(args=["ledger", "import", str(file)])
    elapsed = time.perf_counter() - started
    if result.exit_code != 0:
        raise SystemExit(result.output)
    database.close()
    return elapsed


def main() -> None:
    """Print the seconds for each database, with one line and with two for each deployment."""
    parser = argparse.ArgumentParser(prog="python -m bench.moving", description=__doc__)
    parser.add_argument("--deployments", type=int, default=10_000, help="how many")
    parser.add_argument("--cells", type=int, default=6_000, help="in how many; a multiple of 3")
    options = parser.parse_args()
    with postgresql(durable=True) as (server, folder):
        for reports in (1, 2):
            file = folder / f"{reports}.jsonl"
            found = lines(options.deployments, options.cells, reports)
            file.write_text("".join(json.dumps(line) + "\n" for line in found))
            embedded = seconds({"DATA_DIR": folder / f"data-{reports}"}, file)
            served = seconds(server.new_database(), file)
            print(f"{reports} a deployment: SQLite {embedded:.1f} s, PostgreSQL {served:.1f} s")


if __name__ == "__main__":
    exit_with(main)
