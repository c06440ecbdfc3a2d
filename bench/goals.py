"""The goals for the speed of the service, and whether a result meets them. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from bench.questions import MATRIX, PENDING, SUMS
from bench.requests import ARGOCD, GITHUB, LIST, ONE, REPORT, UNCHANGED, Route
from bench.requests import MATRIX as CELLS

Result = dict[str, Any]


class Goal(NamedTuple):
    """A goal: a figure, and the limit that it must reach or not exceed; None is not measured."""

    what: str
    figure: float | None
    limit: float
    unit: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Return whether the figure is within the limit."""
        if self.figure is None:
            return None
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit


def served(result: Result, route: Route, contender: str, size: int | None = None) -> Result | None:
    """Return the figures of a route, by default at the size at which all are compared."""
    wanted = (route.name, contender, size or result["compared"])
    found = (
        row for row in result["served"] if (row["route"], row["contender"], row["size"]) == wanted
    )
    return next(found, None)


def median(figures: Result | None, name: str) -> float | None:
    """Return the median of a figure's rounds, or the figure if it is a single one."""
    value = None if figures is None else figures.get(name)
    if isinstance(value, list):
        return statistics.median(value) if value else None
    return value


def ratio(one: float | None, other: float | None) -> float | None:
    """Return one figure divided by another; None if one of them was not measured."""
    return None if one is None or not other else one / other


def goals(result: Result) -> Iterator[Goal]:
    """Yield all goals with the figures of a result."""
    yield from _against_peer(result)
    yield from _against_base(result)
    yield from _reports(result)
    yield from _times(result)
    yield from _growth(result)
    yield from _process(result)


def _against_peer(result: Result) -> Iterator[Goal]:
    for route, limit in ((LIST, 1.0), (ONE, 1.0), (CELLS, 1.2)):
        now, peer = (served(result, route, name) for name in ("now", "peer"))
        rates = ratio(median(now, "rate"), median(peer, "rate"))
        yield Goal(f"`{route.name}`, requests a second ÷ the peer's", rates, limit, at_least=True)
        p99 = ratio(median(now, "p99_ms"), median(peer, "p99_ms"))
        yield Goal(f"`{route.name}`, p99 at 70 % of saturation ÷ the peer's", p99, 0.5)
    now, peer = served(result, UNCHANGED, "now"), served(result, LIST, "peer")
    rates = ratio(median(now, "rate"), median(peer, "rate"))
    yield Goal("304, requests a second ÷ the peer's full answer", rates, 4, at_least=True)


def _against_base(result: Result) -> Iterator[Goal]:
    for route in (REPORT, GITHUB, ARGOCD):
        now, base = (median(served(result, route, name), "cpu_ms") for name in ("now", "base"))
        yield Goal(f"`{route.name}`, CPU ÷ before", ratio(now, base), 1 / 3)


def _reports(result: Result) -> Iterator[Goal]:
    now, peer = (median(served(result, REPORT, name), "rate") for name in ("now", "peer"))
    what = f"`{REPORT.name}`, requests a second ÷ the peer's insert"
    yield Goal(what, ratio(now, peer), 1.0, at_least=True)
    limit, rows = median(result["pgbench"], "8"), median(result, "bulk")
    what = "a list of 1,000 reports, rows a second ÷ pgbench's with eight clients"
    yield Goal(what, ratio(rows, limit), 0.5, at_least=True)


def _times(result: Result) -> Iterator[Goal]:
    every, one, explained, page = SUMS
    for path, what, limit in (
        (every, "DORA metrics of all services over 92 days", 50),
        (one, "DORA metrics of one service", 15),
        (explained, "a page of the explanation, all services", 50),
        (page, "a page of the explanation, one service", 50),
        (PENDING, "pending promotions", 50),
    ):
        yield Goal(f"{what}, p95", p95(result, path), limit, "ms")
    for name, limit in (("200 by 6", 60), ("1,000 by 12", 250)):
        found = result["wide"].get(name, {}).get("p95_ms")
        yield Goal(f"`{MATRIX}` of {name} cells, p95", found, limit, "ms")


def p95(result: Result, path: str) -> float:
    """Return the 95th percentile of a path on PostgreSQL at the size of the comparison."""
    (found,) = (
        row["p95_ms"]
        for row in [*result["lists"], *result["sums"]]
        if (row["path"], row["database"], row["size"]) == (path, "PostgreSQL", result["compared"])
    )
    return float(found)


def _growth(result: Result) -> Iterator[Goal]:
    sizes = sorted(result["sizes"])
    for small, large in pairwise(sizes):
        for route in (LIST, CELLS, REPORT):
            found = (served(result, route, "now", size) for size in (large, small))
            times = (median(figures, "p99_ms") for figures in found)
            what = f"`{route.name}`, p99 with {large:,} deployments ÷ with {small:,}"
            yield Goal(what, ratio(*times), 1.25)


def _process(result: Result) -> Iterator[Goal]:
    yield Goal("memory of a pod after the load", result["resident_mib"]["now"], 160, "MiB")
    most = max(answer["most_mib"] for answer in result["memory"])
    yield Goal("memory after any one answer", most, 200, "MiB")
    for database in ("SQLite", "PostgreSQL"):
        what = f"import of 10,000 deployments in 6,000 cells, {database}"
        yield Goal(what, result["moving"].get(database), 10, "s")
    yield Goal("import of `api`", median(result["importing"]["now"], "seconds"), 0.6, "s")
    ready = median(result["starting"]["now"], "seconds")
    yield Goal("start to ready with a migrated schema, one core", ready, 2, "s")
