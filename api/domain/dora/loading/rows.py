"""Reads the deployments that the metrics of a window depend on, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import batched, chain
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, and_, select

from api.domain.deployments.model import Kind, Status
from api.domain.dora.loading import incidents, stretches
from api.domain.dora.loading.stretches import Scope, Stretch
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.records import Deployment, History, Incident
from api.tables import deployments

COLUMNS = [
    deployments.c[name]
    for name in (
        "id",
        "service_id",
        "environment_id",
        "version",
        "image_digest",
        "config_revision",
        "kind",
        "status",
        "started_at",
        "finished_at",
    )
]
# The number of deployments in one statement.
BATCH = 1000


def load(connection: Connection, scope: Scope, window: Window) -> History:
    """Load everything that the failures of the deployments in a window depend on."""
    found = stretches.find(connection, scope, window)
    if not found:  # the services or the environments were deleted
        return History([], [])
    incidents_found = incidents.load(connection, scope, window, found)
    around = [
        identifier
        for statement in _around(connection, window, found)
        for identifier in connection.execute(statement).scalars()
    ]
    statements = chain(
        [_inside(scope, window)],
        _of(around),
        _after_late_incidents(scope, found, incidents_found),
    )
    found_once = {
        row.id: deployment(row, scope)
        for statement in statements
        for row in connection.execute(statement)
    }
    return History(list(found_once.values()), incidents_found)


def _inside(scope: Scope, window: Window) -> Select[Any]:
    table = deployments.c
    return select(*COLUMNS).where(
        scope.includes(deployments),
        table.finished_at >= window.since,
        table.finished_at < window.until,
    )


def _of(ids: Iterable[UUID]) -> Iterator[Select[Any]]:
    for batch in batched(ids, BATCH):
        yield select(*COLUMNS).where(deployments.c.id.in_(batch), deployments.c.kind != Kind.RESYNC)


def _around(
    connection: Connection, window: Window, found: Sequence[Stretch]
) -> Iterator[Select[Any]]:
    """Yield SELECTs of the deployment ids in the stretches outside the window, resyncs included.

    They select only what an index contains. PostgreSQL cannot estimate how short a stretch is: with
    more columns, it expects a third of the history and scans the whole table.
    """
    table = deployments.c
    for stretch in stretches.tables(connection, found):
        beside = (
            select(table.id)
            .select_from(stretch.join(deployments, stretches.same_cell(deployments, stretch)))
            .where(table.status.in_([Status.SUCCEEDED, Status.FAILED]))
        )
        yield beside.where(table.finished_at >= stretch.c.since, table.finished_at < window.since)
        yield beside.where(table.finished_at >= window.until, table.finished_at <= stretch.c.until)
        # A rollback that began before the next success may have rolled back the one before that.
        yield beside.where(
            table.kind == Kind.ROLLBACK,
            table.started_at >= window.since,
            table.started_at <= stretch.c.until,
            table.finished_at > stretch.c.until,
        )


def _after_late_incidents(
    scope: Scope, found: Sequence[Stretch], incidents_found: Iterable[Incident]
) -> Iterator[Select[Any]]:
    """Yield SELECTs of the next success after each incident detected later than a stretch's end."""
    earliest_end = min(stretch.until for stretch in found)
    for incident in incidents_found:
        if incident.deployment_id is None or incident.detected_at < earliest_end:
            continue
        cause = deployments.alias("cause")
        cell = (cause.c.service_id, cause.c.environment_id)
        later = deployments.alias("later")
        when = later.c.finished_at > incident.detected_at
        following = stretches.success(later, cell, when, newest=False)
        yield (
            select(*COLUMNS)
            .select_from(
                cause.join(
                    deployments,
                    and_(
                        deployments.c.service_id == cause.c.service_id,
                        deployments.c.environment_id == cause.c.environment_id,
                    ),
                )
            )
            .where(
                cause.c.id == incident.deployment_id,
                scope.includes(cause),
                deployments.c.status == Status.SUCCEEDED,
                deployments.c.finished_at == following,
            )
        )


def deployment(row: Any, scope: Scope) -> Deployment:
    """Return the record of a row."""
    return Deployment(
        id=row.id,
        place=scope.place(row),
        version=row.version,
        image_digest=row.image_digest,
        config_revision=row.config_revision,
        kind=Kind(row.kind),
        status=Status(row.status),
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
