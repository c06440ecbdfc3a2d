"""Time the front page on a matrix of 200 services in 6 environments, and on one of 1,000 in 12.

And on one of 100 in 6, beside which there are a thousand previews, each of one service. The API's
answer about the same matrix is timed, too. The requests are made within the process, to a
PostgreSQL of this machine. Each service has three deployments in each environment, of which the
last is declared; half of the services wait for their next environment, and there are 20 open
incidents. A time is what a request takes, in milliseconds: the median and the 95th percentile, and
of this process alone the median of its CPU time. The bytes are those before compression; only a
page's are bounded. What takes longer than it may ends the run with status 1.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, insert, text

from api.database import Database, writing
from api.tables import declarations, deployments, environments, incidents, services
from bench.ledger import Ledger, open_ledger
from bench.servers import postgresql
from tools.command import exit_with

BROWSER = {"Accept": "text/html"}
STAGES = ["test", "dev", "qa", "staging", "canary", "prod"]
DEPLOYMENTS = 3  # of a service in an environment
INCIDENTS = 20
KIBIBYTE = 1024


class Size(NamedTuple):
    """A matrix, and how long and how large its page may be: milliseconds and bytes."""

    services: int
    environments: int
    milliseconds: float
    bytes: float
    previews: int = 0

    @property
    def name(self) -> str:
        """Return how the table calls it."""
        told = f"{self.services:,} x {self.environments}"
        return f"{told} and {self.previews:,} previews" if self.previews else told


PAGES = ("/", "/?sort=problems+first", "/?since={yesterday}")
MATRIX = "/api/v1/matrix"
SIZES = (
    Size(200, 6, 60, 300 * KIBIBYTE),
    Size(1000, 12, 250, float("inf")),
    Size(100, 6, 100, 300 * KIBIBYTE, previews=1000),
)


def fill(connection: Connection, size: Size) -> None:
    """Write the matrix of a size, always the same one but for the time."""
    at = datetime.now(UTC) - timedelta(days=DEPLOYMENTS)
    known: dict[str, Any] = {"created_at": at}
    places = [
        {
            "id": UUID(int=number),
            "name": _name(number) if number < size.environments else f"pr-{number}",
            "promotion_order": number * 10,
            "transient": number >= size.environments,
            **known,
        }
        for number in range(size.environments + size.previews)
    ]
    named = [
        {"id": UUID(int=number), "name": f"service-{number:04}", "owner": f"team-{number % 20}"}
        for number in range(size.services)
    ]
    connection.execute(insert(environments), places)
    connection.execute(insert(services), [{**service, **known} for service in named])
    rows = list(_deployments(size, at))
    written = rows + [
        _deployment(len(rows) + number, number % size.services, place, 0, at)
        for number, place in enumerate(range(size.environments, len(places)))
    ]
    for first in range(0, len(written), 5_000):
        connection.execute(insert(deployments), written[first : first + 5_000])
    last = rows[DEPLOYMENTS - 1 :: DEPLOYMENTS]
    told = {"repository": "https://git.example.com/gitops", "path": "k8s", "config_revision": "r1"}
    kept = ("id", "service_id", "environment_id", "version", "image_digest", "created_at")
    declared = [{name: row[name] for name in kept} | told for row in last]
    connection.execute(
        insert(declarations), [{**row, "declared_at": row["created_at"]} for row in declared]
    )
    broken = [
        {
            **{name: row[name] for name in ("id", "service_id", "environment_id", "created_at")},
            "title": "Payments are refused",
            "detected_at": row["created_at"],
            "links": [],
            "source": "pager",
        }
        for row in last[:: len(last) // INCIDENTS]
    ]
    connection.execute(insert(incidents), broken)


def _name(number: int) -> str:
    return STAGES[number] if number < len(STAGES) else f"region-{number}"


def _deployments(size: Size, begin: datetime) -> Iterator[dict[str, Any]]:
    number = 0
    for service in range(size.services):
        for environment in range(size.environments):
            for release in range(DEPLOYMENTS):
                # In every second service, each environment has what the next one waits for.
                minor = release + (size.environments - environment) * (service % 2)
                at = begin + timedelta(days=release, seconds=number % 80_000)
                yield _deployment(number, service, environment, minor, at)
                number += 1


def _deployment(
    number: int, service: int, environment: int, minor: int, at: datetime
) -> dict[str, Any]:
    return {
        "id": UUID(int=number + 1),
        "service_id": UUID(int=service),
        "environment_id": UUID(int=environment),
        "version": f"1.{minor}.0",
        "image_digest": f"sha256:{minor:064x}",
        "kind": "rollout",
        "status": "succeeded",
        "actor": "ada",
        "source": "ci",
        "links": [],
        **dict.fromkeys(("started_at", "finished_at", "created_at"), at),
    }


def measure(ledger: Ledger, path: str, times: int) -> tuple[list[float], float, int]:
    """Return the sorted times of a page, the median of its CPU time, and its bytes."""
    wall, cpu, length = [], [], 0
    for number in range(times + 3):  # the first ones warm up
        began, worked = time.perf_counter(), time.process_time()
        response = ledger.client.get(path, headers=None if path == MATRIX else BROWSER)
        if number >= 3:  # noqa: PLR2004
            wall.append((time.perf_counter() - began) * 1000)
            cpu.append((time.process_time() - worked) * 1000)
        if response.status_code != 200:  # noqa: PLR2004
            raise SystemExit(f"GET {path}: {response.status_code} {response.text}")
        length = len(response.data)
    return sorted(wall), statistics.median(cpu), length


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--times", type=int, default=40, help="requests of a page; default: 40")
    given = parser.parse_args()
    gc.collect()
    gc.freeze()  # as gunicorn.conf.py does
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M}"
    over = 0
    print("| matrix | page | median | p95 | CPU | KiB |\n| --- | --- | ---: | ---: | ---: | ---: |")
    with postgresql() as (server, folder):
        for size in SIZES:
            rows = size.services * size.environments * DEPLOYMENTS
            place = server.new_database()
            ledger = open_ledger("PostgreSQL", rows, place, folder)
            database: Database = ledger.client.application.extensions["database"]
            with database.engine.connect() as connection, writing(connection):
                fill(connection, size)
                connection.execute(text("ANALYZE"))
            for path in (*PAGES, MATRIX):
                asked = path.format(yesterday=yesterday)
                wall, cpu, length = measure(ledger, asked, given.times)
                p95 = wall[round(0.95 * (len(wall) - 1))]
                over += p95 > size.milliseconds or (path != MATRIX and length > size.bytes)
                print(
                    f"| {size.name} | `{path}` | {statistics.median(wall):.0f} | {p95:.0f}"
                    f" | {cpu:.0f} | {length / KIBIBYTE:.0f} |",
                    flush=True,
                )
            ledger.engine.dispose()
    if over:
        raise SystemExit(f"{over} answers take longer or are larger than they may")


if __name__ == "__main__":
    exit_with(main)
