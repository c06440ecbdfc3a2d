"""Reads the incidents that the metrics of a window depend on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, select

from api.domain.deployments.model import Status
from api.domain.dora.loading import stretches
from api.domain.dora.loading.stretches import Scope, Stretch
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.records import Incident
from api.domain.incidents.model import INFERENCE_WINDOW
from api.tables import deployments, incidents

COLUMNS = [
    incidents.c[name]
    for name in [
        "id",
        "service_id",
        "environment_id",
        "detected_at",
        "resolved_at",
        "deployment_id",
    ]
]


def load(
    connection: Connection, scope: Scope, window: Window, found: Sequence[Stretch]
) -> list[Incident]:
    """Load the incidents that may concern deployments in the window or in the stretches."""
    listed = {
        row.id: Incident(
            row.id, scope.place(row), row.detected_at, row.resolved_at, row.deployment_id
        )
        for statement in _statements(connection, scope, window, found)
        for row in connection.execute(statement).all()
    }
    return list(listed.values())


def _statements(
    connection: Connection, scope: Scope, window: Window, found: Sequence[Stretch]
) -> Iterator[Select[Any]]:
    table = deployments.c
    is_cause = table.id == incidents.c.deployment_id
    finished = and_(table.finished_at >= window.since, table.finished_at < window.until)
    yield (
        select(*COLUMNS)
        .select_from(incidents.join(deployments, is_cause))
        .where(scope.includes(deployments), finished)
    )
    for stretch in stretches.tables(connection, found):
        yield (
            select(*COLUMNS)
            .select_from(
                stretch.join(deployments, stretches.same_cell(deployments, stretch)).join(
                    incidents, is_cause
                )
            )
            .where(
                table.status.in_([Status.SUCCEEDED, Status.FAILED]),
                table.finished_at >= stretch.c.since,
                table.finished_at < window.since,
            )
        )
        yield (
            select(*COLUMNS)
            .select_from(stretch.join(incidents, stretches.same_cell(incidents, stretch)))
            .where(
                incidents.c.deployment_id.is_(None),
                incidents.c.detected_at >= stretch.c.since,
                incidents.c.detected_at <= window.until + INFERENCE_WINDOW,
            )
        )
