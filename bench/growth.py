"""Measure how long answers take with one number of deployments, and with another one, say tenfold.

The ledgers are on PostgreSQL, which waits for the disk at each commit. In alternating rounds, eight
clients send without a pause, and then requests are sent at 70 % of that rate: so long does it take
until 50 and until 99 of 100 answers are there, in milliseconds. To fill a ledger of ten million
takes 20 to 40 minutes and 15 GB.

    python -m bench.growth --sizes 1000000 10000000
"""

from __future__ import annotations

import argparse
import statistics
from contextlib import ExitStack

from bench import contenders
from bench.__main__ import new_token
from bench.comparison import Figures, Served
from bench.ledger import open_ledger
from bench.requests import LIST, MATRIX, REPORT, Known
from bench.servers import postgresql
from tools.command import exit_with, say

# The reads first, which are the same whatever is written after them.
GROWING = (LIST, MATRIX, REPORT)
HEAD = """| request | deployments | requests/s | CPU ms | p50 | p99 |
| --- | ---: | ---: | ---: | ---: | ---: |"""


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=7, help="default: 7")
    parser.add_argument("--seconds", type=float, default=2, help="of a measurement; default: 2")
    given = parser.parse_args()
    with postgresql(durable=True) as (server, folder), ExitStack() as stack:
        present = contenders.present(folder / "now")
        served = []
        for size in given.sizes:
            ledger = open_ledger("PostgreSQL", size, server.new_database(), folder)
            ledger.fill()
            known = Known(new_token(ledger))
            contender = stack.enter_context(contenders.gunicorn("now", present, ledger.place))
            served.append(Served(contender, size, known).informed())
        say(HEAD)
        for route in GROWING:
            figures = [Figures(route.name, "now", target.size) for target in served]
            for number in range(1 + given.rounds):
                for target, found in zip(served, figures, strict=True):
                    # The first round warms up.
                    into = found if number > 0 else Figures(route.name, "now", target.size)
                    target.measure(route, into, given.seconds)
            for found in figures:
                say(row(found))


def row(found: Figures) -> str:
    """Return the row of a table."""
    told = found.told()
    rate, cpu_ms = (statistics.median(told[name]) for name in ("rate", "cpu_ms"))
    return (
        f"| `{found.route}` | {found.size:,} | {rate:,.0f} | {cpu_ms:.2f}"
        f" | {told['p50_ms']:.1f} | {told['p99_ms']:.1f} |"
    )


if __name__ == "__main__":
    exit_with(main)
