"""Finds the page of the deployments of a window that is explained, and what is kept about them.

Each statement is built once, and stays the same for every page. So the ids of a page are one
parameter: it takes longer to prepare a statement with two hundred of them than to execute it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    Uuid,
    and_,
    bindparam,
    select,
    tuple_,
)

from api.domain.dora.kept.sums import COUNTED, UNFINISHED
from api.domain.dora.loading.rows import ASKED, COLUMNS
from api.domain.dora.loading.scope import BEGINNING, END, Form, Scope
from api.domain.dora.rules.periods import Window
from api.tables import UtcDateTime, deployments, failures

After = Sequence[datetime | UUID] | None
ENVIRONMENT = bindparam("environment_id", type_=Uuid)
POSITION = bindparam("after", type_=UtcDateTime), bindparam("after_id", type_=Uuid)
LIMIT = bindparam("limit", type_=Integer)


def page_of(
    connection: Connection, scope: Scope, window: Window, limit: int, after: After
) -> list[Any]:
    """Return up to `limit` deployments of a window after a position, newest first."""
    form = scope.form(connection)
    values = {
        **scope.values(window),
        "limit": limit,
        **dict(zip(("after", "after_id"), after or (), strict=False)),
    }
    is_next = after is not None
    rows = [
        row
        for environment_id in scope.environments  # of one of them, an index has them in this order
        for row in connection.execute(
            _finished(form, is_next), {**values, "environment_id": environment_id}
        )
    ]
    for statement in _others(form, is_next):
        rows += connection.execute(statement, values)
    rows.sort(key=lambda row: (row.finished_at or row.started_at, row.id), reverse=True)
    return rows[:limit]


def rows_of(
    connection: Connection, statement: Select[Any], ids: Iterable[UUID], **values: Any
) -> Sequence[Any]:
    """Return the rows of a statement about those `among` some deployments."""
    asked = ASKED.packed(connection.dialect, ({"id": identifier} for identifier in ids))
    return connection.execute(statement, {ASKED.name: asked, **values}).all()


@cache
def _finished(form: Form, is_next: bool) -> Select[Any]:
    """Return the SELECT of what finished in a window, in one environment."""
    table = deployments.c
    here = and_(form.of_service(deployments), table.environment_id == ENVIRONMENT)
    return _cut(and_(here, _within(table.finished_at)), (table.finished_at, table.id), is_next)


@cache
def _others(form: Form, is_next: bool) -> tuple[Select[Any], Select[Any]]:
    """Return the SELECTs of what has not finished, and of what failed before and recovered."""
    table, failed = deployments.c, failures.c
    unfinished = and_(form.here(deployments), UNFINISHED, _within(table.started_at))
    recovered = and_(
        form.here(failures),
        COUNTED,
        failed.finished_at < BEGINNING,
        _within(failed.recovered_at),
    )
    return (
        _cut(unfinished, (table.started_at, table.id), is_next),
        _cut(recovered, (failed.finished_at, failed.deployment_id), is_next),
    )


def _within(time: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(time >= BEGINNING, time < END)


def _cut(
    where: ColumnElement[bool], order: tuple[ColumnElement[Any], ...], is_next: bool
) -> Select[Any]:
    """Select the last deployments by some order; the last column of that is their id.

    Which ones these are is found out by an index alone, and only they are read: no database expects
    so few of them, least of all in a plan for any window.
    """
    ids = select(order[-1]).where(where).order_by(*(column.desc() for column in order))
    if is_next:
        ids = ids.where(tuple_(*order) < tuple_(*POSITION))
    wanted = deployments.alias()
    columns = (wanted.c[column.name] for column in COLUMNS)
    return select(*columns).where(wanted.c.id.in_(ids.limit(LIMIT)))
