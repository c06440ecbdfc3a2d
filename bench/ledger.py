"""Ledgers of several sizes on each database, the times of their answers, and their query plans.

The requests are made within the process, without a network or Gunicorn.
"""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Engine

from api.app import create_app
from api.database import Database
from api.domain.dora.kept import refreshing
from api.migrate import upgrade
from bench import plans, seed, writing
from bench.questions import LISTS, SUMS
from tools.command import say

ADMIN_TOKEN = "an-admin-token-that-only-the-benchmark-knows"  # noqa: S105

# So often a statement is executed before PostgreSQL has it prepared, and a plan for any parameters.
# A pod that has served for some minutes has both.
WARM_UP = 12
# Sums are asked for so often in each round: of seven times, the 95th percentile is the longest.
OFTEN = 4


@dataclass
class Ledger:
    """A ledger of one size on one database, and the times of its answers in milliseconds."""

    database: str
    size: int
    place: dict[str, Any]
    client: FlaskClient
    engine: Engine
    times: dict[str, list[float]] = field(default_factory=dict)

    def ask(self, path: str) -> None:
        """Request a path once and record the time."""
        started = time.perf_counter()
        response = self.client.get(path)
        elapsed = (time.perf_counter() - started) * 1000
        if response.status_code != 200:  # noqa: PLR2004
            raise SystemExit(f"GET {path}: {response.status_code} {response.text}")
        self.times.setdefault(path, []).append(elapsed)

    def told(self, path: str) -> dict[str, Any]:
        """Return the median of a path's times and their 95th percentile, in milliseconds."""
        taken = sorted(self.times[path])
        return {
            "path": path,
            "database": self.database,
            "size": self.size,
            "median_ms": round(statistics.median(taken), 2),
            "p95_ms": round(taken[math.ceil(0.95 * len(taken)) - 1], 2),
            "rounds": len(taken),
        }

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

    def fill(self, cells: seed.Cells = seed.CELLS) -> None:
        """Write its deployments, and print how long that took."""
        started = time.monotonic()
        with writing.unhurried(self.engine) as connection:
            seed.fill(connection, self.size, cells)
        plans.analyze(self.engine)
        with writing.unhurried(self.engine) as connection:
            refreshing.refresh(connection)
        plans.analyze(self.engine)
        say(f"{self.database}, {self.size:,}: filled in {time.monotonic() - started:.0f} s")


def open_ledger(database: str, size: int, place: dict[str, Any], folder: Path) -> Ledger:
    """Return an empty ledger, for a client with an admin token."""
    admin_token = folder / "admin-token"
    admin_token.write_text(ADMIN_TOKEN)
    settings = {"ADMIN_TOKEN_FILE": admin_token, "RATE_LIMIT": "1000000 per second"}
    app = create_app({**place, **settings, "LOG_LEVEL": "error"})
    opened: Database = app.extensions["database"]
    upgrade(opened.engine)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {ADMIN_TOKEN}"
    return Ledger(database, size, place, client, opened.engine)


def time_all(found: list[Ledger], rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Request every list and every sum of all ledgers, in rounds, and return the times."""
    for path in SUMS * WARM_UP:
        for ledger in found:
            ledger.ask(path)
    for number in range(rounds + 1):
        for path in LISTS + SUMS * OFTEN:
            for ledger in found:
                ledger.ask(path)
        if number == 0:  # the first round warms up
            for ledger in found:
                ledger.times.clear()
    return {
        name: [ledger.told(path) for path in paths for ledger in found]
        for name, paths in {"lists": LISTS, "sums": SUMS}.items()
    }
