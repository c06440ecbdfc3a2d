"""What runs in a cell of the matrix, and since when: SELECTs for each service and environment.

Each is a look-up by an index, however long the history of the cell is, of which the first row
counts. `running` is what a statement has for the running release, and `replaced` for the last
successful deployment of another release before it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    ScalarSelect,
    Select,
    and_,
    case,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql.base import ColumnCollection

from api.domain.deployments.model import Kind, Status
from api.domain.kit.sql import Instant, first, is_commit, same_version
from api.domain.removals import ended, taken_along
from api.tables import deployments, environments, services

Columns = ColumnCollection[str, Any]
BEGINNING = datetime(1, 1, 2, tzinfo=UTC)


def successes(at: Instant | None = None) -> Select[Any]:
    """Select the successful deployments of a cell, the last one first."""
    earlier = deployments.alias()
    return _newest(earlier, earlier.c.finished_at, at, earlier.c.status == Status.SUCCEEDED)


def staying(any_removed: ColumnElement[bool], at: Instant | None = None) -> Select[Any]:
    """Select the successful deployments of a cell whose object was not removed, the last one first.

    `any_removed` tells whether anything was, there.
    """
    earlier = deployments.alias()
    # A CASE, because PostgreSQL takes "no or nothing found" for rarely true, and would then sort a
    # history instead of reading it from its end.
    left = case((any_removed, not_(taken_along(earlier, at))), else_=true())
    return _newest(earlier, earlier.c.finished_at, at, earlier.c.status == Status.SUCCEEDED, left)


def other_releases(running: FromClause) -> Select[Any]:
    """Select the successful deployments of a cell before the release that runs, the last first."""
    earlier = deployments.alias()
    before = earlier.c.finished_at <= running.c.finished_at
    conditions = (*begins(earlier), before, is_another(earlier.c, running.c))
    return _newest(earlier, earlier.c.finished_at, None, *conditions)


def is_another(one: Columns, other: Columns) -> ColumnElement[bool]:
    """Return the condition that two deployments, by their columns, are of different releases."""
    images = one.image_digest, other.image_digest
    named_alike = or_(
        same_version(one.version, other.version),
        is_commit(one.version, other.commit),
        is_commit(other.version, one.commit),
    )
    return or_(
        not_(named_alike),
        and_(*(image.is_not(None) for image in images), images[0] != images[1]),
    )


def begins(deployment: FromClause) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a deployment began a release; resyncs, often very many, do not.

    Their kind is written out, and no parameter, or no database would see that its index has them.
    """
    return (
        deployment.c.status == Status.SUCCEEDED,
        deployment.c.kind != literal_column(f"'{Kind.RESYNC}'"),
    )


def since(
    among: FromClause, running: FromClause, at: Instant | None = None, *, lateral: bool
) -> tuple[FromClause, ColumnElement[datetime]]:
    """Return what to select from, and since when the running release runs in it.

    That is when it first succeeded after another one: resyncs change nothing, nor does what ended
    with a removal. Where a release began with no more than a resync, as after a removal, the last
    deployment counts. `among` has the cells and what is running in them.
    """
    begun = running.c.kind != Kind.RESYNC
    before = _before(running).where(begun)
    previous, is_previous = first(deployments, before, lateral=lateral)
    # Mostly the last deployment is the one that began it: then its history is not looked at.
    is_first = begun & (previous.c.id.is_(None) | is_another(previous.c, running.c))
    others = other_releases(running).where(not_(is_first))
    replaced, is_replaced = first(deployments, others, lateral=lateral)
    joined = among.outerjoin(previous, is_previous).outerjoin(replaced, is_replaced)
    began = func.coalesce(_began(running, replaced, at), running.c.finished_at)
    return joined, case((is_first, running.c.finished_at), else_=began)


def _before(running: FromClause) -> Select[Any]:
    """Select the successful deployments of a cell before that which runs, the last one first."""
    earlier = deployments.alias()
    moment = tuple_(earlier.c.finished_at, earlier.c.id)
    is_earlier = moment < tuple_(running.c.finished_at, running.c.id)
    return _newest(
        earlier, earlier.c.finished_at, running.c.finished_at, *begins(earlier), is_earlier
    )


def _began(running: FromClause, replaced: FromClause, at: Instant | None) -> ScalarSelect[datetime]:
    """Select when the first deployment after the one of another release succeeded."""
    earliest = deployments.alias()
    order = (earliest.c.finished_at, earliest.c.id)
    # With "or there was none", the whole history of the cell would be read.
    none = literal(BEGINNING, earliest.c.finished_at.type), literal(UUID(int=0), earliest.c.id.type)
    start = (
        func.coalesce(replaced.c.finished_at, none[0]),
        func.coalesce(replaced.c.id, none[1]),
    )
    return (
        select(earliest.c.finished_at)
        .where(
            earliest.c.service_id == running.c.service_id,
            earliest.c.environment_id == running.c.environment_id,
            *begins(earliest),
            earliest.c.finished_at >= start[0],
            tuple_(*order) > tuple_(*start),
            ~ended(earliest, earliest.c.finished_at, at),
        )
        .order_by(*order)
        .limit(1)
        .scalar_subquery()
    )


def starts(at: Instant | None = None) -> Select[Any]:
    """Select the deployments of a cell, whatever their status, the one that started last first."""
    earlier = deployments.alias()
    return _newest(earlier, earlier.c.started_at, at)


def _newest(
    earlier: FromClause,
    time: ColumnElement[datetime],
    at: Instant | None,
    *conditions: ColumnElement[bool],
) -> Select[Any]:
    """Select deployments of a cell, the last one by `time` first: an index has them so."""
    return (
        select(earlier)
        .where(
            earlier.c.service_id == services.c.id,
            earlier.c.environment_id == environments.c.id,
            *conditions,
            true() if at is None else time <= at,
        )
        .order_by(time.desc(), earlier.c.id.desc())
    )
