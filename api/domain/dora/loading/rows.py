"""Reads the deployments that the metrics of a window depend on, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    Uuid,
    bindparam,
    select,
    union_all,
)

from api.domain.deployments.model import Kind, Status
from api.domain.dora.loading import incidents, stretches
from api.domain.dora.loading.scope import BEGINNING, END, Form, Scope
from api.domain.dora.loading.stretches import STRETCHES, Stretch
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.records import Deployment, History, Incident
from api.domain.kit.records import Records
from api.tables import UtcDateTime, deployments

COLUMNS = [
    deployments.c[name]
    for name in (
        "id",
        "service_id",
        "environment_id",
        "version",
        "image_digest",
        "commit",
        "config_revision",
        "kind",
        "status",
        "started_at",
        "finished_at",
    )
]
# Deployments by their ids: the statements about them stay the same, however many there are.
ASKED = Records("asked", {"id": Uuid()})
# The name of the parameter that has the end of the last stretch.
LATEST = "latest"
LATE = Records("late", {"deployment_id": Uuid(), "detected_at": UtcDateTime()})


def load(connection: Connection, scope: Scope, window: Window) -> History:
    """Load everything that the failures of the deployments in a window depend on."""
    found = stretches.find(connection, scope, window)
    if not found:  # the services or the environments were deleted
        return History([], [])
    incidents_found = incidents.load(connection, scope, window, found)
    form, values = scope.form(connection), scope.values(window)
    rows = [*connection.execute(_inside(form), values)]
    statement, given = _around(form.dialect), {**values, LATEST: max(one.until for one in found)}
    around = [
        {"id": identifier}
        for batch in stretches.packed(connection, found)
        for identifier in connection.execute(statement, {**given, **batch}).scalars()
    ]
    if around:
        asked = ASKED.packed(connection.dialect, around)
        rows += connection.execute(_asked(form.dialect), {ASKED.name: asked})
    if late := list(_late(found, incidents_found)):
        asked = LATE.packed(connection.dialect, late)
        rows += connection.execute(_after_late(form), {**values, LATE.name: asked})
    found_once = {row.id: deployment(row, scope) for row in rows}
    return History(list(found_once.values()), incidents_found)


def among(column: ColumnElement[UUID], dialect: str) -> ColumnElement[bool]:
    """Return the condition that a column has the id of one of the deployments asked for."""
    return column.in_(select(ASKED.table(dialect).c.id))


@cache
def _inside(form: Form) -> Select[Any]:
    finished = deployments.c.finished_at
    return select(*COLUMNS).where(form.here(deployments), finished >= BEGINNING, finished < END)


@cache
def _asked(dialect: str) -> Select[Any]:
    table = deployments.c
    return select(*COLUMNS).where(among(table.id, dialect), table.kind != Kind.RESYNC)


@cache
def _around(dialect: str) -> CompoundSelect[Any]:
    """Select the deployment ids in the stretches outside the window, resyncs included.

    Only what an index contains is selected. PostgreSQL cannot estimate how short a stretch is: with
    more columns, it expects a third of the history and scans the whole table.
    """
    table, stretch = deployments.c, STRETCHES.table(dialect)
    beside = (
        select(table.id)
        .join_from(stretch, deployments, stretches.same_cell(deployments, stretch))
        .where(table.status.in_([Status.SUCCEEDED, Status.FAILED]))
    )
    return union_all(
        beside.where(table.finished_at >= stretch.c.since, table.finished_at < BEGINNING),
        beside.where(table.finished_at >= END, table.finished_at <= stretch.c.until),
        # A rollback that began before the next success may have rolled back the one before that.
        beside.where(
            table.kind == Kind.ROLLBACK,
            table.started_at >= BEGINNING,
            table.started_at <= stretch.c.until,
            # Else all rollbacks since are read, however many windows follow.
            table.started_at <= bindparam(LATEST, type_=table.started_at.type),
            table.finished_at > stretch.c.until,
        ),
    )


def _late(
    found: Sequence[Stretch], incidents_found: Iterable[Incident]
) -> Iterator[dict[str, Any]]:
    """Yield the incidents detected later than a stretch's end, and their causes."""
    earliest_end = min(stretch.until for stretch in found)
    for incident in incidents_found:
        if incident.deployment_id is not None and incident.detected_at >= earliest_end:
            yield {"deployment_id": incident.deployment_id, "detected_at": incident.detected_at}


@cache
def _after_late(form: Form) -> Select[Any]:
    """Select the next success after each of these incidents."""
    late, cause, later = LATE.table(form.dialect), deployments.alias(), deployments.alias()
    cell = (cause.c.service_id, cause.c.environment_id)
    when = later.c.finished_at > late.c.detected_at
    return (
        select(*COLUMNS)
        .select_from(
            late.join(cause, cause.c.id == late.c.deployment_id).join(
                deployments, stretches.same_cell(deployments, cause)
            )
        )
        .where(
            form.here(cause),
            deployments.c.status == Status.SUCCEEDED,
            deployments.c.finished_at == stretches.success(later, cell, when, newest=False),
        )
    )


def deployment(row: Any, scope: Scope) -> Deployment:
    """Return the record of a row."""
    return Deployment(
        id=row.id,
        place=scope.place(row),
        version=row.version,
        image_digest=row.image_digest,
        commit=row.commit,
        config_revision=row.config_revision,
        kind=Kind(row.kind),
        status=Status(row.status),
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
