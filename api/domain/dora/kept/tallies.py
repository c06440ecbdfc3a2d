"""Counts what the metrics of each period are made of: sums over the kept rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    and_,
    case,
    cast,
    func,
    select,
    tuple_,
)

from api.domain.deployments.model import Kind, Status
from api.domain.dora.kept import scopes
from api.domain.dora.loading.stretches import Scope
from api.domain.dora.rules.figures import DIGITS, Spread, Tally
from api.domain.dora.rules.periods import Interval, Window, beginning
from api.domain.dora.rules.reasons import BY_CODE, Reason
from api.domain.incidents.causes import inferred
from api.domain.kit.sql import BeginningOf
from api.tables import deployments, failures, first_deliveries, incidents, lead_times

# By service, None for all together, and by the key of the period.
Tallies = dict[UUID | None, dict[str, Tally]]
UNFINISHED = deployments.c.status.in_([Status.PENDING, Status.RUNNING])
COUNTED = failures.c.reason.is_not(None)
UNATTRIBUTED = and_(incidents.c.deployment_id.is_(None), ~inferred().exists())
MEDIAN, NINTH = 0.5, 0.9


@dataclass(frozen=True)
class Question:
    """What is counted: where, when, by which periods, and whether also for each service."""

    scope: Scope
    window: Window
    interval: Interval
    by_service: bool

    def key(self, at: datetime) -> str:
        """Return the key of the period that contains an instant."""
        return "" if self.interval is Interval.ALL else str(beginning(at, self.interval).date())

    def within(self, time: ColumnElement[datetime]) -> ColumnElement[bool]:
        """Return the condition that a time is in the window."""
        return and_(time >= self.window.since, time < self.window.until)

    def periods(self, time: ColumnElement[datetime]) -> list[ColumnElement[Any]]:
        """Return the columns that tell the period of a time: none if there is one period."""
        match self.interval:
            case Interval.ALL:
                return []
            case unit:
                return [BeginningOf(unit.value, time).label("period")]

    def kept(self, table: FromClause) -> ColumnElement[bool]:
        """Return the condition that a kept row is about these services and environments."""
        scope_id = scopes.of(self.scope.environments)
        return and_(table.c.scope_id == scope_id, self.scope.of_service(table))


def tallies(connection: Connection, asked: Question) -> Tallies:
    """Return the tally of each period, for all services together and for each with any activity."""
    found: Tallies = defaultdict(lambda: defaultdict(Tally))
    _count_deployments(connection, asked, found)
    _count_failures(connection, asked, found)
    _count_incidents(connection, asked, found)
    _count_deliveries(connection, asked, found)
    if asked.by_service:
        for periods in [*found.values()]:
            for key, tally in periods.items():
                found[None][key].add(tally)
    _spread(connection, asked, found)
    return found


def _groups(
    connection: Connection,
    asked: Question,
    table: FromClause,
    time: ColumnElement[datetime],
    where: ColumnElement[bool],
    sorts: tuple[ColumnElement[Any], ...] = (),
    sums: tuple[ColumnElement[Any], ...] = (),
) -> Iterator[tuple[UUID | None, str, Any]]:
    """Yield rows of a table by service, period and sort, with how many they are."""
    keys = [*asked.periods(time), *([table.c.service_id] if asked.by_service else []), *sorts]
    statement = (
        select(*keys, func.count().label("number"), *sums)
        .select_from(table)
        .where(where, asked.within(time))
        .group_by(*keys)
    )
    for row in connection.execute(statement):
        service_id = row.service_id if asked.by_service else None
        if row.number:
            yield service_id, _key(row, asked), row


def _key(row: Any, asked: Question) -> str:
    return "" if asked.interval is Interval.ALL else str(row.period)


def _count_deployments(connection: Connection, asked: Question, found: Tallies) -> None:
    here = asked.scope.includes(deployments)
    sorts = (deployments.c.kind, deployments.c.status)
    for time, where in (
        (deployments.c.finished_at, here),
        (deployments.c.started_at, and_(here, UNFINISHED)),
    ):
        for service, key, row in _groups(connection, asked, deployments, time, where, sorts):
            found[service][key].deployments[Kind(row.kind), Status(row.status)] += row.number


def _count_failures(connection: Connection, asked: Question, found: Tallies) -> None:
    without_recovery = case(
        (failures.c.recovered_at.is_(None), Reason.UNRECOVERED),
        (failures.c.recovery_seconds < 0, Reason.RESOLVED_BEFORE_FINISH),
        (failures.c.recovered_at >= asked.window.until, Reason.RECOVERED_AFTER_WINDOW),
    ).label("lost")
    where = and_(asked.scope.includes(failures), COUNTED)
    time = failures.c.finished_at
    for service, key, row in _groups(connection, asked, failures, time, where, (without_recovery,)):
        tally = found[service][key]
        tally.failed += row.number
        if row.lost is not None:
            tally.without_recovery[BY_CODE[row.lost]] += row.number


def _count_incidents(connection: Connection, asked: Question, found: Tallies) -> None:
    where = and_(asked.scope.includes(incidents), UNATTRIBUTED)
    for service, key, row in _groups(connection, asked, incidents, incidents.c.detected_at, where):
        found[service][key].unattributed_incidents += row.number


def _count_deliveries(connection: Connection, asked: Question, found: Tallies) -> None:
    table = first_deliveries.c
    new, known = (cast(column, Integer) for column in (table.new_version, table.changes_known))
    sums = (
        func.sum(new).label("new"),
        func.sum(new * known).label("new_and_known"),
        func.sum(table.earlier_changes).label("earlier"),
    )
    where = asked.kept(first_deliveries)
    for service, key, row in _groups(
        connection, asked, first_deliveries, table.finished_at, where, (), sums
    ):
        tally = found[service][key]
        tally.new_versions += row.new
        tally.new_versions_known += row.new_and_known
        tally.changes_left_out[Reason.BEFORE_FIRST] += row.earlier
    negative = and_(asked.kept(lead_times), lead_times.c.seconds < 0)
    for service, key, row in _groups(
        connection, asked, lead_times, lead_times.c.finished_at, negative
    ):
        found[service][key].changes_left_out[Reason.COMMITTED_AFTER] += row.number


def _spread(connection: Connection, asked: Question, found: Tallies) -> None:
    recovered = and_(asked.scope.includes(failures), COUNTED, failures.c.recovery_seconds >= 0)
    for service, key, spread in _spreads(
        connection, asked, failures.c.recovery_seconds, failures.c.recovered_at, recovered
    ):
        found[service][key].recoveries = spread
    delivered = and_(asked.kept(lead_times), lead_times.c.seconds >= 0)
    for service, key, spread in _spreads(
        connection, asked, lead_times.c.seconds, lead_times.c.finished_at, delivered
    ):
        found[service][key].leads = spread


def _spreads(
    connection: Connection,
    asked: Question,
    seconds: ColumnElement[float],
    time: ColumnElement[datetime],
    where: ColumnElement[bool],
) -> Iterator[tuple[UUID | None, str, Spread]]:
    """Yield the spread of some times, of all services together and of each."""
    periods = asked.periods(time)
    service_id = seconds.table.c.service_id
    where = and_(where, asked.within(time))
    if connection.dialect.name != "postgresql":  # it has no percentiles
        columns = select(*periods, service_id, seconds.label("seconds"))
        yield from _spreads_of(connection.execute(columns.where(where)), asked)
        return
    together = [periods, [*periods, service_id]] if asked.by_service else [periods]
    statement = (
        select(
            *periods,
            *([service_id] if asked.by_service else []),
            func.count().label("number"),
            *(func.percentile_cont(share).within_group(seconds) for share in (MEDIAN, NINTH)),
        )
        .where(where)
        .group_by(func.grouping_sets(*(tuple_(*columns) for columns in together)))
    )
    for row in connection.execute(statement):
        if row.number:
            spread = Spread(row.number, round(row[-2], DIGITS), round(row[-1], DIGITS))
            yield row.service_id if asked.by_service else None, _key(row, asked), spread


def _spreads_of(rows: Any, asked: Question) -> Iterator[tuple[UUID | None, str, Spread]]:
    times: dict[tuple[UUID | None, str], list[float]] = defaultdict(list)
    for row in rows:
        key = _key(row, asked)
        times[None, key].append(row.seconds)
        if asked.by_service:
            times[row.service_id, key].append(row.seconds)
    for (service, key), seconds in times.items():
        yield service, key, Spread.of(seconds)
