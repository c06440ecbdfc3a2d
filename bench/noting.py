"""Measure what reports pay for the metrics: triggers of the database note what each has changed.

The same reports are sent with the triggers and without, in alternating rounds, within the process
and on PostgreSQL. What counts is the CPU time of both, which other processes hardly change.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from sqlalchemy import text

from bench import requests
from bench.ledger import Ledger, open_ledger
from bench.servers import postgresql
from bench.timing import cpu_ms
from tools.command import exit_with, say

# The tables whose reports are noted.
NOTED = ("deployments", "changes")
HEAD = """| POST | with notes, CPU ms | without | ratio |
| --- | ---: | ---: | ---: |"""
# A path and the bodies to send there in a round, made from numbers that no others have.
Question = tuple[str, Callable[[Iterator[int]], Iterable[Any]]]


def single(size: int) -> Question:
    """Return so many reports of deployments, one by one."""
    return requests.DEPLOYMENTS, lambda numbers: (
        requests.deployment(next(numbers)) for _ in range(size)
    )


def bulk(size: int) -> Question:
    """Return a list of so many reports of deployments."""
    return requests.DEPLOYMENTS, lambda numbers: [
        [requests.deployment(next(numbers)) for _ in range(size)]
    ]


def changes(size: int) -> Question:
    """Return a list of so many reports of changes, each of a version of its own."""
    return "/api/v1/changes", lambda numbers: [
        {"changes": [change(next(numbers)) for _ in range(size)]}
    ]


def change(number: int) -> dict[str, Any]:
    """Return a report of a change."""
    service, _, at = requests.event(number)
    return {
        "service": service,
        "commit": f"{number:040x}",
        "committed_at": at,
        "version": f"1.{number}.0",
    }


@contextmanager
def unnoted(ledger: Ledger) -> Iterator[None]:
    """Switch the triggers off for a while."""
    _switch(ledger, "DISABLE")
    yield
    _switch(ledger, "ENABLE")


def _switch(ledger: Ledger, how: str) -> None:
    with ledger.engine.begin() as connection:
        for table in NOTED:
            connection.execute(text(f"ALTER TABLE {table} {how} TRIGGER USER"))


def sent(ledger: Ledger, path: str, bodies: Iterable[Any]) -> float:
    """Send some reports; return the CPU time that each of them took on average."""
    made = [*bodies]
    before = sum(cpu_ms(ledger))
    for body in made:
        response = ledger.client.post(path, json=body)
        if response.status_code not in (200, 201):
            raise SystemExit(f"POST {path}: {response.status_code} {response.text}")
    return (sum(cpu_ms(ledger)) - before) / len(made)


def compare(
    ledger: Ledger, question: Question, numbers: Iterator[int], rounds: int
) -> tuple[list[float], list[float]]:
    """Return the CPU time of each round with the triggers, and without."""
    path, make = question
    noted: list[float] = []
    plain: list[float] = []
    sent(ledger, path, make(numbers))  # warms up
    for _ in range(rounds):
        noted.append(sent(ledger, path, make(numbers)))
        with unnoted(ledger):
            plain.append(sent(ledger, path, make(numbers)))
    return noted, plain


def line(name: str, noted: Sequence[float], plain: Sequence[float]) -> str:
    """Return the row of a table: medians, and the median of the ratios of the rounds."""
    ratio = statistics.median(one / other for one, other in zip(noted, plain, strict=True))
    medians = f"{statistics.median(noted):.2f} | {statistics.median(plain):.2f}"
    return f"| {name} | {medians} | {ratio:.2f} |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.noting", description=__doc__)
    parser.add_argument("--size", type=int, default=10_000, help="of the ledger; default: 10000")
    parser.add_argument("--rounds", type=int, default=15, help="default: 15")
    parser.add_argument(
        "--reports", type=int, default=100, help="one by one in a round; default: 100"
    )
    parser.add_argument("--list", type=int, default=1_000, help="in a list; default: 1000")
    given = parser.parse_args()
    with postgresql() as (server, folder):
        ledger = open_ledger("PostgreSQL", given.size, server.new_database(), folder)
        ledger.fill()
        numbers = count()
        say(HEAD)
        for name, question in (
            ("a deployment", single(given.reports)),
            (f"a list of {given.list:,} deployments", bulk(given.list)),
            (f"a list of {given.list:,} changes", changes(given.list)),
        ):
            say(line(name, *compare(ledger, question, numbers, given.rounds)))
        ledger.engine.dispose()


if __name__ == "__main__":
    exit_with(main)
