"""Stretches: how much of a cell's history before and after a window affects its metrics.

Before the window, the stretch begins at the last success, because that deployment and the failures
after it may recover in the window; or earlier, at the first deployment whose stated incident was
still open. After the window, it ends at the next success, which decides whether and when
deployments in the window failed and recovered. So a day has the same numbers alone and in a series.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    ScalarSelect,
    Uuid,
    and_,
    func,
    or_,
    select,
    true,
)

from api.domain.deployments.model import Kind, Status
from api.domain.dora.query import Query
from api.domain.dora.rules.periods import EARLIEST, Window
from api.domain.dora.rules.records import Place
from api.domain.incidents.model import INFERENCE_WINDOW
from api.domain.kit.errors import InvalidValueError
from api.domain.kit.records import Records
from api.domain.kit.sql import ByteOrder
from api.domain.tiers import Tier
from api.tables import UtcDateTime, deployments, environments, incidents, services

# The number of cells in one statement.
BATCH = 2_000


@dataclass(frozen=True)
class Scope:
    """The services and environments that a query is about: names by id."""

    services: Mapping[UUID, str]
    environments: Mapping[UUID, str]
    one_service: UUID | None

    def includes(self, rows: FromClause) -> ColumnElement[bool]:
        """Return the condition that a table's rows belong to these services and environments."""
        return and_(self.of_service(rows), rows.c.environment_id.in_(self.environments))

    def of_service(self, rows: FromClause) -> ColumnElement[bool]:
        """Return the condition that a table's rows belong to these services."""
        return true() if self.one_service is None else rows.c.service_id == self.one_service

    def place(self, row: Any) -> Place:
        """Return the place of a row; a name outside the scope is empty."""
        # A stated incident may be in a different environment than its deployment.
        service = self.services.get(row.service_id, "")
        return Place(service, self.environments.get(row.environment_id, ""))


class Stretch(NamedTuple):
    """The part of a cell's history that affects a window; both ends belong to it."""

    service_id: UUID
    environment_id: UUID
    since: datetime
    until: datetime


STRETCHES = Records(
    "stretch",
    {
        "service_id": Uuid(),
        "environment_id": Uuid(),
        "since": UtcDateTime(),
        "until": UtcDateTime(),
    },
)


def scope(connection: Connection, query: Query) -> Scope:
    """Return the services and environments of a query.

    Raises InvalidValueError, with the name of the parameter, if there is no such service or
    environment: a misspelt name must not look like a perfect score.
    """
    chosen = select(environments.c.id, environments.c.name).order_by(environments.c.name)
    if query.environment is None:
        chosen = chosen.where(environments.c.tier == Tier.PRODUCTION)
    else:
        chosen = chosen.where(environments.c.name == query.environment)
    named = select(services.c.id, services.c.name)
    if query.service is not None:
        named = named.where(services.c.name == query.service)
    found = {row.id: row.name for row in connection.execute(named)}
    places = {row.id: row.name for row in connection.execute(chosen)}
    if query.service is not None and not found:
        raise InvalidValueError("service", f"there is no service {query.service}")
    if query.environment is not None and not places:
        raise InvalidValueError("environment", f"there is no environment {query.environment}")
    return Scope(
        services=found,
        environments=places,
        one_service=next(iter(found), None) if query.service is not None else None,
    )


def tiers(connection: Connection, limit: int) -> dict[Tier, list[str]]:
    """Return the names of the environments of each tier, up to a number of them, previews last."""
    found: dict[Tier, list[str]] = {tier: [] for tier in Tier}
    columns = (environments.c.tier, environments.c.name)
    ordered = select(*columns).order_by(environments.c.transient, ByteOrder(environments.c.name))
    for tier, name in connection.execute(ordered.limit(limit)):
        found[Tier(tier)].append(name)
    return found


def find(connection: Connection, scope: Scope, window: Window) -> list[Stretch]:
    """Return the stretch of each cell in the scope."""
    cell = (services.c.id, environments.c.id)
    earlier, later = deployments.alias(), deployments.alias()
    last = success(earlier, cell, earlier.c.finished_at < window.since, newest=True)
    following = success(later, cell, later.c.finished_at >= window.until, newest=False)
    # One index lookup for each cell, however long its history is.
    statement = (
        select(*cell, last, following)
        .select_from(services.join(environments, true()))
        .where(true() if scope.one_service is None else services.c.id == scope.one_service)
        .where(environments.c.id.in_(scope.environments))
    )
    unresolved = _first_unresolved(connection, window)
    return [
        Stretch(
            service_id,
            environment_id,
            min(before or EARLIEST, unresolved.get((service_id, environment_id), window.since)),
            after or window.until + INFERENCE_WINDOW,
        )
        for service_id, environment_id, before, after in connection.execute(statement)
    ]


def tables(connection: Connection, stretches: Sequence[Stretch]) -> Iterator[FromClause]:
    """Yield batches of stretches as tables for joins."""
    for batch in batched(stretches, BATCH):
        yield STRETCHES.given(connection.dialect, (stretch._asdict() for stretch in batch))


def same_cell(rows: FromClause, stretch: FromClause) -> ColumnElement[bool]:
    """Return the condition that a table's rows belong to the cell of a stretch."""
    return and_(
        rows.c.service_id == stretch.c.service_id,
        rows.c.environment_id == stretch.c.environment_id,
    )


def success(
    table: FromClause, cell: tuple[Any, Any], when: ColumnElement[bool], *, newest: bool
) -> ScalarSelect[datetime]:
    """Select `finished_at` of a cell's newest or oldest success under a condition.

    `cell` are the columns of the service's and the environment's id; resyncs do not count.
    """
    finished = table.c.finished_at
    return (
        select(finished)
        .where(
            table.c.service_id == cell[0],
            table.c.environment_id == cell[1],
            table.c.status == Status.SUCCEEDED,
            table.c.kind != Kind.RESYNC,
            when,
        )
        .order_by(finished.desc() if newest else finished.asc())
        .limit(1)
        .scalar_subquery()
    )


def _first_unresolved(connection: Connection, window: Window) -> dict[tuple[UUID, UUID], datetime]:
    """Return when each cell's first deployment finished whose stated incident was still open."""
    if window.since == EARLIEST:  # nothing is before that
        return {}
    table = deployments.c
    # For all services: with a condition on one, SQLite would first read its whole history.
    statement = (
        select(table.service_id, table.environment_id, func.min(table.finished_at))
        .select_from(incidents.join(deployments, table.id == incidents.c.deployment_id))
        .where(
            table.finished_at < window.since,
            or_(incidents.c.resolved_at.is_(None), incidents.c.resolved_at >= window.since),
        )
        .group_by(table.service_id, table.environment_id)
    )
    return {
        (service_id, environment_id): first
        for service_id, environment_id, first in connection.execute(statement)
    }
