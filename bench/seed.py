"""Fill a ledger with many deployments, and the incidents and changes that belong to them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, insert

from api.domain import catalog
from api.domain.types import Kind, Status
from api.tables import changes, deployments, incidents

BEGIN = datetime(2024, 11, 1, tzinfo=UTC)
END = datetime(2026, 11, 1, tzinfo=UTC)
SERVICES = [f"service-{number:02}" for number in range(40)]
ENVIRONMENTS = ["dev", "staging", "prod"]
# What there is, and how much of it in a thousand.
STATUSES = [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.RUNNING], [920, 55, 24, 1]
KINDS = [Kind.ROLLOUT, Kind.ROLLBACK, Kind.HOTFIX, Kind.RESYNC], [900, 40, 20, 40]
CHANGES = 30  # for each hundred deployments
INCIDENTS = 100  # deployments for each incident
BATCH = 5_000

Row = dict[str, Any]


def fill(connection: Connection, count: int) -> None:
    """Write `count` deployments, spread over two years: the same ones each time."""
    chance = random.Random(count)  # noqa: S311 (a story, the same each time)
    service_ids = list(catalog.service_ids(connection, SERVICES, BEGIN).values())
    environment_ids = list(catalog.environment_ids(connection, ENVIRONMENTS, BEGIN).values())
    broken: list[Row] = []
    rows = _deployments(chance, count, service_ids, environment_ids)
    _write(connection, deployments, _keep_some(rows, broken))
    _write(connection, changes, _changes(chance, count * CHANGES // 100, service_ids))
    _write(connection, incidents, _incidents(chance, broken))


def _deployments(
    chance: random.Random, count: int, service_ids: list[UUID], environment_ids: list[UUID]
) -> Iterator[Row]:
    step = (END - BEGIN) / count
    for number in range(count):
        started_at = BEGIN + number * step
        (status,) = chance.choices(*STATUSES)
        (kind,) = chance.choices(*KINDS)
        minor = number * 400 // count
        yield {
            "id": UUID(int=number + 1),
            "service_id": chance.choice(service_ids),
            "environment_id": chance.choice(environment_ids),
            "version": f"1.{minor}.{chance.randrange(10)}",
            "image_digest": f"sha256:{chance.getrandbits(256):064x}",
            "commit": f"{chance.getrandbits(160):040x}",
            "kind": kind,
            "status": status,
            "started_at": started_at,
            "finished_at": started_at + timedelta(minutes=3) if status.terminal else None,
            "created_at": started_at,
            "links": [],
            "source": "ci",
            "external_id": str(number),
        }


def _changes(chance: random.Random, count: int, service_ids: list[UUID]) -> Iterator[Row]:
    step = (END - BEGIN) / max(count, 1)
    for number in range(count):
        committed_at = BEGIN + number * step
        yield {
            "id": UUID(int=number + 1),
            "service_id": chance.choice(service_ids),
            "commit": f"{number:040x}",
            "committed_at": committed_at,
            "version": f"1.{number * 400 // count}.{chance.randrange(10)}",
            "created_at": committed_at,
        }


def _keep_some(rows: Iterator[Row], kept: list[Row]) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number % INCIDENTS == 0 and row["finished_at"]:
            kept.append(row)
        yield row


def _incidents(chance: random.Random, broken: list[Row]) -> Iterator[Row]:
    for number, row in enumerate(broken):
        detected_at = row["finished_at"] + timedelta(minutes=chance.randrange(600))
        yield {
            "id": UUID(int=number + 1),
            "service_id": row["service_id"],
            "environment_id": row["environment_id"],
            "title": "errors above one percent",
            "detected_at": detected_at,
            # One in fifty is still open.
            "resolved_at": detected_at + timedelta(hours=1) if number % 50 else None,
            "deployment_id": row["id"] if number % 2 else None,
            "links": [],
            "source": "alerts",
            "external_id": str(number),
            "created_at": detected_at,
        }


def _write(connection: Connection, table: Table, rows: Iterator[Row]) -> None:
    while batch := list(islice(rows, BATCH)):
        connection.execute(insert(table), batch)
