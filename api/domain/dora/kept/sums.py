"""The statements that count what the metrics of each period are made of.

Each is built once for every sort of question: that takes longer than many an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    String,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
    true,
    tuple_,
    type_coerce,
    union_all,
)
from sqlalchemy.types import NULLTYPE

from api.domain.deployments.model import Status
from api.domain.dora.loading import scope
from api.domain.dora.loading.scope import BEGINNING, END
from api.domain.dora.rules.reasons import Reason
from api.domain.incidents.causes import unknown
from api.domain.kit.queries import Query
from api.domain.kit.records import Records
from api.domain.kit.sql import one_of
from api.tables import UtcDateTime, deployments, failures, first_deliveries, incidents, lead_times

# Written out, and no parameters, or no plan for any question would know that they are few.
FINISHED, UNFINISHED = (
    deployments.c.status.in_(
        [literal_column(f"'{status}'") for status in Status if status.terminal is terminal]
    )
    for terminal in (True, False)
)
COUNTED = failures.c.reason.is_not(None)
UNATTRIBUTED = unknown()
MEDIAN, NINTH = 0.5, 0.9
PERIODS = Records("periods", {"number": Integer(), "since": UtcDateTime(), "until": UtcDateTime()})


@dataclass(frozen=True)
class Form(scope.Form):
    """What the statements about a question depend on, beside its parameters."""

    by_service: bool

    def in_environment(self, column: ColumnElement[UUID]) -> ColumnElement[bool]:
        """Return the condition as one that is the same for any number of environments."""
        return one_of(self.dialect, column, "environments")

    def kept(self, table: FromClause) -> ColumnElement[bool]:
        """Return the condition that rows that are kept by scope are about these."""
        return and_(self.of_service(table), table.c.scope_id == bindparam("scope_id", type_=Uuid))

    def service(self, table: FromClause) -> ColumnElement[Any]:
        """Return the id of the service that a row is counted for, or NULL.

        As a text: there are thousands of rows, and to make a UUID takes longer than all the rest.
        """
        return cast(table.c.service_id, String) if self.by_service else null()


def _by_period(
    form: Form,
    time: ColumnElement[Any],
    where: ColumnElement[bool],
    columns: Iterable[ColumnElement[Any]],
    keys: Sequence[Any],
) -> Select[Any]:
    """Select columns of the groups of a table's rows, for each period that has any of them.

    The rows are looked up period by period: that costs a third of what it costs to tell the period
    of each one. PostgreSQL also groups them so, and has fewer at a time to sort.
    """
    period = PERIODS.table(form.dialect)
    number, within = period.c.number, and_(where, time >= period.c.since, time < period.c.until)
    if form.dialect != "postgresql":
        rows = select(number, *columns).select_from(period.join(time.table, within))
        return rows.group_by(number, *keys)
    # No groups at all would be one, of nothing.
    groups = select(*columns).where(within).group_by(*keys or [number]).correlate(period).lateral()
    return select(number, *groups.c).select_from(period.join(groups, true()))


def _counts(
    form: Form,
    time: ColumnElement[Any],
    where: ColumnElement[bool],
    sorts: Sequence[ColumnElement[Any]] = (),
    sums: Iterable[ColumnElement[Any]] = (func.count(),),
) -> Select[Any]:
    """Select sums over rows of a table by period, service and sort."""
    services = [time.table.c.service_id] if form.by_service else []
    columns = [form.service(time.table), *sorts, *sums]
    return _by_period(form, time, where, columns, [*services, *sorts])


@cache
def of_deployments(form: Form) -> Query:
    """Count deployments by kind and status: those that finished, and the unfinished ones."""
    table = deployments.c
    sorts = (table.kind, table.status)
    here = form.here(deployments)
    # Those have finished anyway, but an index has those of one service by their status.
    finished = and_(here, FINISHED) if form.one_service else here
    return Query(
        union_all(
            _counts(form, table.finished_at, finished, sorts),
            _counts(form, table.started_at, and_(here, UNFINISHED), sorts),
        )
    )


@cache
def of_failures(form: Form) -> Query:
    """Count failures by the reason that they have no recovery to count, NULL for those that do."""
    unrecovered, early, late = (
        literal(reason.value, String)
        for reason in (
            Reason.UNRECOVERED,
            Reason.RESOLVED_BEFORE_FINISH,
            Reason.RECOVERED_AFTER_WINDOW,
        )
    )
    without_recovery = case(
        (failures.c.recovered_at.is_(None), unrecovered),
        (failures.c.recovery_seconds < 0, early),
        (failures.c.recovered_at >= END, late),
    )
    where = and_(form.here(failures), COUNTED)
    return Query(_counts(form, failures.c.finished_at, where, [without_recovery.label("lost")]))


@cache
def of_incidents(form: Form) -> Query:
    """Count incidents that are not put down to any deployment."""
    detected = incidents.c.detected_at
    # Else PostgreSQL would look for a cause of those of all times before it tells their periods.
    within = and_(detected >= BEGINNING, detected < END)
    return Query(_counts(form, detected, and_(form.here(incidents), within, UNATTRIBUTED)))


@cache
def of_deliveries(form: Form) -> Query:
    """Count new versions, those with known changes, and the changes from before the first."""
    table = first_deliveries.c
    new, known = (cast(column, Integer) for column in (table.new_version, table.changes_known))
    sums = (func.sum(new), func.sum(new * known), func.sum(table.earlier_changes))
    return Query(_counts(form, table.finished_at, form.kept(first_deliveries), sums=sums))


@cache
def of_recoveries(form: Form) -> Query:
    """Select how long recoveries took, as `_times` does."""
    table = failures.c
    where = and_(form.here(failures), COUNTED, table.recovery_seconds >= 0)
    return Query(_times(form, table.recovered_at, where, table.recovery_seconds))


@cache
def of_leads(form: Form) -> Query:
    """Select the lead times of changes, as `_times` does."""
    table = lead_times.c
    return Query(_times(form, table.finished_at, form.kept(lead_times), table.seconds))


def _times(
    form: Form,
    time: ColumnElement[Any],
    where: ColumnElement[bool],
    seconds: ColumnElement[float],
) -> Select[Any]:
    """Select the spread of some times by service and period, and how many others are negative.

    On SQLite, select all of these times.
    """
    service_id, service = time.table.c.service_id, form.service(time.table)
    if form.dialect != "postgresql":  # it has no percentiles
        return select(service, time, seconds).where(where, time >= BEGINNING, time < END)
    counted, negative = (func.count().filter(which) for which in (seconds >= 0, seconds < 0))
    spread = (
        # A number of no type that SQLAlchemy knows: it would have to see it to tell which.
        type_coerce(
            func.percentile_cont(share).within_group(seconds).filter(seconds >= 0), NULLTYPE
        )
        for share in (MEDIAN, NINTH)
    )
    together = [func.grouping_sets(tuple_(), tuple_(service_id))] if form.by_service else []
    return _by_period(form, time, where, [service, negative, counted, *spread], together)
