"""Stages: the environments that releases are promoted to and from, in their order."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, literal, or_, select

from api.domain.catalog import ENVIRONMENT_ORDER
from api.domain.kit.queries import Query
from api.domain.kit.times import EPOCH
from api.tables import declarations, deployments, environments, removals


def by_promotion_order(connection: Connection) -> list[dict[str, Any]]:
    """Return all environments in the order of promotion, then by name; `stage`, as `is_stage`."""
    return _stages().rows(connection, {})


def stages(connection: Connection) -> list[dict[str, Any]]:
    """Return the environments that releases are promoted to and from, as `by_promotion_order`."""
    return _stages(every=False).rows(connection, {})


@cache
def _stages(*, every: bool = True) -> Query:
    order = (environments.c.promotion_order, *ENVIRONMENT_ORDER.values())
    found = select(environments, is_stage().label("stage")).order_by(*order)
    return Query(found if every else found.where(is_stage()))


def is_stage() -> ColumnElement[bool]:
    """Return the condition that releases are promoted to and from an environment.

    It is described, or something was deployed or is declared there: an incident that names one is
    not enough. A transient one is none, nor is one that was deleted since.
    """
    here = environments.c.id
    deleted_at = (
        select(func.max(removals.c.removed_at))
        .where(removals.c.environment_id == here, removals.c.service_id.is_(None))
        .correlate(environments)
        .scalar_subquery()
    )
    since = func.coalesce(deleted_at, literal(EPOCH, removals.c.removed_at.type))
    known = (
        select(table.c.id)
        .where(table.c.environment_id == here, table.c[time] > since)
        .correlate(environments)
        .limit(1)
        .scalar_subquery()
        for table, time in ((deployments, "finished_at"), (declarations, "declared_at"))
    )
    described = and_(environments.c.described, deleted_at.is_(None))
    # Not EXISTS, for which PostgreSQL may read the whole tables.
    used = (identifier.is_not(None) for identifier in known)
    return and_(~environments.c.transient, or_(described, *used))
