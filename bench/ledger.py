"""Time every list and every sum on a small and on a large ledger, and check the query plans.

The requests are made within the process, to ledgers with 10 thousand and with 1 million deployments
on SQLite and on a PostgreSQL of this machine. Each round requests everything from all four; a time
is the median of the rounds, in milliseconds. Each statement of a list, for its first page and for
the next, goes through EXPLAIN: a plan that scans a whole table of history ends the run with status
1.
"""

from __future__ import annotations

import argparse
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
from sqlalchemy import Engine

from api.app import create_app
from api.database import Database, writing
from api.domain.dora.kept import refreshing
from api.migrate import upgrade
from bench import plans, seed
from bench.questions import LISTS, SUMS, WINDOW
from tests.postgresql import Server, find_programs

ADMIN_TOKEN = "an-admin-token-that-only-the-benchmark-knows"  # noqa: S105
# Sums take long, so only one in so many rounds requests them, counted back from the last one.
SUMS_EVERY = 5


@dataclass
class Ledger:
    """A ledger of one size on one database, and the times of its answers in milliseconds."""

    name: str
    client: FlaskClient
    engine: Engine
    times: dict[str, list[float]] = field(default_factory=dict)

    def ask(self, path: str) -> None:
        """Request a path once and record the time."""
        started = time.perf_counter()
        response = self.client.get(path)
        elapsed = (time.perf_counter() - started) * 1000
        if response.status_code != 200:  # noqa: PLR2004
            raise SystemExit(f"{self.name}: GET {path}: {response.status_code} {response.text}")
        self.times.setdefault(path, []).append(elapsed)

    def median(self, path: str) -> float:
        """Return the median time of a path, in milliseconds."""
        return statistics.median(self.times[path])

    def scans(self, path: str) -> set[str]:
        """Return the steps in the plans of a list that read a whole table of history."""
        statements = self.statements(path)
        with self.engine.connect() as connection:
            return plans.scans(connection, statements)

    def statements(self, path: str) -> list[plans.Statement]:
        """Return the statements of a list: of its first page, and of the next if there is one."""
        with plans.executed(self.engine) as found:
            page = self.client.get(path).get_json()
            if page.get("next_cursor"):
                self.client.get(f"{path}{'&' if '?' in path else '?'}cursor={page['next_cursor']}")
        return found

    def fill(self, size: int) -> None:
        """Write `size` deployments, and print how long that took."""
        started = time.monotonic()
        with self.engine.connect() as connection, writing(connection):
            seed.fill(connection, size)
        plans.analyze(self.engine)
        with self.engine.connect() as connection, writing(connection):
            refreshing.refresh(connection)
        plans.analyze(self.engine)
        print(f"{self.name}: filled in {time.monotonic() - started:.0f} s", file=sys.stderr)


@contextmanager
def ledgers(sizes: list[int]) -> Iterator[list[Ledger]]:
    """Create and fill a ledger of each size on each database of this machine."""
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
                found.append(open_ledger(f"{name} {size:,}", place(size), folder))
                stack.callback(found[-1].engine.dispose)
                found[-1].fill(size)
        yield found


def open_ledger(name: str, place: dict[str, Any], folder: Path) -> Ledger:
    """Return an application with a migrated database, and a client with an admin token."""
    admin_token = folder / "admin-token"
    admin_token.write_text(ADMIN_TOKEN)
    settings = {"ADMIN_TOKEN_FILE": admin_token, "RATE_LIMIT": "1000000 per second"}
    app = create_app({**place, **settings, "LOG_LEVEL": "error"})
    database: Database = app.extensions["database"]
    upgrade(database.engine)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {ADMIN_TOKEN}"
    return Ledger(name, client, database.engine)


def compare(found: list[Ledger], rounds: int) -> list[str]:
    """Request everything, print tables of the times, and return the plans that scan a table."""
    for number in range(rounds + 1):
        sums = SUMS if number == 0 or (rounds - number) % SUMS_EVERY == 0 else []
        for path in LISTS + sums:
            for ledger in found:
                ledger.ask(path)
        if number == 0:  # the first round warms up
            for ledger in found:
                ledger.times.clear()
    _print(found)
    return [
        f"{ledger.name}: {path}: {step}"
        for ledger in found[-2:]
        for path in LISTS
        for step in ledger.scans(path)
    ]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="default: 15; sums: every fifth")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[10_000, 1_000_000], help="default: 10000 1000000"
    )
    given = parser.parse_args()
    with ledgers(given.sizes) as found:
        scans = compare(found, given.rounds)
    for scan in scans:
        print(f"reads a whole table: {scan}", file=sys.stderr)
    if scans:
        raise SystemExit(1)
    print(f"no plan of the {len(LISTS)} lists reads a whole table", file=sys.stderr)


def _print(found: list[Ledger]) -> None:
    """Print the times as the tables of docs/benchmarks.md: the lists, then the sums."""
    names = {ledger.name.split()[0]: None for ledger in found}
    columns = [[each for each in found if each.name.startswith(name)] for name in names]
    heads = [
        head
        for ledgers in columns
        for head in [*(ledger.name for ledger in ledgers), *(["ratio"] if ledgers[1:] else [])]
    ]
    for title, paths in {"Lists": LISTS, "Sums": SUMS}.items():
        print(f"\n## {title}\n\n| GET | {' | '.join(heads)} |")
        print("| --- |" + " ---: |" * len(heads))
        for path in paths:
            shown = path.removeprefix("/api/v1").replace(WINDOW, "from=…&to=…")
            cells = [cell for ledgers in columns for cell in _cells(ledgers, path)]
            print(f"| `{shown}` | {' | '.join(cells)} |")


def _cells(ledgers: list[Ledger], path: str) -> list[str]:
    """Return the medians of one database, and the largest ledger's over the smallest's."""
    medians = [ledger.median(path) for ledger in ledgers]
    ratio = [f"{medians[-1] / medians[0]:.1f}"] if ledgers[1:] else []
    return [*(f"{each:.0f}" if each >= 100 else f"{each:.1f}" for each in medians), *ratio]  # noqa: PLR2004


if __name__ == "__main__":
    main()
