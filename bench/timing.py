"""Time some questions alone: fill a ledger, ask each of them in turn, and print what they cost.

They are by default the metrics and the pending promotions. Times are taken within the process, on
PostgreSQL. What other processes do has little part in the CPU times, of the process and of
PostgreSQL's, and none in the number of SQL statements.
"""

from __future__ import annotations

import argparse
import resource
import statistics
from pathlib import Path
from typing import NamedTuple

from bench import plans
from bench.ledger import WARM_UP, Ledger, open_ledger
from bench.questions import PENDING, SUMS
from bench.servers import postgresql
from tools.command import exit_with, say

HEAD = """| GET | median | p95 | CPU | CPU of PostgreSQL | statements |
| --- | ---: | ---: | ---: | ---: | ---: |"""


class Cost(NamedTuple):
    """CPU times in milliseconds: of the process, and of PostgreSQL's."""

    own: float
    postgresql: float


def cost(ledger: Ledger, path: str) -> Cost:
    """Ask once."""
    before = cpu_ms(ledger)
    ledger.ask(path)
    after = cpu_ms(ledger)
    return Cost(after.own - before.own, after.postgresql - before.postgresql)


def cpu_ms(ledger: Ledger) -> Cost:
    """Return the CPU time so far."""
    return Cost(_own(), _of_postgresql(ledger))


def _own() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1000


def _of_postgresql(ledger: Ledger) -> float:
    """Return the CPU time so far of the process that serves the ledger's only connection."""
    with ledger.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None  # noqa: S101 (it has just been connected)
        told = Path(f"/proc/{raw.info.backend_pid}/schedstat").read_text()
    return int(told.split()[0]) / 1e6


def line(ledger: Ledger, path: str, rounds: int) -> str:
    """Return the row of a table about a question."""
    for _ in range(WARM_UP):
        ledger.ask(path)
    ledger.times.clear()
    costs = [cost(ledger, path) for _ in range(rounds)]
    with plans.executed(ledger.engine) as statements:
        ledger.ask(path)
    told = ledger.told(path)
    figures = (
        told["median_ms"],
        told["p95_ms"],
        statistics.median(taken.own for taken in costs),
        statistics.median(taken.postgresql for taken in costs),
    )
    return f"| `{path}` | {' | '.join(f'{ms:.1f}' for ms in figures)} | {len(statements)} |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.timing", description=__doc__)
    parser.add_argument("paths", nargs="*", default=[*SUMS, PENDING], metavar="PATH")
    parser.add_argument("--size", type=int, default=1_000_000, help="default: 1000000")
    parser.add_argument("--rounds", type=int, default=40, help="default: 40")
    given = parser.parse_args()
    with postgresql() as (server, folder):
        ledger = open_ledger("PostgreSQL", given.size, server.new_database(), folder)
        ledger.fill()
        say(HEAD)
        for path in given.paths:
            say(line(ledger, path, given.rounds))
        ledger.engine.dispose()


if __name__ == "__main__":
    exit_with(main)
