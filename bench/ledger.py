"""Ask every list and every sum of a small and of a large ledger; show plans and times.

Each question is asked over HTTP, in the process, of ledgers with 10 thousand and with 1 million
deployments, on SQLite and on a PostgreSQL of this machine. Rounds alternate between the four; a
time is the median of its rounds, in milliseconds. The plan of each statement that a list sends is
shown to the database's own EXPLAIN: one that reads a whole table of history ends the run with
status 1.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Engine, event

from api.app import create_app
from api.database import Database
from api.migrate import upgrade
from bench import seed
from tests.postgresql import Server, find_programs

HISTORY = ("deployments", "incidents", "changes")
WINDOW = "from=2026-08-01T00:00:00Z&to=2026-11-01T00:00:00Z"
# Lists: their plans must not read a whole table.
LISTS = [
    "/api/v1/deployments",
    "/api/v1/deployments?service=service-00",
    "/api/v1/deployments?environment=prod",
    "/api/v1/deployments?status=failed",
    "/api/v1/deployments?kind=rollback",
    "/api/v1/deployments?version=1.200.5",
    f"/api/v1/deployments?{WINDOW}",
    "/api/v1/deployments?service=service-00&environment=prod&status=failed&kind=hotfix",
    "/api/v1/incidents",
    "/api/v1/incidents?service=service-00",
    "/api/v1/incidents?environment=prod",
    "/api/v1/incidents?open=true",
    f"/api/v1/incidents?{WINDOW}",
    "/api/v1/changes",
    "/api/v1/changes?service=service-00",
    "/api/v1/changes?version=1.200.5",
    f"/api/v1/changes?{WINDOW}",
    "/api/v1/services",
    "/api/v1/environments",
    "/api/v1/matrix",
    "/api/v1/matrix?at=2025-11-01T00:00:00Z",
    "/api/v1/promotions/pending?from=staging&to=prod",
]
# Sums over a window: they read what is in it.
SUMS = [
    f"/api/v1/metrics/dora?{WINDOW}&interval=week",
    f"/api/v1/metrics/dora?{WINDOW}&service=service-00",
    f"/api/v1/metrics/dora/explain?{WINDOW}&service=service-00",
]


@dataclass
class Ledger:
    """A ledger of some size on one database, and how long its answers took."""

    name: str
    client: FlaskClient
    engine: Engine
    times: dict[str, list[float]] = field(default_factory=dict)

    def ask(self, path: str) -> None:
        """Ask once and note the time."""
        started = time.perf_counter()
        response = self.client.get(path)
        elapsed = (time.perf_counter() - started) * 1000
        if response.status_code != 200:  # noqa: PLR2004
            raise SystemExit(f"{self.name}: GET {path}: {response.status_code} {response.text}")
        self.times.setdefault(path, []).append(elapsed)

    def median(self, path: str) -> float:
        """Return the median time of a question, in milliseconds."""
        return statistics.median(self.times[path])

    def scans(self, path: str) -> set[str]:
        """Return the steps of a list's plans that read a whole table of history."""
        return {
            step
            for statement, parameters in self._statements(path)
            for step in self._plan(statement, parameters)
            if _reads_all(step)
        }

    def _statements(self, path: str) -> list[tuple[str, Any]]:
        seen: list[tuple[str, Any]] = []

        def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            if statement.lstrip().upper().startswith(("SELECT", "WITH")):
                seen.append((statement, parameters))

        event.listen(self.engine, "before_cursor_execute", note)
        try:
            self.client.get(path)
        finally:
            event.remove(self.engine, "before_cursor_execute", note)
        return seen

    def _plan(self, statement: str, parameters: Any) -> list[str]:
        word = "EXPLAIN QUERY PLAN" if self.engine.dialect.name == "sqlite" else "EXPLAIN"
        with self.engine.connect() as connection:
            rows = connection.exec_driver_sql(f"{word} {statement}", parameters).all()
        return [str(row[-1]).strip() for row in rows]


def _reads_all(step: str) -> bool:
    tables = "|".join(HISTORY)
    if re.search(rf"Seq Scan on ({tables})", step):
        return True
    # SQLite walks an index from one end when it says `SCAN … USING INDEX`: that is what a page is.
    return bool(re.match(rf"SCAN ({tables})", step)) and "USING" not in step


@contextmanager
def ledgers(sizes: list[int]) -> Iterator[list[Ledger]]:
    """Make and fill a ledger of each size on each database of this machine."""
    programs = find_programs()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        places: dict[str, Callable[[int], dict[str, object]]] = {
            "SQLite": lambda size: {"DATA_DIR": folder / str(size)}
        }
        if programs is None:
            print("no PostgreSQL on this machine (initdb and pg_ctl): SQLite only", file=sys.stderr)
        else:
            (folder / "postgresql").mkdir()
            server = Server(programs, folder / "postgresql")
            server.start()
            stack.callback(server.stop)
            places["PostgreSQL"] = lambda _: server.new_database()
        found = []
        for size in sizes:
            for name, place in places.items():
                found.append(_ledger(f"{name} {size:,}", place(size), size))
                stack.callback(found[-1].engine.dispose)
        yield found


def _ledger(name: str, place: dict[str, Any], size: int) -> Ledger:
    started = time.monotonic()
    unlimited = {"PUBLIC_READ": True, "RATE_LIMIT": "1000000 per second"}
    app = create_app({**place, **unlimited, "LOG_LEVEL": "error"})
    database: Database = app.extensions["database"]
    upgrade(database.engine)
    with database.write() as connection:
        seed.fill(connection, size)
    print(f"{name}: filled in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return Ledger(name, app.test_client(), database.engine)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="default: 15")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[10_000, 1_000_000], help="default: 10000 1000000"
    )
    given = parser.parse_args()
    with ledgers(given.sizes) as found:
        for number in range(given.rounds + 1):
            for path in LISTS + SUMS:
                for ledger in found:
                    ledger.ask(path)
            if number == 0:  # the first round warms up
                for ledger in found:
                    ledger.times.clear()
        scans = [
            f"{ledger.name}: {path}: {step}"
            for ledger in found[-2:]
            for path in LISTS
            for step in ledger.scans(path)
        ]
        _print(found)
    for scan in scans:
        print(f"reads a whole table: {scan}", file=sys.stderr)
    if scans:
        raise SystemExit(1)
    print(f"no plan of the {len(LISTS)} lists reads a whole table", file=sys.stderr)


def _print(found: list[Ledger]) -> None:
    """Print the times as a Markdown table."""
    print("| GET, median in ms | " + " | ".join(ledger.name for ledger in found) + " |")
    print("| --- |" + " ---: |" * len(found))
    for path in LISTS + SUMS:
        times = " | ".join(f"{ledger.median(path):.1f}" for ledger in found)
        print(f"| `{path.removeprefix('/api/v1')}` | {times} |")


if __name__ == "__main__":
    main()
