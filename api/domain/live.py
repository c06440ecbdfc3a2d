"""What runs in a cell of the matrix, and since when: SELECTs for each service and environment.

Each is a look-up by an index, however long the history of the cell is. Those about the running
release belong into a statement whose `deployments` is what runs, and `replaced` what ran before.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    ScalarSelect,
    and_,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
)

from api.domain.deployments.model import Kind, Status
from api.domain.kit.sql import Instant, same_version
from api.domain.removals import ended
from api.tables import deployments, environments, services

# The last successful deployment of another release than the one that runs.
replaced = deployments.alias("replaced")
BEGINNING = datetime(1, 1, 2, tzinfo=UTC)


def last_success(at: Instant | None = None) -> ScalarSelect[UUID]:
    """Select the id of the last successful deployment of a cell."""
    earlier = deployments.alias()
    return _last(earlier, earlier.c.finished_at, at, earlier.c.status == Status.SUCCEEDED)


def last_of_another_release() -> ScalarSelect[UUID]:
    """Select the id of the last successful deployment of a cell before the release that runs."""
    earlier = deployments.alias()
    images = earlier.c.image_digest, deployments.c.image_digest
    another = or_(
        not_(same_version(earlier.c.version, deployments.c.version)),
        and_(*(image.is_not(None) for image in images), images[0] != images[1]),
    )
    before = earlier.c.finished_at <= deployments.c.finished_at
    return _last(earlier, earlier.c.finished_at, None, *begins(earlier), before, another)


def begins(deployment: FromClause) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a deployment began a release; resyncs, often very many, do not.

    Their kind is written out, and no parameter, or no database would see that its index has them.
    """
    return (
        deployment.c.status == Status.SUCCEEDED,
        deployment.c.kind != literal_column(f"'{Kind.RESYNC}'"),
    )


def since(at: Instant | None = None) -> ColumnElement[datetime]:
    """Select when the running release first succeeded after another one: resyncs change nothing.

    Nor does what ended with a removal. Where a release began with no more than a resync, as after a
    removal, the last deployment counts.
    """
    first = deployments.alias()
    order = (first.c.finished_at, first.c.id)
    # With "or there was none", the whole history of the cell would be read.
    none = literal(BEGINNING, first.c.finished_at.type), literal(UUID(int=0), first.c.id.type)
    start = (
        func.coalesce(replaced.c.finished_at, none[0]),
        func.coalesce(replaced.c.id, none[1]),
    )
    began = (
        select(first.c.finished_at)
        .where(
            first.c.service_id == deployments.c.service_id,
            first.c.environment_id == deployments.c.environment_id,
            *begins(first),
            first.c.finished_at >= start[0],
            tuple_(*order) > tuple_(*start),
            ~ended(first, first.c.finished_at, at),
        )
        .order_by(*order)
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(began, deployments.c.finished_at)


def last_start(at: Instant | None = None) -> ScalarSelect[UUID]:
    """Select the id of the deployment of a cell that started last, whatever its status."""
    earlier = deployments.alias()
    return _last(earlier, earlier.c.started_at, at)


def _last(
    earlier: FromClause,
    time: ColumnElement[datetime],
    at: Instant | None,
    *conditions: ColumnElement[bool],
) -> ScalarSelect[UUID]:
    """Select the id of the last deployment of a cell by `time`: one index lookup."""
    return (
        select(earlier.c.id)
        .where(
            earlier.c.service_id == services.c.id,
            earlier.c.environment_id == environments.c.id,
            *conditions,
            true() if at is None else time <= at,
        )
        .order_by(time.desc(), earlier.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
