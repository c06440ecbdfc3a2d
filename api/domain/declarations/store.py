"""Queries for declarations: current ones, and those of an earlier time."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    select,
    true,
)

from api.domain import catalog
from api.domain.declarations.model import CONTENT
from api.domain.kit.pages import Order, TimeRange
from api.domain.kit.sql import ByteOrder
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

ORDER: Order = {"declared_at": declarations.c.declared_at, "id": declarations.c.id}


def selected(filters: Filters) -> Select[Any]:
    """Return the unordered SELECT of matching declarations, earlier ones and withdrawals too."""
    wanted = ((services.c.name, filters.service), (environments.c.name, filters.environment))
    return (
        select(*FIELDS)
        .select_from(declarations.join(services).join(environments))
        .where(
            *(column == value for column, value in wanted if value is not None),
            *filters.within(declarations.c.declared_at),
        )
    )


def latest(at: datetime | None = None) -> ScalarSelect[UUID]:
    """Select the id of a cell's latest declaration, or of the latest up to `at`.

    For use in a query on `services` and `environments`: one index lookup for each pair of them.
    """
    earlier = declarations.alias()
    return (
        select(earlier.c.id)
        .where(
            earlier.c.service_id == services.c.id,
            earlier.c.environment_id == environments.c.id,
            true() if at is None else earlier.c.declared_at <= at,
        )
        .order_by(earlier.c.declared_at.desc())
        .limit(1)
        .scalar_subquery()
    )


def not_withdrawn() -> ColumnElement[bool]:
    """Return the condition that a declaration is not a withdrawal."""
    return declarations.c.version.is_not(None) | declarations.c.image_digest.is_not(None)


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
    statement = (
        select(
            services.c.name.label("service"),
            *(declarations.c[name] for name in (*CONTENT, "declared_at")),
        )
        .select_from(
            services.join(environments, environments.c.name == environment).join(
                declarations, declarations.c.id == latest(at)
            )
        )
        .where(not_withdrawn())
        .order_by(ByteOrder(services.c.name))
    )
    return [dict(row) for row in connection.execute(statement).mappings()]
