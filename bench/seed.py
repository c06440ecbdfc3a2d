"""Fill a ledger with many deployments, and their changes, incidents, events and so on."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from api.domain import catalog
from api.domain.deployments.model import Kind, Status
from api.domain.events.interpret import Outcome
from api.domain.notifications.deliveries import DeliveryState
from api.tables import (
    changes,
    declarations,
    deliveries,
    deployments,
    events,
    incidents,
    subscriptions,
)
from bench import writing

BEGIN = datetime(2024, 11, 1, tzinfo=UTC)
END = datetime(2026, 11, 1, tzinfo=UTC)
# Values, and the share of each in a thousand.
STATUSES = [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.RUNNING], [920, 55, 24, 1]
KINDS = [Kind.ROLLOUT, Kind.ROLLBACK, Kind.HOTFIX, Kind.RESYNC], [900, 40, 20, 40]
OUTCOMES = [Outcome.PROJECTED, Outcome.NOT_OURS, Outcome.UNMAPPED, Outcome.FAILED], [900, 70, 25, 5]
SOURCES = ["github", "argocd", "flux"], [700, 299, 1]
CHANGES = 30  # for each hundred deployments
EVENTS = 10  # as many
EVENT = json.dumps({"action": "created", "description": "x" * 1000})
DELIVERIES = 10  # as many
SUBSCRIPTIONS = [UUID(int=number + 1) for number in range(3)]
STATES = [DeliveryState.SENT, DeliveryState.DEAD, DeliveryState.WAITING], [990, 5, 5]
INCIDENTS = 100  # deployments for each incident
DECLARATIONS = 90  # for each hundred deployments

FILLED = deployments, changes, incidents, events, subscriptions, deliveries, declarations

Row = dict[str, Any]


class Cells(NamedTuple):
    """How many services there are, and in which environments."""

    services: int
    environments: tuple[str, ...]


CELLS = Cells(40, ("dev", "staging", "prod"))


def fill(connection: Connection, count: int, cells: Cells = CELLS) -> None:
    """Write `count` deployments over two years, always the same ones for a count."""
    chance = random.Random(count)  # noqa: S311 (the same history each time)
    names = [f"service-{number:02}" for number in range(cells.services)]
    service_ids = list(catalog.service_ids(connection, names, BEGIN).values())
    environment_ids = list(catalog.environment_ids(connection, cells.environments, BEGIN).values())
    with writing.put_off(connection, FILLED):
        _fill(connection, chance, count, service_ids, environment_ids)


def _fill(
    connection: Connection,
    chance: random.Random,
    count: int,
    service_ids: list[UUID],
    environment_ids: list[UUID],
) -> None:
    broken: list[Row] = []
    rows = _deployments(chance, count, service_ids, environment_ids)
    writing.write(connection, deployments, _keep_some(rows, broken))
    writing.write(connection, changes, _changes(chance, count * CHANGES // 100, service_ids))
    writing.write(connection, incidents, _incidents(chance, broken))
    writing.write(connection, events, _events(chance, count * EVENTS // 100))
    writing.write(connection, subscriptions, _subscriptions())
    writing.write(connection, deliveries, _deliveries(chance, count * DELIVERIES // 100))
    declared = count * DECLARATIONS // 100
    writing.write(
        connection, declarations, _declarations(chance, declared, service_ids, environment_ids)
    )


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


def _declarations(
    chance: random.Random, count: int, service_ids: list[UUID], environment_ids: list[UUID]
) -> Iterator[Row]:
    step = (END - BEGIN) / max(count, 1)
    for number in range(count):
        declared_at = BEGIN + number * step
        yield {
            "id": UUID(int=number + 1),
            "service_id": chance.choice(service_ids),
            "environment_id": chance.choice(environment_ids),
            "version": f"1.{number * 400 // count}.{chance.randrange(10)}",
            "image_digest": f"sha256:{chance.getrandbits(256):064x}",
            "config_revision": f"{number:040x}",
            "repository": "https://git.example.com/acme/gitops",
            "path": "k8s",
            "declared_at": declared_at,
            "created_at": declared_at,
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


def _events(chance: random.Random, count: int) -> Iterator[Row]:
    step = (END - BEGIN) / max(count, 1)
    for number in range(count):
        (source,) = chance.choices(*SOURCES)
        (outcome,) = chance.choices(*OUTCOMES)
        yield {
            "id": UUID(int=number + 1),
            "source": source,
            "delivery_id": str(number),
            "received_at": BEGIN + number * step,
            "headers": {},
            "body": EVENT,
            "body_digest": f"sha256:{number:064x}",
            "outcome": outcome,
        }


def _subscriptions() -> Iterator[Row]:
    for identifier in SUBSCRIPTIONS:
        told = {"url": "https://chat.example.com/hook", "types": ["deployment.finished"]}
        yield {"id": identifier, **told, "secret": "whsec_", "created_at": BEGIN}


def _deliveries(chance: random.Random, count: int) -> Iterator[Row]:
    step = (END - BEGIN) / max(count, 1)
    for number in range(count):
        (state,) = chance.choices(*STATES)
        yield {
            "id": UUID(int=number + 1),
            "subscription_id": chance.choice(SUBSCRIPTIONS),
            "type": "deployment.finished",
            "subject": str(number),
            "body": EVENT,
            "state": state,
            "attempts": 1,
            "due_at": BEGIN + number * step,
            "created_at": BEGIN + number * step,
        }
