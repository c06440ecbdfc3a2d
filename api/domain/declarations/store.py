"""Declarations as they are found: what holds now or held at some time."""

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
    """What a list of declarations is narrowed to; `from` and `to` are about `declared_at`."""

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
    """Return the statement for the list of all that was declared, withdrawals included."""
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
    """Return the id of the latest fact of a cell, or of what it was by some time.

    It is one look along an index for each pair of `services` and `environments` that are selected.
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
    """Return the condition for a fact to be a declaration and not a withdrawal."""
    return declarations.c.version.is_not(None) | declarations.c.image_digest.is_not(None)


def find(connection: Connection, environment: str) -> dict[str, Any] | None:
    """Return what is declared for an environment now, or None if there is no such environment."""
    known = catalog.find_environment(connection, environment)
    if known is None:
        return None
    facts = declared_for(connection, environment)
    return {"environment": environment, "services": {each.pop("service"): each for each in facts}}


def declared_for(
    connection: Connection, environment: str, at: datetime | None = None
) -> list[dict[str, Any]]:
    """Return what is declared for an environment, by service, as far as it was not withdrawn."""
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
