"""Compare contenders request by request, in rounds that alternate between them.

In each round, everybody answers eight clients that do not pause, which gives the saturation and the
CPU time of a request, and then requests at 70 % of that rate, which gives the time until an answer.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from bench import load, pgbench
from bench.contenders import Contender
from bench.requests import BULK, LIST, MANY, REPORT, ROUTES, SAME, Known, Route
from tests.postgresql import Server
from tools.command import ToolError, say

CLIENTS = 8
SHARE = 0.7
# What an answer shows of the duties that both have.
DUTIES = {"etag", "cache-control", "x-request-id", "content-type"}
# Each request of its own: no two reports are the same, whoever gets them.
NUMBERS = count(1)


@dataclass
class Figures:
    """What one contender took for one request: a figure for each round, and all waiting times."""

    route: str
    contender: str
    size: int
    rate: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    taken_ms: list[float] = field(default_factory=list)
    statements: int | None = None

    def told(self) -> dict[str, Any]:
        """Return the figures as the result file has them."""
        told: dict[str, Any] = {
            "route": self.route,
            "contender": self.contender,
            "size": self.size,
            "statements": self.statements,
            "rate": [round(rate, 1) for rate in self.rate],
            "cpu_ms": [round(ms, 3) for ms in self.cpu_ms],
        }
        if len(self.taken_ms) > 1:
            told["p50_ms"] = round(statistics.median(self.taken_ms), 2)
            told["p99_ms"] = round(statistics.quantiles(self.taken_ms, n=100)[-1], 2)
            told["samples"] = len(self.taken_ms)
        return told


@dataclass(frozen=True)
class Served:
    """A contender with a ledger of some size, and what its clients know of that."""

    contender: Contender
    size: int
    known: Known

    def answers(self, route: Route) -> bool:
        """Return whether it is asked for this."""
        return route.peer or self.contender.name != "peer"

    def informed(self) -> Served:
        """Return the same with what its clients know once they have asked for the list."""
        page = self.send(LIST)
        first = json.loads(page.body)["items"][0]["id"]
        return replace(self, known=Known(self.known.token, first, page.headers["etag"]))

    def send(self, route: Route) -> load.Answer:
        """Send one request."""
        return load.once(self.contender.port, route.make(self.known, next(NUMBERS)))

    def measure(self, route: Route, figures: Figures, seconds: float) -> None:
        """Add a round to the figures."""

        def make() -> bytes:
            return route.make(self.known, next(NUMBERS))

        port, status = self.contender.port, route.status
        before = self.contender.cpu_s()
        answers, elapsed = load.saturate(port, make, status, CLIENTS, seconds)
        figures.cpu_ms.append((self.contender.cpu_s() - before) * 1000 / answers)
        figures.rate.append(answers / elapsed)
        if route.paced:
            limit = SHARE * statistics.median(figures.rate)
            figures.taken_ms += load.pace(port, make, status, limit, CLIENTS, seconds)


def check_bytes(served: list[Served]) -> None:
    """Compare the peer's answers with the service's. Raises ToolError if a byte differs."""
    sizes = [target.size for target in served if target.contender.name == "peer"]
    served = [target.informed() for target in served if target.size in sizes]
    for route in SAME:
        answers = {target.contender.name: target.send(route) for target in served}
        if len({answer.body for answer in answers.values()}) > 1:
            shown = "\n".join(f"{name}: {answer.body[:1000]!r}" for name, answer in answers.items())
            raise ToolError(f"the answers to {route.name} differ:\n{shown}")
        for name, answer in answers.items():
            if missing := DUTIES - answer.headers.keys():
                raise ToolError(f"{name} answers {route.name} without {', '.join(missing)}")
    # A report is another deployment each time: the same fields with the same kinds of values.
    shapes = {target.contender.name: _shape(target.send(REPORT).body) for target in served}
    if len(set(shapes.values())) > 1:
        raise ToolError(f"the answers to {REPORT.name} differ: {shapes}")


def _shape(body: bytes) -> str:
    """Return the fields of a deployment, with the values that do not depend on its number."""
    own = {"service", "environment", "version", "external_id"}
    times = {"started_at", "finished_at", "created_at"}
    fields = json.loads(body).items()
    return json.dumps(
        {
            name: len(value) if name in {"id", *times} else name in own or value
            for name, value in fields
        }
    )


def compare(
    served: list[Served], server: Server, place: dict[str, Any], rounds: int, seconds: float
) -> dict[str, Any]:
    """Return the figures of all routes, and beside the reports those of pgbench."""
    everything: list[Figures] = []
    limits: dict[int, list[float]] = {1: [], CLIENTS: []}
    for route in ROUTES:
        asked = [target for target in served if target.answers(route)]
        figures = [Figures(route.name, target.contender.name, target.size) for target in asked]
        for number in range(1 + rounds):
            for target, found in zip(asked, figures, strict=True):
                # The first round warms up.
                into = found if number > 0 else Figures(route.name, found.contender, target.size)
                target.measure(route, into, seconds)
            if route is REPORT and number > 0:
                for clients in limits:
                    limits[clients] += pgbench.rates(server, place, clients, seconds)
        everything += figures
        say(f"{route.name}: {rounds} rounds of {len(asked)}")
    with logging(server) as statements:
        for found in everything:
            route = next(route for route in ROUTES if route.name == found.route)
            (target,) = (
                target
                for target in served
                if (target.contender.name, target.size) == (found.contender, found.size)
            )
            # The client knows the answer as it is now, and the server that it has not changed.
            target = target.informed()
            target.send(route)
            before = statements()
            target.send(route)
            found.statements = statements() - before
    return {
        "served": [found.told() for found in everything],
        "pgbench": {str(clients): rates for clients, rates in limits.items()},
        "bulk": bulk(served[0], rounds),
    }


def bulk(served: Served, rounds: int) -> list[float]:
    """Return rows a second of reports by the thousand in each round; none without the route."""
    rates = []
    for _ in range(1 + rounds):
        started = time.perf_counter()
        if served.send(MANY).status >= 300:  # noqa: PLR2004
            return []
        rates.append(BULK / (time.perf_counter() - started))
    return rates[1:]


@contextmanager
def logging(server: Server) -> Iterator[Callable[[], int]]:
    """Let PostgreSQL log each statement, and yield what counts those so far."""

    def log_statements(value: str) -> None:
        with server.connect() as connection:
            connection.execute(f"ALTER SYSTEM SET log_statement = '{value}'")
            connection.execute("SELECT pg_reload_conf()")
        time.sleep(1)  # until each backend has read it

    log = Path(server.folder) / "log"

    def statements() -> int:
        text = log.read_text(errors="replace")
        return text.count("LOG:  statement: ") + text.count("LOG:  execute ")

    log_statements("all")
    try:
        yield statements
    finally:
        log_statements("none")
