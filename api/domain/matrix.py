"""The matrix: the release that runs of each service in each environment, and the declared one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Label,
    RowMapping,
    ScalarSelect,
    Select,
    and_,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
)

from api.domain.declarations.model import CONTENT
from api.domain.declarations.store import latest, not_withdrawn
from api.domain.deployments.model import Kind, Status
from api.domain.kit import versions
from api.domain.kit.cursor import Position
from api.domain.kit.pages import Order
from api.domain.kit.sql import ByteOrder, same_version
from api.domain.kit.types import Actor, Name
from api.domain.removals import ended
from api.tables import declarations, deployments, environments, services


class SyncState(StrEnum):
    """How the running release compares to the declared one; docs/gitops.md defines these states."""

    IN_SYNC = "in-sync"
    PENDING = "pending"
    DRIFTED = "drifted"
    UNKNOWN = "unknown"


_SERVICE = services.c.name.label("service")
_ENVIRONMENT = environments.c.name.label("environment")
_OBSERVED = (
    deployments.c.version,
    deployments.c.image_digest,
    deployments.c.commit,
    deployments.c.config_revision,
    deployments.c.id.label("deployment_id"),
)
# The last successful deployment of another release than the one that runs.
_replaced = deployments.alias("replaced")
BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
_DECLARED = (*CONTENT, "declared_at")
# Of the deployment that started last, whatever became of it.
_LAST = ("id", "version", "status")
ORDER: Order = {
    "service": ByteOrder(services.c.name),
    "promotion_order": environments.c.promotion_order,
    "environment": ByteOrder(environments.c.name),
}


class Filters(BaseModel):
    """Filters of the cells."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    service: Name | None = None
    environment: Name | None = None
    owner: Annotated[Actor | None, Field(description="The owner of the service.")] = None
    state: SyncState | None = None


def running(
    connection: Connection, among: Collection[str], service: str | None = None
) -> list[dict[str, Any]]:
    """Return the running release of each service in these environments, or of one service.

    The running release is that of the last successful deployment, by `finished_at`, unless it was
    removed; neither a later failure nor a deployment in progress replaces it. Rows are sorted by
    service, then by promotion order.
    """
    statement = (
        select(_SERVICE, _ENVIRONMENT, *_OBSERVED, _live_since().label("since"))
        .select_from(
            _cells()
            .join(deployments, deployments.c.id == _last_success())
            .outerjoin(_replaced, _replaced.c.id == _last_of_another_release())
        )
        .where(environments.c.name.in_(among))
        .where(true() if service is None else services.c.name == service)
        .where(~ended(deployments, deployments.c.finished_at))
        .order_by(*ORDER.values())
    )
    return [dict(row) for row in connection.execute(statement).mappings()]


