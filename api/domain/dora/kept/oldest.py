"""Lists the oldest failures without a recovery, and the oldest incidents without a cause."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, func, or_, select

from api.domain.dora.kept.sums import COUNTED, UNATTRIBUTED
from api.domain.dora.loading.scope import BEGINNING, END, Form, Scope
from api.domain.dora.model import MAX_LISTED, UnattributedIncident, UnattributedIncidents
from api.domain.dora.rules.figures import Fields
from api.domain.dora.rules.periods import Window
from api.tables import deployments, failures, incidents

NUMBER = func.count().over().label("number")


def unrecovered(connection: Connection, scope: Scope, window: Window) -> Fields:
    """Return the fields of an `UnrecoveredList`."""
    statement = _of_unrecovered(scope.form(connection))
    rows = connection.execute(statement, scope.values(window)).all()
    items = [
        {
            "deployment_id": row.deployment_id,
            **scope.place(row)._asdict(),
            "version": row.version,
            "finished_at": row.finished_at,
            "age_seconds": (window.until - row.finished_at).total_seconds(),
            "recovered_at": row.recovered_at,
        }
        for row in rows
    ]
    return {"count": rows[0].number if rows else 0, "items": items}


def unattributed(connection: Connection, scope: Scope, window: Window) -> UnattributedIncidents:
    """Return the incidents that are not put down to any deployment."""
    statement = _of_unattributed(scope.form(connection))
    rows = connection.execute(statement, scope.values(window)).all()
    items = [
        UnattributedIncident(
            id=row.id,
            service=(place := scope.place(row)).service,
            environment=place.environment,
            detected_at=row.detected_at,
        )
        for row in rows
    ]
    return UnattributedIncidents(count=rows[0].number if rows else 0, items=items)


@cache
def _of_unrecovered(form: Form) -> Select[Any]:
    table = failures.c
    return (
        select(failures, deployments.c.version, NUMBER)
        .join_from(failures, deployments, deployments.c.id == table.deployment_id)
        .where(
            form.here(failures),
            COUNTED,
            table.finished_at >= BEGINNING,
            table.finished_at < END,
            or_(table.recovered_at.is_(None), table.recovered_at >= END),
        )
        .order_by(table.finished_at, table.deployment_id)
        .limit(MAX_LISTED)
    )


@cache
def _of_unattributed(form: Form) -> Select[Any]:
    detected = incidents.c.detected_at
    return (
        select(incidents, NUMBER)
        .where(form.here(incidents), UNATTRIBUTED, detected >= BEGINNING, detected < END)
        .order_by(detected, incidents.c.id)
        .limit(MAX_LISTED)
    )
