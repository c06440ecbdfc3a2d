"""Reads which deployments of a scope delivered something."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from itertools import batched
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Select, Uuid, and_, bindparam, func, select

from api.domain.deployments.model import Kind, Status
from api.domain.dora.kept.scopes import DeliveryScope
from api.domain.dora.rules.first_deliveries import Success
from api.domain.kit.records import Records
from api.domain.kit.sql import one_of
from api.tables import UtcDateTime, deployments

DELIVERED = and_(deployments.c.status == Status.SUCCEEDED, deployments.c.kind != Kind.RESYNC)
# How many deployments, and how many services, are looked at at once.
MOST = 20_000
BATCH = 500
# Services are not looked at together if one is looked at for so much longer.
NEAR = timedelta(days=30)
HERE = deployments.c.environment_id.in_(bindparam("environments", expanding=True))
SINCE = bindparam("since", type_=UtcDateTime())
ASKED = Records("asked", {"service_id": Uuid(), "since": UtcDateTime()})


class Part(NamedTuple):
    """Some services of a scope, and the time from which all of them are looked at."""

    scope: DeliveryScope
    services: list[UUID]
    since: datetime

    @property
    def values(self) -> dict[str, Any]:
        """Return the parameters of the statements about it."""
        return {
            "scope_id": self.scope.id,
            "environments": [*self.scope.environments],
            "services": self.services,
            "since": self.since,
        }


def parts(
    connection: Connection, scope: DeliveryScope, since: Mapping[UUID, datetime]
) -> Iterator[Part]:
    """Yield services in parts of not too many deployments."""
    if len(since) == 1:  # as after most reports: there is nothing to divide
        yield Part(scope, [*since], min(since.values()))
        return
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
    statement = _number(connection.dialect.name)
    found: dict[UUID, int] = {}
    for batch in batched(sorted(since.items()), BATCH):
        services = ({"service_id": service_id, "since": at} for service_id, at in batch)
        asked = ASKED.packed(connection.dialect, services)
        values = {ASKED.name: asked, "environments": [*scope.environments]}
        found |= dict(iter(connection.execute(statement, values)))
    return found


@cache
def _number(dialect: str) -> Select[Any]:
    table, asked = deployments.c, ASKED.table(dialect)
    number = (
        select(func.count())
        .where(
            table.service_id == asked.c.service_id,
            HERE,
            table.status == Status.SUCCEEDED,
            table.finished_at >= asked.c.since,
        )
        .correlate(asked)
        .scalar_subquery()
    )
    return select(asked.c.service_id, number)


def successes(connection: Connection, part: Part) -> dict[UUID, list[Success]]:
    """Return the successes of each service."""
    found: dict[UUID, list[Success]] = defaultdict(list)
    for service_id, *success in connection.execute(
        _successes(connection.dialect.name), part.values
    ):
        found[service_id].append(Success(*success))
    return found


@cache
def _successes(dialect: str) -> Select[Any]:
    table = deployments.c
    is_rollback = table.kind == Kind.ROLLBACK
    return select(table.service_id, table.id, table.version, table.finished_at, is_rollback).where(
        one_of(dialect, table.service_id, "services"), HERE, DELIVERED, table.finished_at >= SINCE
    )


def first_successes(
    connection: Connection, scope: DeliveryScope, services: Collection[UUID]
) -> dict[UUID, dict[str, datetime]]:
    """Return when each version of some services first succeeded in a scope."""
    values = {"services": [*services], "environments": [*scope.environments]}
    found: dict[UUID, dict[str, datetime]] = {service_id: {} for service_id in services}
    for service_id, version, at in connection.execute(
        _first_successes(connection.dialect.name), values
    ):
        known = found[service_id]
        known[version] = min(known.get(version, at), at)
    return found


@cache
def _first_successes(dialect: str) -> Select[Any]:
    table = deployments.c
    first = func.min(table.finished_at).filter(DELIVERED)
    # In this form, both databases scan the index of versions.
    return (
        select(table.service_id, table.version, first)
        .where(one_of(dialect, table.service_id, "services"), HERE)
        .group_by(table.service_id, table.environment_id, table.version)
        .having(first.is_not(None))
    )
