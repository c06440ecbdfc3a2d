"""Stretches: how far around a window the history of each cell matters to it.

Before the window it does from the last success on, because that, and whatever failed after it, may
recover in the window; and from any deployment on whose stated incident was open when the window
began. After the window it does up to the next success, because that tells whether and when what is
in the window failed and recovered. So a day has the same numbers alone and in a series.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    FromClause,
    ScalarSelect,
    Uuid,
    and_,
    column,
    func,
    or_,
    select,
    true,
    values,
)

from api.domain.catalog import Tier
from api.domain.deployments.model import Kind, Status
from api.domain.dora.query import Query
from api.domain.dora.rules.periods import EARLIEST, Window
from api.domain.dora.rules.records import Place
from api.domain.incidents.model import INFERENCE_WINDOW
from api.tables import UtcDateTime, deployments, environments, incidents, services

# So many cells go into one statement, four values each.
BATCH = 500


@dataclass(frozen=True)
class Scope:
    """Whose deployments count: names by id."""

    services: Mapping[UUID, str]
    environments: Mapping[UUID, str]
    one_service: UUID | None

    def includes(self, rows: FromClause) -> ColumnElement[bool]:
        """Return the condition that a table's rows are of these services and environments."""
        return and_(self.of_service(rows), rows.c.environment_id.in_(self.environments))

    def of_service(self, rows: FromClause) -> ColumnElement[bool]:
        """Return the condition that a table's rows are of these services."""
        return true() if self.one_service is None else rows.c.service_id == self.one_service

    def place(self, row: Any) -> Place:
        """Return the cell that a row is of, without a name for what is not asked about."""
        # A stated incident may be of another environment than its deployment.
        service = self.services.get(row.service_id, "")
        return Place(service, self.environments.get(row.environment_id, ""))


class Stretch(NamedTuple):
    """The part of a cell's history that matters; what finished at `until` belongs to it."""

    service_id: UUID
    environment_id: UUID
    since: datetime
    until: datetime


def scope(connection: Connection, query: Query) -> Scope:
    """Return the services and environments that are asked about; unknown ones are none."""
    chosen = select(environments.c.id, environments.c.name).order_by(environments.c.name)
    if query.environment is None:
        chosen = chosen.where(environments.c.tier == Tier.PRODUCTION)
    else:
        chosen = chosen.where(environments.c.name == query.environment)
    named = select(services.c.id, services.c.name)
    if query.service is not None:
        named = named.where(services.c.name == query.service)
    found = {row.id: row.name for row in connection.execute(named)}
    return Scope(
        services=found,
        environments={row.id: row.name for row in connection.execute(chosen)},
        one_service=next(iter(found), None) if query.service is not None else None,
    )


def find(connection: Connection, scope: Scope, window: Window) -> list[Stretch]:
    """Return the stretch of each cell that is asked about."""
    cell = (services.c.id, environments.c.id)
    earlier, later = deployments.alias(), deployments.alias()
    last = success(earlier, cell, earlier.c.finished_at < window.since, newest=True)
    following = success(later, cell, later.c.finished_at >= window.until, newest=False)
    # One look along an index for each cell, however long the history is.
    statement = (
        select(*cell, last, following)
        .select_from(services.join(environments, true()))
        .where(true() if scope.one_service is None else services.c.id == scope.one_service)
        .where(environments.c.id.in_(scope.environments))
    )
    blamed = _still_blamed(connection, window)
    return [
        Stretch(
            service_id,
            environment_id,
            min(before or EARLIEST, blamed.get((service_id, environment_id), window.since)),
            after or window.until + INFERENCE_WINDOW,
        )
        for service_id, environment_id, before, after in connection.execute(statement)
    ]


def tables(stretches: Sequence[Stretch]) -> Iterator[CTE]:
    """Yield the stretches as tables that a statement can join."""
    for batch in batched(stretches, BATCH):
        yield (
            values(
                column("service_id", Uuid),
                column("environment_id", Uuid),
                column("since", UtcDateTime),
                column("until", UtcDateTime),
                name="stretch",
            )
            .data(list(batch))
            .cte("stretch")
        )


def same_cell(rows: FromClause, stretch: CTE) -> ColumnElement[bool]:
    """Return the condition that a table's rows are of a stretch's cell."""
    return and_(
        rows.c.service_id == stretch.c.service_id,
        rows.c.environment_id == stretch.c.environment_id,
    )


def success(
    table: FromClause, cell: tuple[Any, Any], when: ColumnElement[bool], *, newest: bool
) -> ScalarSelect[datetime]:
    """Return the time of a cell's last or first success under a condition, as a subquery."""
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


def _still_blamed(connection: Connection, window: Window) -> dict[tuple[UUID, UUID], datetime]:
    """Return when, in each cell, the first one finished whose stated incident was then open."""
    table = deployments.c
    # Of every service: to ask about one would have SQLite begin with all that it ever deployed.
    statement = (
        select(table.service_id, table.environment_id, func.min(table.finished_at))
        .select_from(incidents.join(deployments, table.id == incidents.c.deployment_id))
        .where(
            table.finished_at < window.since,
            or_(incidents.c.resolved_at.is_(None), incidents.c.resolved_at >= window.since),
        )
        .group_by(table.service_id, table.environment_id)
    )
    return {(service, place): first for service, place, first in connection.execute(statement)}