def cells(
    connection: Connection,
    at: datetime | None = None,
    filters: Filters | None = None,
    after: Position | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return one row for each service and environment with a running or declared release.

    With `at`, the rows show what had finished and what was declared at that time. Rows are sorted
    by `ORDER`, begin after the position `after`, and are at most `limit`.
    """
    wanted = filters or Filters()
    selected = _selected(at).where(*_conditions(wanted, after)).order_by(*ORDER.values())
    if wanted.state is None and limit is not None:
        selected = selected.limit(limit)
    rows = map(_cell, connection.execute(selected).mappings())
    found = (cell for cell in rows if wanted.state in (None, cell["state"]))
    return list(islice(found, limit))


def _conditions(filters: Filters, after: Position | None) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions on cells; the state is not known to the database."""
    for column, value in (
        (services.c.name, filters.service),
        (environments.c.name, filters.environment),
        (services.c.owner, filters.owner),
    ):
        if value is not None:
            yield column == value
    if after is not None:
        yield tuple_(*ORDER.values()) > tuple_(*after)


def _selected(at: datetime | None) -> Select[Any]:
    """Return the unordered SELECT of all cells, now or at a time."""
    newest = deployments.alias()
    ended_later = false() if at is None else newest.c.finished_at > at
    return (
        select(
            _SERVICE,
            _ENVIRONMENT,
            environments.c.promotion_order,
            *_OBSERVED,
            _live_since(at).label("since"),
            deployments.c.finished_at.label("succeeded_at"),
            services.c.id.label("service_id"),
            environments.c.id.label("environment_id"),
            deployments.c.actor,
            deployments.c.source,
            deployments.c.kind,
            *(_declared(declarations.c[name]) for name in _DECLARED),
            and_(newest.c.id.is_not(None), or_(newest.c.finished_at.is_(None), ended_later)).label(
                "deploying"
            ),
            newest.c.finished_at.label("last_finished_at"),
            *(newest.c[name].label(f"last_{name}") for name in _LAST),
        )
        .select_from(
            _cells()
            .outerjoin(
                deployments,
                (deployments.c.id == _last_success(at))
                & ~ended(deployments, deployments.c.finished_at, at),
            )
            .outerjoin(_replaced, _replaced.c.id == _last_of_another_release())
            .outerjoin(declarations, (declarations.c.id == latest(at)) & not_withdrawn())
            .outerjoin(
                newest,
                (newest.c.id == _last_start(at)) & ~ended(newest, newest.c.started_at, at),
            )
        )
        .where(deployments.c.id.is_not(None) | declarations.c.id.is_not(None))
    )


def state(
    observed: Mapping[str, Any],
    declared: Mapping[str, Any] | None,
    *,
    deploying: bool,
    last_finished_at: datetime | None,
) -> SyncState:
    """Compare the running release with the declared one.

    A difference is PENDING while a deployment is in progress or none has finished since the
    declaration, whether it succeeded or not, and DRIFTED otherwise. The state is UNKNOWN if nothing
    is declared, or nothing has ever succeeded. docs/api.md has a table of all combinations.
    `last_finished_at` is when the last deployment ended, whether it succeeded or not.
    """
    if declared is None:
        return SyncState.UNKNOWN
    if deploying:
        return SyncState.PENDING
    if observed["deployment_id"] is None:
        return SyncState.UNKNOWN
    if _agree(observed, declared):
        return SyncState.IN_SYNC
    newer = last_finished_at is None or declared["declared_at"] > last_finished_at
    return SyncState.PENDING if newer else SyncState.DRIFTED


def _agree(observed: Mapping[str, Any], declared: Mapping[str, Any]) -> bool:
    """Return whether two releases are the same: by digest if both have one, else by version."""
    if observed["image_digest"] and declared["image_digest"]:
        return bool(observed["image_digest"] == declared["image_digest"])
    return versions.same(observed["version"], declared["version"])


def _cell(row: RowMapping) -> dict[str, Any]:
    cell: dict[str, Any] = dict(row)
    declared = {name: cell.pop(f"declared_{name}") for name in _DECLARED}
    cell["declared"] = declared if declared["declared_at"] else None
    ended = [each for each in (cell.pop("succeeded_at"), cell["last_finished_at"]) if each]
    cell["last_finished_at"] = max(ended) if ended and not cell["deploying"] else None
    cell["state"] = state(
        cell,
        cell["declared"],
        deploying=cell["deploying"],
        last_finished_at=cell["last_finished_at"],
    )
    return cell


def _declared(column: ColumnElement[Any]) -> Label[Any]:
    return column.label(f"declared_{column.key}")


def _cells() -> FromClause:
    return services.join(environments, true())


def _last_success(at: datetime | None = None) -> ScalarSelect[UUID]:
    """Select the id of the last successful deployment of a cell."""
    earlier = deployments.alias()
    return _last(earlier, earlier.c.finished_at, at, earlier.c.status == Status.SUCCEEDED)


def _last_of_another_release() -> ScalarSelect[UUID]:
    """Select the id of the last successful deployment of a cell before the release that runs."""
    earlier = deployments.alias()
    images = earlier.c.image_digest, deployments.c.image_digest
    another = or_(
        not_(same_version(earlier.c.version, deployments.c.version)),
        and_(*(image.is_not(None) for image in images), images[0] != images[1]),
    )
    before = earlier.c.finished_at <= deployments.c.finished_at
    return _last(earlier, earlier.c.finished_at, None, *_begins(earlier), before, another)


def _begins(deployment: FromClause) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a deployment began a release; resyncs, often very many, do not.

    They are written out, and not parameters, or no database would see that its index has them.
    """
    return (
        deployment.c.status == literal_column(f"'{Status.SUCCEEDED}'"),
        deployment.c.kind != literal_column(f"'{Kind.RESYNC}'"),
    )


def _live_since(at: datetime | None = None) -> ColumnElement[datetime]:
    """Select when the running release first succeeded after another one: resyncs change nothing.

    Nor does what ended with a removal. Where a release began with no more than a resync, as after a
    removal, the last deployment counts.
    """
    first = deployments.alias()
    order = (first.c.finished_at, first.c.id)
    # With "or there was none", the whole history of the cell would be read.
    none = literal(BEGINNING, first.c.finished_at.type), literal(UUID(int=0), first.c.id.type)
    replaced = (
        func.coalesce(_replaced.c.finished_at, none[0]),
        func.coalesce(_replaced.c.id, none[1]),
    )
    since = (
        select(first.c.finished_at)
        .where(
            first.c.service_id == deployments.c.service_id,
            first.c.environment_id == deployments.c.environment_id,
            *_begins(first),
            first.c.finished_at >= replaced[0],
            tuple_(*order) > tuple_(*replaced),
            ~ended(first, first.c.finished_at, at),
        )
        .order_by(*order)
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(since, deployments.c.finished_at)


def _last_start(at: datetime | None = None) -> ScalarSelect[UUID]:
    """Select the id of the deployment of a cell that started last, whatever its status."""
    earlier = deployments.alias()
    return _last(earlier, earlier.c.started_at, at)


def _last(
    earlier: FromClause,
    time: ColumnElement[datetime],
    at: datetime | None,
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
