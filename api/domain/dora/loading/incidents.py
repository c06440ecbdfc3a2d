"""Reads the incidents that the metrics of a window depend on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Select, bindparam, select, union_all

from api.domain.deployments.model import Status
from api.domain.dora.loading import stretches
from api.domain.dora.loading.scope import BEGINNING, END, Form, Scope
from api.domain.dora.loading.stretches import STRETCHES, Stretch
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.records import Incident
from api.domain.incidents.model import INFERENCE_WINDOW
from api.tables import UtcDateTime, deployments, incidents

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
IS_CAUSE = deployments.c.id == incidents.c.deployment_id
LATEST = bindparam("latest", type_=UtcDateTime())


def load(
    connection: Connection, scope: Scope, window: Window, found: Sequence[Stretch]
) -> list[Incident]:
    """Load the incidents that may concern deployments in the window or in the stretches."""
    values = {**scope.values(window), LATEST.key: window.until + INFERENCE_WINDOW}
    rows = [*connection.execute(_of_window(scope.form(connection)), values)]
    for batch in stretches.packed(connection, found):
        rows += connection.execute(_of_stretches(connection.dialect.name), {**values, **batch})
    listed = {
        row.id: Incident(
            row.id, scope.place(row), row.detected_at, row.resolved_at, row.deployment_id
        )
        for row in rows
    }
    return list(listed.values())


@cache
def _of_window(form: Form) -> Select[Any]:
    """Select those that deployments of the window are said to have caused."""
    finished = deployments.c.finished_at
    return (
        select(*COLUMNS)
        .join_from(incidents, deployments, IS_CAUSE)
        .where(form.here(deployments), finished >= BEGINNING, finished < END)
    )


@cache
def _of_stretches(dialect: str) -> CompoundSelect[Any]:
    """Select those of the deployments before it, and those without a stated cause."""
    table, stretch = deployments.c, STRETCHES.table(dialect)
    caused = stretch.join(deployments, stretches.same_cell(deployments, stretch))
    stated = (
        select(*COLUMNS)
        .select_from(caused.join(incidents, IS_CAUSE))
        .where(
            table.status.in_([Status.SUCCEEDED, Status.FAILED]),
            table.finished_at >= stretch.c.since,
            table.finished_at < BEGINNING,
        )
    )
    detected = incidents.c.detected_at
    others = (
        select(*COLUMNS)
        .join_from(stretch, incidents, stretches.same_cell(incidents, stretch))
        .where(
            incidents.c.deployment_id.is_(None),
            detected >= stretch.c.since,
            detected <= LATEST,
        )
    )
    return union_all(stated, others)
