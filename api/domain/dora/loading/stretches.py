"""Stretches: how much of a cell's history before and after a window affects its metrics.

Before the window, the stretch begins at the last success, because that deployment and the failures
after it may recover in the window; or earlier, at the first deployment whose stated incident was
still open. After the window, it ends at the next success, which decides whether and when
deployments in the window failed and recovered. So a day has the same numbers alone and in a series.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from itertools import batched
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    ScalarSelect,
    Select,
    Uuid,
    and_,
    func,
    or_,
    select,
    true,
)

from api.domain.deployments.model import Kind, Status
from api.domain.dora.loading.scope import BEGINNING, END, Form, Scope
from api.domain.dora.rules.periods import EARLIEST, Window
from api.domain.incidents.model import INFERENCE_WINDOW
from api.domain.kit.records import Records
from api.tables import UtcDateTime, deployments, environments, incidents, services

# The number of cells in one statement.
BATCH = 2_000
# Those of all services: with a condition on one, SQLite would first read its whole history.
UNRESOLVED = (
    select(
        deployments.c.service_id, deployments.c.environment_id, func.min(deployments.c.finished_at)
    )
    .select_from(incidents.join(deployments, deployments.c.id == incidents.c.deployment_id))
    .where(
        deployments.c.finished_at < BEGINNING,
        or_(incidents.c.resolved_at.is_(None), incidents.c.resolved_at >= BEGINNING),
    )
    .group_by(deployments.c.service_id, deployments.c.environment_id)
)


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


def find(connection: Connection, scope: Scope, window: Window) -> list[Stretch]:
    """Return the stretch of each cell in the scope."""
    unresolved = _first_unresolved(connection, window)
    return [
        Stretch(
            service_id,
            environment_id,
            min(before or EARLIEST, unresolved.get((service_id, environment_id), window.since)),
            after or window.until + INFERENCE_WINDOW,
        )
        for service_id, environment_id, before, after in connection.execute(
            _beside(scope.form(connection)), scope.values(window)
        )
    ]


def packed(connection: Connection, stretches: Sequence[Stretch]) -> Iterator[dict[str, str]]:
    """Yield batches of stretches as the parameter of a statement that is about them."""
    for batch in batched(stretches, BATCH):
        records = (stretch._asdict() for stretch in batch)
        yield {STRETCHES.name: STRETCHES.packed(connection.dialect, records)}


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


@cache
def _beside(form: Form) -> Select[Any]:
    """Select the last success before a window and the first one after it, of each cell.

    That is an index lookup for each, however long its history is.
    """
    cell = (services.c.id, environments.c.id)
    earlier, later = deployments.alias(), deployments.alias()
    last = success(earlier, cell, earlier.c.finished_at < BEGINNING, newest=True)
    following = success(later, cell, later.c.finished_at >= END, newest=False)
    return (
        select(*cell, last, following)
        .select_from(services.join(environments, true()))
        .where(form.is_service(services.c.id), form.in_environment(environments.c.id))
    )


def _first_unresolved(connection: Connection, window: Window) -> dict[tuple[UUID, UUID], datetime]:
    """Return when each cell's first deployment finished whose stated incident was still open."""
    if window.since == EARLIEST:  # nothing is before that
        return {}
    return {
        (service_id, environment_id): first
        for service_id, environment_id, first in connection.execute(
            UNRESOLVED, {BEGINNING.key: window.since}
        )
    }
