"""Assesses a page of the deployments of a window, from the kept rows about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, and_, select, tuple_

from api.domain.dora.kept import scopes
from api.domain.dora.kept.sums import UNFINISHED
from api.domain.dora.loading.rows import COLUMNS, deployment
from api.domain.dora.loading.stretches import Scope
from api.domain.dora.rules.assessments import Assessment, Failure, assess
from api.domain.dora.rules.failures import Attribution, Recovery
from api.domain.dora.rules.first_deliveries import FirstDelivery
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.reasons import BY_CODE
from api.domain.dora.rules.records import Change, Deployment, Incident
from api.domain.dora.rules.verdicts import Lead
from api.domain.incidents import causes
from api.domain.incidents.model import INFERENCE_WINDOW
from api.domain.kit.sql import Earlier
from api.tables import changes, deployments, failures, first_deliveries, incidents, lead_times

After = Sequence[datetime | UUID] | None
OF_CHANGES = select(
    lead_times.c.deployment_id,
    lead_times.c.seconds,
    changes.c.commit,
    changes.c.version,
    changes.c.committed_at,
).join_from(lead_times, changes, changes.c.id == lead_times.c.change_id)


def assessments(
    connection: Connection, scope: Scope, window: Window, limit: int, after: After
) -> list[Assessment]:
    """Assess up to `limit` deployments of a window after a position, newest first.

    They are those that finished in it, those that started in it and have not finished, and those
    that failed before it and recovered in it; each is at its end, or at its start until it has one.
    """
    rows = [
        deployment(row, scope)
        for statement in _statements(scope, window, limit, after)
        for row in connection.execute(statement)
    ]
    rows.sort(key=lambda row: (row.moment, row.id), reverse=True)
    page = rows[:limit]
    ids = [row.id for row in page]
    failed = _failures(connection, page)
    attributed = _attributions(connection, scope, ids)
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


def _statements(scope: Scope, window: Window, limit: int, after: After) -> Iterator[Select[Any]]:
    """Yield SELECTs of what is assessed, each of up to `limit` after a position.

    Which ones these are is found out by an index alone, and only they are read: no database expects
    so few of them, least of all in a plan for any window.
    """
    table, failed = deployments.c, failures.c
    for environment_id in scope.environments:  # of one of them, an index has them in this order
        finished = and_(
            scope.of_service(deployments),
            table.environment_id == environment_id,
            _within(window, table.finished_at),
        )
        yield _cut(finished, (table.finished_at, table.id), limit, after)
    unfinished = and_(
        scope.includes(deployments),
        UNFINISHED,
        _within(window, table.started_at),
    )
    yield _cut(unfinished, (table.started_at, table.id), limit, after)
    recovered = and_(
        scope.includes(failures),
        failed.reason.is_not(None),
        failed.finished_at < window.since,
        _within(window, failed.recovered_at),
    )
    yield _cut(recovered, (failed.finished_at, failed.deployment_id), limit, after)


def _within(window: Window, time: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(time >= window.since, time < window.until)


def _cut(
    where: ColumnElement[bool], order: tuple[ColumnElement[Any], ...], limit: int, after: After
) -> Select[Any]:
    """Select the last deployments by some order; the last column of that is their id."""
    ids = select(order[-1]).where(where).order_by(*(column.desc() for column in order))
    if after is not None:
        ids = ids.where(tuple_(*order) < tuple(after))
    wanted = deployments.alias()
    columns = (wanted.c[column.name] for column in COLUMNS)
    return select(*columns).where(wanted.c.id.in_(ids.limit(limit)))


def _failures(connection: Connection, page: Sequence[Deployment]) -> dict[UUID, Failure]:
    by_id = {row.id: row for row in page}
    found = connection.execute(select(failures).where(failures.c.deployment_id.in_(by_id)))
    return {
        row.deployment_id: Failure(
            by_id[row.deployment_id],
            BY_CODE.get(row.reason),
            row.rolled_back_by,
            row.recovered_at and Recovery(row.recovered_at, row.recovery_seconds, row.recovered_by),
        )
        for row in found
    }


def _attributions(
    connection: Connection, scope: Scope, ids: Collection[UUID]
) -> dict[UUID, list[Attribution]]:
    """Return the incidents of some deployments, in the order in which they were detected."""
    table = incidents.c
    stated = select(incidents, table.deployment_id.label("cause")).where(
        table.deployment_id.in_(ids)
    )
    # The cause is selected, and not a condition, or PostgreSQL looks it up for every incident.
    probable = (
        select(incidents, causes.inferred().scalar_subquery().label("cause"))
        .join_from(
            deployments,
            incidents,
            and_(
                table.service_id == deployments.c.service_id,
                table.environment_id == deployments.c.environment_id,
                table.detected_at >= deployments.c.finished_at,
                Earlier(table.detected_at, INFERENCE_WINDOW) <= deployments.c.finished_at,
            ),
        )
        .where(deployments.c.id.in_(ids), table.deployment_id.is_(None))
    )
    found: dict[UUID, dict[UUID, Attribution]] = defaultdict(dict)
    for statement in (stated, probable):
        for row in connection.execute(statement):
            incident = Incident(
                row.id, scope.place(row), row.detected_at, row.resolved_at, row.deployment_id
            )
            found[row.cause][row.id] = Attribution(incident, stated=statement is stated)
    return {
        cause: sorted(
            of_it.values(), key=lambda each: (each.incident.detected_at, each.incident.id)
        )
        for cause, of_it in found.items()
    }


def _deliveries(
    connection: Connection, scope: Scope, ids: Collection[UUID]
) -> dict[UUID, FirstDelivery]:
    statement = select(first_deliveries).where(
        first_deliveries.c.scope_id == scopes.of(scope.environments),
        first_deliveries.c.deployment_id.in_(ids),
    )
    return {
        row.deployment_id: FirstDelivery(
            (), row.earlier_changes, row.new_version, row.changes_known
        )
        for row in connection.execute(statement)
    }


def _leads(connection: Connection, scope: Scope, ids: Collection[UUID]) -> dict[UUID, list[Lead]]:
    statement = OF_CHANGES.where(
        lead_times.c.scope_id == scopes.of(scope.environments),
        lead_times.c.deployment_id.in_(ids),
    )
    found: dict[UUID, list[Lead]] = defaultdict(list)
    for row in connection.execute(statement):
        change = Change(row.commit, row.version, row.committed_at)
        found[row.deployment_id].append(Lead(change, row.seconds))
    return found
