"""The matrix: the release that runs of each service in each environment, and the declared one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from itertools import islice
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    false,
    or_,
    select,
    true,
)

from api.domain import live
from api.domain.declarations.model import CONTENT
from api.domain.declarations.store import latest, not_withdrawn
from api.domain.kit import versions
from api.domain.kit.cursor import Position
from api.domain.kit.models import Incoming
from api.domain.kit.pages import Listing, Order
from api.domain.kit.sql import ByteOrder, first, has_lateral
from api.domain.kit.types import Actor, Name
from api.domain.removals import ended
from api.tables import UtcDateTime, declarations, deployments, environments, services


class SyncState(StrEnum):
    """How the running release compares to the declared one; docs/gitops.md defines these states."""

    IN_SYNC = "in-sync"
    PENDING = "pending"
    DRIFTED = "drifted"
    UNKNOWN = "unknown"


_SERVICE = services.c.name.label("service")
_ENVIRONMENT = environments.c.name.label("environment")
_DECLARED = (*CONTENT, "declared_at")
# Whether a deployment under way, or one that did not succeed, is enough for a cell.
ATTEMPTS = bindparam("attempts", False, type_=Boolean)
# Of the deployment that started last, whatever became of it.
_LAST = ("id", "version", "status")
ORDER: Order = {
    "service": ByteOrder(services.c.name),
    "promotion_order": environments.c.promotion_order,
    "environment": ByteOrder(environments.c.name),
}


class Filters(Incoming):
    """Filters of the cells."""

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
    statement = _running(lateral=has_lateral(connection))
    if service is not None:
        statement = statement.where(services.c.name == service)
    rows = connection.execute(statement, {"among": list(among)}).mappings()
    return [dict(row) for row in rows]


def versions_at(connection: Connection, at: datetime | None) -> dict[tuple[str, str], str]:
    """Return the version that runs of each service in each environment, now or at a time."""
    statement = _versions(lateral=has_lateral(connection), past=at is not None)
    rows = connection.execute(statement, {} if at is None else {"at": at})
    return {(service, environment): version for service, environment, version in rows.all()}


def cells(
    connection: Connection,
    at: datetime | None = None,
    filters: Filters | None = None,
    after: Position | None = None,
    limit: int | None = None,
    *,
    attempts: bool = False,
) -> list[dict[str, Any]]:
    """Return one row for each service and environment with a running or declared release.

    With `attempts`, there is also one where nothing more than an attempt to deploy has been made.
    With `at`, the rows show what had finished and what was declared at that time. Rows are sorted
    by `ORDER`, begin after the position `after`, and are at most `limit`.
    """
    wanted = filters or Filters()
    # The state is not known to the database.
    most = limit if wanted.state is None else None
    listing = _listing(lateral=has_lateral(connection), past=at is not None)
    values = {} if at is None else {"at": at}
    rows = listing.rows(connection, dict(wanted), most, after, attempts=attempts, **values)
    found = (cell for cell in map(_cell, rows) if wanted.state in (None, cell["state"]))
    return list(islice(found, limit))


def selected(at: ColumnElement[datetime] | None, *, lateral: bool) -> Select[Any]:
    """Return the unordered SELECT of all cells, now or at a time."""
    running, is_running = first(deployments, live.successes(at), lateral=lateral)
    replaced, is_replaced = first(deployments, live.other_releases(running), lateral=lateral)
    declared, is_declared = first(declarations, latest(at), lateral=lateral)
    newest, is_newest = first(deployments, live.starts(at), lateral=lateral)
    ended_later = false() if at is None else newest.c.finished_at > at
    return (
        select(
            _SERVICE,
            _ENVIRONMENT,
            environments.c.promotion_order,
            *_observed(running),
            live.since(running, replaced, at).label("since"),
            running.c.finished_at.label("succeeded_at"),
            running.c.actor,
            running.c.source,
            running.c.kind,
            *(declared.c[name].label(f"declared_{name}") for name in _DECLARED),
            and_(newest.c.id.is_not(None), or_(newest.c.finished_at.is_(None), ended_later)).label(
                "deploying"
            ),
            newest.c.finished_at.label("last_finished_at"),
            *(newest.c[name].label(f"last_{name}") for name in _LAST),
        )
        .select_from(
            _cells()
            .outerjoin(running, is_running & ~ended(running, running.c.finished_at, at))
            .outerjoin(replaced, is_replaced)
            .outerjoin(declared, is_declared & not_withdrawn(declared))
            .outerjoin(newest, is_newest & ~ended(newest, newest.c.started_at, at))
        )
        .where(
            or_(
                running.c.id.is_not(None),
                declared.c.id.is_not(None),
                newest.c.id.is_not(None) & ATTEMPTS,
            )
        )
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


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    declared = {name: cell.pop(f"declared_{name}") for name in _DECLARED}
    cell["declared"] = declared if declared["declared_at"] else None
    ended = [time for time in (cell.pop("succeeded_at"), cell["last_finished_at"]) if time]
    cell["last_finished_at"] = max(ended) if ended and not cell["deploying"] else None
    cell["state"] = state(
        cell,
        cell["declared"],
        deploying=cell["deploying"],
        last_finished_at=cell["last_finished_at"],
    )
    return cell


def _cells() -> FromClause:
    return services.join(environments, true())


CONDITIONS = {
    "service": services.c.name == bindparam("service"),
    "environment": environments.c.name == bindparam("environment"),
    "owner": services.c.owner == bindparam("owner"),
}


AT = bindparam("at", type_=UtcDateTime())


@cache
def _listing(*, lateral: bool, past: bool) -> Listing:
    """Return the list of the cells, now or in the past."""
    selection = selected(AT if past else None, lateral=lateral)
    return Listing(selection, ORDER, CONDITIONS, newest_first=False)


@cache
def _versions(*, lateral: bool, past: bool) -> Select[Any]:
    """Return the SELECT of the versions that run or, in the past, ran."""
    at = AT if past else None
    running, is_running = first(deployments, live.successes(at), lateral=lateral)
    lasted = ~ended(running, running.c.finished_at, at)
    return select(_SERVICE, _ENVIRONMENT, running.c.version).select_from(
        _cells().join(running, is_running & lasted)
    )


@cache
def _running(*, lateral: bool) -> Select[Any]:
    """Return the SELECT of what runs in the environments `among`."""
    running, is_running = first(deployments, live.successes(), lateral=lateral)
    replaced, is_replaced = first(deployments, live.other_releases(running), lateral=lateral)
    since = live.since(running, replaced).label("since")
    return (
        select(_SERVICE, _ENVIRONMENT, *_observed(running), since)
        .select_from(_cells().join(running, is_running).outerjoin(replaced, is_replaced))
        .where(environments.c.name.in_(bindparam("among", expanding=True)))
        .where(~ended(running, running.c.finished_at))
        .order_by(*ORDER.values())
    )


def _observed(running: FromClause) -> tuple[ColumnElement[Any], ...]:
    return (
        running.c.version,
        running.c.image_digest,
        running.c.commit,
        running.c.config_revision,
        running.c.id.label("deployment_id"),
        services.c.id.label("service_id"),
        environments.c.id.label("environment_id"),
    )
