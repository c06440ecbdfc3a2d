"""Queries for declarations: current ones, and those of an earlier time."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    bindparam,
    select,
    true,
)
from uuid_utils.compat import uuid7

from api.domain import catalog
from api.domain.declarations.model import CONTENT
from api.domain.declarations.timeline import Declared
from api.domain.kit import pages
from api.domain.kit.pages import Listing, Order, TimeRange
from api.domain.kit.sql import ByteOrder, Instant, first, has_lateral, insert_into
from api.domain.kit.times import now
from api.domain.kit.types import (
    Name,
)
from api.tables import declarations, environments, services


class Filters(TimeRange):
    """Filters of a list of declarations; `from` and `to` apply to `declared_at`."""

    service: Name | None = None
    environment: Name | None = None


FIELDS = (
    declarations.c.id,
    services.c.name.label("service"),
    environments.c.name.label("environment"),
    *(declarations.c[name] for name in CONTENT),
    declarations.c.declared_at,
    declarations.c.created_at,
)

_DECLARED = [declarations.c[name] for name in Declared._fields]

ORDER: Order = {"declared_at": declarations.c.declared_at, "id": declarations.c.id}


# Earlier declarations and withdrawals, too.
LISTING = Listing(
    select(*FIELDS).select_from(declarations.join(services).join(environments)),
    ORDER,
    {
        "service": services.c.name == bindparam("service"),
        "environment": environments.c.name == bindparam("environment"),
        **pages.within(declarations.c.declared_at),
    },
)


def latest(
    at: Instant | None = None,
    until: Callable[[Any, Any], ColumnElement[bool]] = operator.le,
) -> Select[Any]:
    """Select the declarations of a cell, or those up to `at`, or before it; the latest one first.

    For use in a query on `services` and `environments`: an index has them so for each pair.
    """
    earlier = declarations.alias()
    return (
        select(earlier)
        .where(
            earlier.c.service_id == services.c.id,
            earlier.c.environment_id == environments.c.id,
            true() if at is None else until(earlier.c.declared_at, at),
        )
        .order_by(earlier.c.declared_at.desc())
    )


def not_withdrawn(declaration: FromClause) -> ColumnElement[bool]:
    """Return the condition that a declaration is not a withdrawal."""
    return declaration.c.version.is_not(None) | declaration.c.image_digest.is_not(None)


def find(connection: Connection, environment: str) -> dict[str, Any] | None:
    """Return the current declarations for an environment, or None if it does not exist."""
    if catalog.find_environment(connection, environment) is None:
        return None
    releases = declared_for(connection, environment)
    return {
        "environment": environment,
        "services": {release.pop("service"): release for release in releases},
    }


def declared_for(
    connection: Connection, environment: str, at: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the releases declared for an environment, now or at a given time.

    One row for each service, sorted by name; withdrawn services are left out.
    """
    last, is_last = first(declarations, latest(at), lateral=has_lateral(connection))
    statement = (
        select(
            services.c.name.label("service"),
            *(last.c[name] for name in (*CONTENT, "declared_at")),
        )
        .select_from(
            services.join(environments, environments.c.name == environment).join(last, is_last)
        )
        .where(not_withdrawn(last))
        .order_by(ByteOrder(services.c.name))
    )
    return [dict(row) for row in connection.execute(statement).mappings()]


def declared(
    connection: Connection,
    environment_id: UUID,
    at: datetime,
    until: Callable[[Any, Any], ColumnElement[bool]] = operator.le,
) -> dict[UUID, Declared]:
    """Return what is declared for an environment up to a time, or before it, by service."""
    last, is_last = first(declarations, latest(at, until), lateral=has_lateral(connection))
    rows = connection.execute(
        select(services.c.id, *(last.c[name] for name in Declared._fields))
        .select_from(
            services.join(environments, environments.c.id == environment_id).join(last, is_last)
        )
        .where(not_withdrawn(last))
    )
    return {row[0]: Declared(*row[1:]) for row in rows}


def declared_since(
    connection: Connection, environment_id: UUID, service_ids: Collection[UUID], since: datetime
) -> Mapping[UUID, list[tuple[UUID, Declared]]]:
    """Return the declarations of services from a time on, with their ids; withdrawals too."""
    found: dict[UUID, list[tuple[UUID, Declared]]] = defaultdict(list)
    rows = connection.execute(
        select(declarations.c.service_id, declarations.c.id, *_DECLARED)
        .where(declarations.c.environment_id == environment_id)
        .where(declarations.c.service_id.in_(service_ids), declarations.c.declared_at >= since)
    )
    for service_id, identifier, *values in rows:
        found[service_id].append((identifier, Declared(*values)))
    return found


def insert(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert declarations; one with the same cell and time replaces the one stored before."""
    if not rows:
        return
    statement = insert_into(connection.dialect.name, declarations)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["service_id", "environment_id", "declared_at"],
            set_={name: statement.excluded[name] for name in (*CONTENT, "reported_at")},
        ),
        [{"id": uuid7(), **row, "created_at": now()} for row in rows],
    )


def delete(connection: Connection, ids: Sequence[UUID]) -> None:
    """Delete declarations by their ids."""
    if ids:
        statement = declarations.delete().where(declarations.c.id == bindparam("gone"))
        connection.execute(statement, [{"gone": identifier} for identifier in ids])
