"""Assesses a page of the deployments of a window, from the kept rows about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, Uuid, bindparam, select

from api.domain.dora.kept import scopes
from api.domain.dora.kept.attributing import attributions
from api.domain.dora.kept.finding import After, page_of, rows_of
from api.domain.dora.loading.rows import among, deployment
from api.domain.dora.loading.scope import Scope
from api.domain.dora.rules.assessments import Assessment, Failure, assess
from api.domain.dora.rules.failures import Recovery
from api.domain.dora.rules.first_deliveries import FirstDelivery
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.reasons import BY_CODE
from api.domain.dora.rules.records import Change, Deployment
from api.domain.dora.rules.verdicts import Lead
from api.tables import changes, failures, first_deliveries, lead_times

SCOPE_ID = bindparam("scope_id", type_=Uuid)


def assessments(
    connection: Connection, scope: Scope, window: Window, limit: int, after: After
) -> list[Assessment]:
    """Assess up to `limit` deployments of a window after a position, newest first.

    They are those that finished in it, those that started in it and have not finished, and those
    that failed before it and recovered in it; each is at its end, or at its start until it has one.
    """
    rows = page_of(connection, scope, window, limit, after)
    page = [deployment(row, scope) for row in rows]
    failed = _failures(connection, page)
    attributed = attributions(connection, scope, rows)
    in_window = [row.id for row in page if row.moment in window]
    delivered = _deliveries(connection, scope, in_window)
    leads = _leads(connection, scope, in_window)
    nothing = FirstDelivery((), earlier_changes=0, new_version=False, changes_known=False)
    return [
        assess(
            row,
            attributed.get(row.id, []),
            failed.get(row.id),
            delivered.get(row.id, nothing) if row.delivered and row.moment in window else None,
            leads[row.id],
            window,
        )
        for row in page
    ]


def _failures(connection: Connection, page: Sequence[Deployment]) -> dict[UUID, Failure]:
    by_id = {row.id: row for row in page}
    return {
        row.deployment_id: Failure(
            by_id[row.deployment_id],
            BY_CODE.get(row.reason),
            row.rolled_back_by,
            row.recovered_at and Recovery(row.recovered_at, row.recovery_seconds, row.recovered_by),
        )
        for row in rows_of(connection, _of_failures(connection.dialect.name), by_id)
    }


@cache
def _of_failures(dialect: str) -> Select[Any]:
    return select(failures).where(among(failures.c.deployment_id, dialect))


def _deliveries(
    connection: Connection, scope: Scope, ids: Iterable[UUID]
) -> dict[UUID, FirstDelivery]:
    statement = _of_deliveries(connection.dialect.name)
    scope_id = scopes.of(scope.environments)
    return {
        row.deployment_id: FirstDelivery(
            (), row.earlier_changes, row.new_version, row.changes_known
        )
        for row in rows_of(connection, statement, ids, scope_id=scope_id)
    }


@cache
def _of_deliveries(dialect: str) -> Select[Any]:
    table = first_deliveries.c
    return select(first_deliveries).where(
        table.scope_id == SCOPE_ID, among(table.deployment_id, dialect)
    )


def _leads(connection: Connection, scope: Scope, ids: Iterable[UUID]) -> dict[UUID, list[Lead]]:
    statement = _of_leads(connection.dialect.name)
    found: dict[UUID, list[Lead]] = defaultdict(list)
    for row in rows_of(connection, statement, ids, scope_id=scopes.of(scope.environments)):
        change = Change(row.commit, row.version, row.committed_at)
        found[row.deployment_id].append(Lead(change, row.seconds))
    return found


@cache
def _of_leads(dialect: str) -> Select[Any]:
    table = lead_times.c
    of_change = (changes.c[name] for name in ("commit", "version", "committed_at"))
    return (
        select(table.deployment_id, table.seconds, *of_change)
        .join_from(lead_times, changes, changes.c.id == table.change_id)
        .where(table.scope_id == SCOPE_ID, among(table.deployment_id, dialect))
    )
