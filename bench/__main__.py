"""Measure the service, and write bench/results/latest.json and what docs/ tells of it.

Ledgers of 10 thousand and of 1 million deployments are filled on SQLite and on a PostgreSQL that
waits for the disk. The present revision, another one (--base) and the peer, each one process,
answer the same requests on the same ledger, in alternating rounds. Then every list and every sum is
timed within the process. Without PostgreSQL nothing is measured.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from api.database import Database
from api.domain.tokens import NewToken, create
from bench import comparison, contenders, document, machine, memory, moving, starting
from bench.comparison import Served
from bench.contenders import PEER
from bench.ledger import Ledger, open_ledger, time_all
from bench.questions import LISTS, MATRIX
from bench.requests import Known
from bench.seed import Cells
from bench.servers import postgresql
from tests.postgresql import Server
from tools.command import ROOT, exit_with, say

QUICK = {"sizes": [300, 1_000], "rounds": 2, "seconds": 0.3}
WHOLE = {"sizes": [10_000, 1_000_000], "rounds": 7, "seconds": 1.0}
# The revision and the peer are compared at the size that is nearest to this.
COMPARED = 1_000_000
# Matrices that are wider than that of the ledgers, with so many deployments.
WIDE = {
    "200 by 6": (12_000, Cells(200, tuple(f"stage-{number}" for number in range(6)))),
    "1,000 by 12": (60_000, Cells(1_000, tuple(f"stage-{number:02}" for number in range(12)))),
}
# The import that is timed: deployments, and in how many cells.
MOVED = (10_000, 6_000)


class Benchmark:
    """One run: a server, its ledgers, and what was measured so far."""

    def __init__(self, given: argparse.Namespace, server: Server, folder: Path) -> None:
        self.given = given
        self.server = server
        self.folder = folder
        self.now = contenders.present(folder / "now")
        self.base = contenders.extract(given.base, folder / "base") if given.base else None
        self.ledgers: list[Ledger] = []

    def run(self) -> dict[str, Any]:
        """Measure everything, the parts that need a quiet machine first."""
        self.ledgers = [
            self.open(database, size) for size in self.given.sizes for database in self.places()
        ]
        for ledger in self.ledgers:
            ledger.fill()
        compared = min(self.postgresql(), key=lambda ledger: abs(ledger.size - COMPARED))
        return {
            "base": machine.revision(self.given.base) if self.given.base else None,
            "revision": machine.revision(),
            "machine": machine.describe(self.server.programs),
            "quick": self.given.quick,
            "sizes": self.given.sizes,
            "compared": compared.size,
            "rounds": self.given.rounds,
            "importing": self.beside(lambda source: starting.importing(source, self.given.rounds)),
            "starting": self.beside(
                lambda source: starting.until_ready(source, compared.place, self.given.rounds)
            ),
            **self.compare(compared),
            **time_all(self.ledgers, self.given.rounds),
            # PostgreSQL rightly reads a small table as a whole.
            "scans": [] if self.given.quick else self.scans(),
            # A quick run is for trying the command: these would take as long as all the rest.
            "wide": {} if self.given.quick else self.wide(),
            "memory": memory.measure(Path(self.ledgers[-2].place["DATA_DIR"])),
            "moving": {} if self.given.quick else self.move(),
        }

    def places(self) -> tuple[str, str]:
        """Return the names of the databases."""
        return "SQLite", "PostgreSQL"

    def open(self, database: str, size: int) -> Ledger:
        """Create a ledger."""
        place: dict[str, Any] = self.server.new_database()
        if database == "SQLite":
            place = {"DATA_DIR": self.folder / str(size)}
        return open_ledger(database, size, place, self.folder)

    def postgresql(self) -> list[Ledger]:
        """Return the ledgers on PostgreSQL."""
        return [ledger for ledger in self.ledgers if ledger.database == "PostgreSQL"]

    def beside(self, measured: Any) -> dict[str, Any]:
        """Measure the present revision, and the other one if there is one."""
        return {"now": measured(self.now)} | ({"base": measured(self.base)} if self.base else {})

    def compare(self, compared: Ledger) -> dict[str, Any]:
        """Serve everybody, check that their answers are the same, and measure them."""
        with ExitStack() as stack:
            served: list[Served] = []
            for ledger in [compared, *(other for other in self.postgresql() if other != compared)]:
                servers = [contenders.gunicorn("now", self.now, ledger.place)]
                if ledger is compared:
                    if self.base:
                        servers.append(contenders.gunicorn("base", self.base, ledger.place))
                    if PEER.exists():
                        servers.append(contenders.peer(ledger.place))
                token = new_token(ledger)
                for server in servers:
                    contender = stack.enter_context(server)
                    served.append(Served(contender, ledger.size, Known(token)))
            # An earlier revision may have answered otherwise.
            comparison.check_bytes([target for target in served if target.contender.name != "base"])
            found = comparison.compare(
                [target.informed() for target in served],
                self.server,
                compared.place,
                self.given.rounds,
                self.given.seconds,
            )
            resident = {
                target.contender.name: round(target.contender.memory_mib(), 1)
                for target in served
                if target.size == compared.size
            }
            return {**found, "resident_mib": resident}

    def scans(self) -> list[str]:
        """Return the plans of lists of the largest ledgers that read a whole table."""
        return [
            f"{ledger.database}: {path}: {step}"
            for ledger in self.ledgers[-2:]
            for path in LISTS
            for step in sorted(ledger.scans(path))
        ]

    def wide(self) -> dict[str, Any]:
        """Time wide matrices, 20 times each on PostgreSQL."""
        told = {}
        for name, (size, cells) in WIDE.items():
            ledger = self.open("PostgreSQL", size)
            ledger.fill(cells)
            for _ in range(21):
                ledger.ask(MATRIX)
            del ledger.times[MATRIX][0]
            told[name] = ledger.told(MATRIX)
            ledger.engine.dispose()
        return told

    def move(self) -> dict[str, float]:
        """Time an import into each database."""
        file = self.folder / "file.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in moving.lines(*MOVED, 1)))
        sqlite = moving.seconds({"DATA_DIR": self.folder / "moved"}, file)
        postgresql = moving.seconds(self.server.new_database(), file)
        return {"SQLite": round(sqlite, 2), "PostgreSQL": round(postgresql, 2)}


def new_token(ledger: Ledger) -> str:
    """Create a token that may do all that is measured."""
    database: Database = ledger.client.application.extensions["database"]
    scopes = ["write", "ingest:github", "ingest:argocd"]
    with database.write() as connection:
        return create(connection, NewToken(name="bench", scopes=scopes))[1]


def parsed() -> argparse.Namespace:
    """Return the arguments; a quick run has other defaults."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--base", help="a revision to compare with")
    parser.add_argument("--sizes", type=int, nargs="+", help="default: 10000 1000000")
    parser.add_argument("--rounds", type=int, help="default: 7")
    parser.add_argument("--seconds", type=float, help="of a measurement; default: 1")
    parser.add_argument("--quick", action="store_true", help="try it: few rows, short rounds")
    parser.add_argument("--result", type=Path, help=f"default: {document.RESULT}, not if quick")
    given = parser.parse_args()
    for name, value in (QUICK if given.quick else WHOLE).items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    return given


def main() -> None:
    """Run the benchmark; write the result, and the documents unless it was quick."""
    given = parsed()
    if not PEER.exists():
        say("the peer is not installed (`make bench` does that): it is left out")
    started = time.monotonic()
    with postgresql(durable=True) as (server, folder):
        result = Benchmark(given, server, folder).run()
    result["minutes"] = round((time.monotonic() - started) / 60, 1)
    file = given.result or (ROOT / ".build/bench.json" if given.quick else document.RESULT)
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    say(f"{result['minutes']} minutes; written to {file}")
    if file.resolve() == document.RESULT:
        document.write(result)
    for scan in result["scans"]:
        say(f"reads a whole table: {scan}")
    if result["scans"]:
        raise SystemExit(1)


if __name__ == "__main__":
    exit_with(main)
