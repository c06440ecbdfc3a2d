"""Reads which deployments of a scope delivered something."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import batched
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Uuid, and_, func, select

from api.domain.deployments.model import Kind, Status
from api.domain.dora.kept.scopes import DeliveryScope
from api.domain.dora.rules.first_deliveries import Success
from api.domain.kit.records import Records
from api.domain.kit.sql import among
from api.tables import UtcDateTime, deployments

DELIVERED = and_(deployments.c.status == Status.SUCCEEDED, deployments.c.kind != Kind.RESYNC)
# How many deployments, and how many services, are looked at at once.
MOST = 20_000
BATCH = 500
# Services are not looked at together if one is looked at for so much longer.
NEAR = timedelta(days=30)
ASKED = Records("asked", {"service_id": Uuid(), "since": UtcDateTime()})


class Part(NamedTuple):
    """Some services of a scope, and the time from which all of them are looked at."""

    scope: DeliveryScope
    services: list[UUID]
    since: datetime


def parts(
    connection: Connection, scope: DeliveryScope, since: Mapping[UUID, datetime]
) -> Iterator[Part]:
    """Yield services in parts of not too many deployments."""
    part, number = Part(scope, [], min(since.values())), 0
    counts = _counts(connection, scope, since)
    for service_id, at in sorted(since.items(), key=lambda item: (item[1], item[0])):
        full = number + counts[service_id] > MOST or len(part.services) == BATCH
        if part.services and (full or at - part.since > NEAR):
            yield part
            part, number = Part(scope, [], at), 0
        part.services.append(service_id)
        number += counts[service_id]
    yield part


def _counts(
    connection: Connection, scope: DeliveryScope, since: Mapping[UUID, datetime]
) -> dict[UUID, int]:
    """Return how many deployments each service has had since a time of its own."""
    found: dict[UUID, int] = {}
    for batch in batched(sorted(since.items()), BATCH):
        services = ({"service_id": service_id, "since": at} for service_id, at in batch)
        asked = ASKED.given(connection.dialect, services)
        number = (
            select(func.count())
            .where(
                deployments.c.service_id == asked.c.service_id,
                deployments.c.environment_id.in_(scope.environments),
                deployments.c.status == Status.SUCCEEDED,
                deployments.c.finished_at >= asked.c.since,
            )
            .correlate(asked)
            .scalar_subquery()
        )
        found |= dict(iter(connection.execute(select(asked.c.service_id, number))))
    return found


def successes(connection: Connection, part: Part) -> dict[UUID, list[Success]]:
    """Return the successes of each service."""
    table = deployments.c
    statement = select(table.service_id, table.id, table.version, table.finished_at).where(
        among(connection, table.service_id, part.services),
        table.environment_id.in_(part.scope.environments),
        DELIVERED,
        table.finished_at >= part.since,
    )
    found: dict[UUID, list[Success]] = defaultdict(list)
    for service_id, *success in connection.execute(statement):
        found[service_id].append(Success(*success))
    return found


def first_successes(
    connection: Connection, scope: DeliveryScope, services: Collection[UUID]
) -> dict[UUID, dict[str, datetime]]:
    """Return when each version of some services first succeeded in a scope."""
    table = deployments.c
    first = func.min(table.finished_at).filter(DELIVERED)
    # In this form, both databases scan the index of versions.
    statement = (
        select(table.service_id, table.version, first)
        .where(
            among(connection, table.service_id, services),
            table.environment_id.in_(scope.environments),
        )
        .group_by(table.service_id, table.environment_id, table.version)
        .having(first.is_not(None))
    )
    found: dict[UUID, dict[str, datetime]] = {service_id: {} for service_id in services}
    for service_id, version, at in connection.execute(statement):
        known = found[service_id]
        known[version] = min(known.get(version, at), at)
    return found
