"""Keeps which deployments failed, which were rolled back, and when each failure ended.

A deployment that failed depends on nothing before it. So what changes can concern deployments until
then, back to the last success before it; and of those before that success, the failures that had
not ended by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    Delete,
    Integer,
    Select,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    true,
)

from api.domain.cells import Cell
from api.domain.dora.kept.changed import Span, merged
from api.domain.dora.loading import rows, stretches
from api.domain.dora.loading.scope import BEGINNING, END, SERVICES, Form, Scope
from api.domain.dora.loading.stretches import STRETCHES, Stretch
from api.domain.dora.rules.assessments import Failure, failures_in
from api.domain.dora.rules.periods import Window
from api.domain.kit.records import upsert
from api.tables import deployments, environments, failures

# How many deployments are looked at at once; each takes 2 KiB.
CHUNK = 5_000
# Longer spans are not looked at together with shorter ones, whose cells would be read for as long.
LONG = timedelta(days=30)
# Up to so many cells with long spans are looked at one by one.
FEW = 50
INSTANT = timedelta(microseconds=1)


@dataclass
class _Cluster:
    """Cells with a span that covers what changes in them can concern."""

    cells: set[Cell]
    span: Span


def refresh(connection: Connection, changed: Mapping[Cell, Sequence[Span]]) -> None:
    """Compute anew the failures of cells that changes in some spans can concern."""
    noted = [Stretch(*cell, *span) for cell, spans in changed.items() for span in merged(spans)]
    concerned = sorted(_concerned(connection, noted), key=lambda found: found[1])
    short = [found for found in concerned if found[1].until - found[1].since <= LONG]
    rest = [found for found in concerned if found[1].until - found[1].since > LONG]
    alone = [_Cluster({cell}, span) for cell, span in rest]
    for cluster in (*_clusters(short), *(_clusters(rest) if len(rest) > FEW else alone)):
        scope = _scope(connection, cluster.cells)
        for window in _windows(connection, scope, cluster.span):
            _compute(connection, scope, window)


def _clusters(found: Iterable[tuple[Cell, Span]]) -> list[_Cluster]:
    """Join the cells whose spans overlap, which are sorted."""
    clusters: list[_Cluster] = []
    for cell, span in found:
        if clusters and span.since <= (last := clusters[-1]).span.until:
            last.cells.add(cell)
            last.span = Span(last.span.since, max(last.span.until, span.until))
        else:
            clusters.append(_Cluster({cell}, span))
    return clusters


def _scope(connection: Connection, cells: Iterable[Cell]) -> Scope:
    """Return the services and environments of some cells, named by their ids."""
    found = {cell.service_id for cell in cells}
    one = next(iter(found)) if len(found) == 1 else None
    every = [one] if one else connection.execute(SERVICES).scalars()
    return Scope(
        services={identifier: str(identifier) for identifier in every},
        environments={cell.environment_id: str(cell.environment_id) for cell in cells},
        one_service=one,
    )


def _concerned(connection: Connection, noted: Sequence[Stretch]) -> Iterator[tuple[Cell, Span]]:
    """Yield the span of the deployments that each of some changes can concern."""
    statement = _reaching(connection.dialect.name)
    for batch in stretches.packed(connection, noted):
        for row in connection.execute(statement, batch):
            since = min(filter(None, (row.since, row.last, row.going_on)))
            yield Cell(row.service_id, row.environment_id), Span(since, row.until)


@cache
def _reaching(dialect: str) -> Select[Any]:
    """Select stretches, with the last success before and the first failure that was going on."""
    stretch = STRETCHES.table(dialect)
    cell = (stretch.c.service_id, stretch.c.environment_id)
    earlier, beginning = deployments.alias(), deployments.alias()
    before = earlier.c.finished_at < stretch.c.since
    last = stretches.success(earlier, cell, before, newest=True)
    going_on = (
        select(func.min(failures.c.finished_at))
        .where(
            stretches.same_cell(failures, stretch),
            failures.c.finished_at < stretch.c.since,
            failures.c.reason.is_not(None),
            or_(failures.c.recovered_at.is_(None), failures.c.recovered_at >= stretch.c.since),
        )
        .scalar_subquery()
    )
    first = (
        select(beginning.c.started_at)
        .where(stretches.same_cell(beginning, stretch))
        .order_by(beginning.c.started_at, beginning.c.id)
        .limit(1)
        .scalar_subquery()
    )
    since = func.coalesce(last, first).label("last")
    return select(*stretch.c, since, going_on.label("going_on"))


def _windows(connection: Connection, scope: Scope, span: Span) -> Iterator[Window]:
    """Yield a span in windows of not too many deployments."""
    statement = following(scope.form(connection))
    window = Window(span.since, span.until + INSTANT)
    while window.since < window.until:
        values = {**scope.values(window), "chunk": CHUNK}
        until = connection.execute(statement, values).scalar() or window.until
        yield Window(window.since, until)
        window = Window(until, window.until)


@cache
def following(form: Form) -> Select[Any]:
    """Select the end of the deployment that is so many after the beginning."""
    finished, chunk = deployments.c.finished_at, bindparam("chunk", type_=Integer)
    within = and_(finished > BEGINNING, finished < END)
    if form.dialect != "postgresql" or form.one_service:
        ends = select(finished).where(form.here(deployments), within)
        return ends.order_by(finished).offset(chunk).limit(1)
    # An index has the ends of each environment in order. For all at once, PostgreSQL would sort
    # what is left of the history, window by window.
    here = and_(deployments.c.environment_id == environments.c.id, within)
    next_ends = select(finished).where(here).order_by(finished).limit(chunk + 1).lateral()
    return (
        select(next_ends.c.finished_at)
        .select_from(environments.join(next_ends, true()))
        .where(form.in_environment(environments.c.id))
        .order_by(next_ends.c.finished_at)
        .offset(chunk)
        .limit(1)
    )


def _compute(connection: Connection, scope: Scope, window: Window) -> None:
    connection.execute(_deletion(scope.form(connection)), scope.values(window))
    found = [_row(failure) for failure in failures_in(rows.load(connection, scope, window), window)]
    if found:
        # A row of the time or place that a deployment had before may come later.
        upsert(connection, failures, found)


@cache
def _deletion(form: Form) -> Delete:
    ended = failures.c.finished_at
    return delete(failures).where(form.here(failures), ended >= BEGINNING, ended < END)


def _row(failure: Failure) -> dict[str, Any]:
    deployment, recovery = failure.deployment, failure.recovery
    return {
        "deployment_id": deployment.id,
        "service_id": UUID(deployment.place.service),
        "environment_id": UUID(deployment.place.environment),
        "finished_at": deployment.moment,
        "reason": failure.reason,
        "rolled_back_by": failure.rolled_back_by,
        "recovered_at": recovery and recovery.at,
        "recovery_seconds": recovery and recovery.seconds,
        "recovered_by": recovery and recovery.by_deployment,
    }
