"""What runs: the release of each service in each environment that it was deployed to last.

It is that of the last successful deployment, by `finished_at`, unless it was removed; neither a
later failure nor a deployment in progress replaces it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    any_,
    bindparam,
    func,
    not_,
    or_,
    select,
    true,
)

from api.domain import live
from api.domain.kit import sql
from api.domain.kit.pages import Order
from api.domain.kit.queries import Query
from api.domain.kit.sql import ByteOrder, first, has_lateral
from api.domain.removals import ended
from api.tables import UtcDateTime, declarations, deployments, environments, removals, services

AT = bindparam("at", type_=UtcDateTime())
AMONG: BindParameter[Any] = bindparam("among", expanding=True)
SERVICE = services.c.name.label("service")
ENVIRONMENT = environments.c.name.label("environment")
# Of cells.
ORDER: Order = {
    "service": ByteOrder(services.c.name),
    "promotion_order": environments.c.promotion_order,
    "environment": ByteOrder(environments.c.name),
}


class Release(NamedTuple):
    """What runs of a service in an environment, and since when."""

    service: str
    environment: str
    service_id: UUID
    environment_id: UUID
    version: str
    image_digest: str | None
    commit: str | None
    deployment_id: UUID
    since: datetime


def running(
    connection: Connection,
    among: Collection[str],
    of: Collection[str] | None = None,
    at: datetime | None = None,
) -> list[Release]:
    """Return what runs, or ran at a time, in these environments, of each service or `of` some.

    It is sorted by service, then by promotion order.
    """
    statement = _running(lateral=has_lateral(connection), past=at is not None)
    if of is not None:
        statement = statement.where(sql.among(connection, services.c.name, of))
    rows = connection.execute(statement, {"among": list(among), **given(at)})
    return [Release(*row) for row in rows.all()]


def versions_at(
    connection: Connection, at: datetime | None, among: Collection[str] | None = None
) -> dict[tuple[str, str], str]:
    """Return the version that runs in each environment, now or at a time.

    It is that of each service, or of those whose names are `among` these.
    """
    query = _versions(lateral=has_lateral(connection), past=at is not None, every=among is None)
    some = {} if among is None else {"among": list(among)}
    rows = query.tuples(connection, given(at) | some)
    return {(service, environment): version for service, environment, version in rows}


def given(at: datetime | None) -> dict[str, Any]:
    """Return the value of `AT`, in a statement that has it unless it is about now."""
    return {} if at is None else {"at": at}


def every_cell(*, lateral: bool) -> tuple[FromClause, ColumnElement[bool]]:
    """Return each service in each environment, and whether anything was ever removed there.

    From most environments nothing is: whether a release in them was removed need not be asked. A
    transient one, of which there may be thousands, has only the services that ever came there.
    """
    if not lateral:
        return services.join(environments, true()), true()
    here = removals.c.environment_id == environments.c.id
    removed = select(removals.c.environment_id).where(here).limit(1).lateral("removed")
    came = [_came(table) for table in (deployments, declarations)]
    places = environments.outerjoin(removed, true())
    for few in came:
        places = places.outerjoin(few, true())
    anywhere = or_(~environments.c.transient, *(services.c.id == any_(few.c.ids) for few in came))
    return services.join(places, anywhere), removed.c.environment_id.is_not(None)


def _came(table: Table) -> FromClause:
    """Select the ids of the services that a table has in an environment, if that is transient.

    The environment is told as a range. Where it is told as a value, PostgreSQL takes it for one
    like the others, and reads the whole table for the few rows of a preview beside large stages.
    """
    ids = func.array_agg(table.c.service_id.distinct()).label("ids")
    here = table.c.environment_id.between(environments.c.id, environments.c.id)
    return select(ids).where(here, environments.c.transient).lateral(f"came_{table.name}")


@cache
def _running(*, lateral: bool, past: bool) -> Select[Any]:
    """Return the SELECT of what runs or, in the past, ran in the environments `among`."""
    at = AT if past else None
    cells, any_removed = every_cell(lateral=lateral)
    running, is_running = first(deployments, live.staying(any_removed, at), lateral=lateral)
    is_removed = any_removed & ended(running, running.c.finished_at, at)
    joined = cells.join(running, is_running & not_(is_removed))
    among, since = live.since(joined, running, at, lateral=lateral)
    return (
        select(
            SERVICE,
            ENVIRONMENT,
            services.c.id,
            environments.c.id,
            running.c.version,
            running.c.image_digest,
            running.c.commit,
            running.c.id,
            since,
        )
        .select_from(among)
        .where(environments.c.name.in_(AMONG))
        .order_by(*ORDER.values())
    )


@cache
def _versions(*, lateral: bool, past: bool, every: bool) -> Query:
    """Return the query for the versions that run or ran, of `every` service or of those `among`."""
    at = AT if past else None
    cells, any_removed = every_cell(lateral=lateral)
    running, is_running = first(deployments, live.staying(any_removed, at), lateral=lateral)
    is_removed = any_removed & ended(running, running.c.finished_at, at)
    among = cells.join(running, is_running & not_(is_removed))
    found = select(SERVICE, ENVIRONMENT, running.c.version).select_from(among)
    return Query(found if every else found.where(services.c.name.in_(AMONG)))
