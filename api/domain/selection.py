"""SELECTs of the cells of the matrix: what runs, what is declared, and the last attempt to deploy.

One is for what the service tells of them, and one for what pages show. To select what nobody looks
at takes a third of the time, of the database and of the process alike.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    false,
    func,
    not_,
    or_,
    select,
)

from api.domain import live
from api.domain.declarations.model import CONTENT, RELEASE
from api.domain.declarations.store import latest, not_withdrawn
from api.domain.deployments.model import Status
from api.domain.kit.sql import Instant, first
from api.domain.releases import ENVIRONMENT, SERVICE, every_cell
from api.domain.removals import ended
from api.domain.states import SyncState, state
from api.tables import declarations, deployments, environments, services

# The states in which a page tells what is declared.
DIFFERENT = (SyncState.PENDING, SyncState.DRIFTED)


class Parts(NamedTuple):
    """What a row is selected from; in each row, any of the three may be absent."""

    among: FromClause
    running: FromClause
    declared: FromClause
    # The deployment that started last, whatever became of it.
    newest: FromClause
    since: ColumnElement[Any]
    state: ColumnElement[str]
    deploying: ColumnElement[bool]
    # When the last deployment ended, whether it succeeded or not, unless one is in progress.
    last_finished_at: ColumnElement[Any]


def told(at: Instant | None, *, lateral: bool) -> Select[Any]:
    """Return the unordered SELECT of the cells that are told, now or at a time.

    These have a running or a declared release.
    """
    parts = _parts(at, lateral=lateral)
    running, declared = parts.running, parts.declared
    return (
        select(
            SERVICE,
            ENVIRONMENT,
            running.c.version,
            running.c.image_digest,
            running.c.commit,
            running.c.config_revision,
            parts.since.label("since"),
            running.c.id.label("deployment_id"),
            declared.c.declared_at,
            parts.deploying.label("deploying"),
            parts.last_finished_at.label("last_finished_at"),
            parts.state.label("state"),
            environments.c.promotion_order,
            *(declared.c[name].label(f"declared_{name}") for name in CONTENT),
        )
        .select_from(parts.among)
        .where(or_(running.c.id.is_not(None), declared.c.id.is_not(None)))
    )


def shown(at: Instant | None, *, lateral: bool) -> Select[Any]:
    """Return the unordered SELECT of the cells that pages show, now or at a time.

    These have a running or a declared release, or at least an attempt to deploy one.
    """
    parts = _parts(at, lateral=lateral)
    running, declared, newest = parts.running, parts.declared, parts.newest
    matters = or_(parts.deploying, newest.c.status == Status.FAILED)
    differs = or_(running.c.id.is_(None), parts.state.in_(DIFFERENT))
    return (
        select(
            SERVICE,
            ENVIRONMENT,
            services.c.id.label("service_id"),
            environments.c.id.label("environment_id"),
            running.c.version,
            running.c.image_digest,
            running.c.commit,
            running.c.id.label("deployment_id"),
            parts.since.label("since"),
            func.coalesce(func.nullif(running.c.actor, ""), running.c.source).label("by"),
            parts.state.label("state"),
            *(case((differs, declared.c[name])).label(f"declared_{name}") for name in RELEASE),
            parts.deploying.label("deploying"),
            case((matters, newest.c.version)).label("attempt_version"),
            case((matters, newest.c.id)).label("attempt_id"),
        )
        .select_from(parts.among)
        .where(or_(*(part.c.id.is_not(None) for part in (running, declared, newest))))
    )


def _parts(at: Instant | None, *, lateral: bool) -> Parts:
    cells, any_removed = every_cell(lateral=lateral)
    running, is_running = first(deployments, live.staying(any_removed, at), lateral=lateral)
    is_removed = any_removed & ended(running, running.c.finished_at, at)
    joined = cells.outerjoin(running, is_running & not_(is_removed))
    among, since = live.since(joined, running, at, lateral=lateral)
    declared, is_declared = first(declarations, latest(at), lateral=lateral)
    newest, is_newest = first(deployments, live.starts(at), lateral=lateral)
    ended_later = false() if at is None else newest.c.finished_at > at
    deploying = and_(newest.c.id.is_not(None), or_(newest.c.finished_at.is_(None), ended_later))
    times = newest.c.finished_at, running.c.finished_at
    last = case((times[0] > times[1], times[0]), else_=func.coalesce(times[1], times[0]))
    return Parts(
        among.outerjoin(declared, is_declared & not_withdrawn(declared)).outerjoin(
            newest, is_newest & not_(any_removed & ended(newest, newest.c.started_at, at))
        ),
        running,
        declared,
        newest,
        since,
        state(running, declared, newest, deploying),
        deploying,
        case((not_(deploying), last)),
    )
