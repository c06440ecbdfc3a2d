"""Services and environments: known by name, created on first sight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from uuid_utils.compat import uuid7

from api.domain.types import Tier
from api.tables import environments, services

# What an environment's name says of its tier, until somebody says it better.
TIERS = {
    **dict.fromkeys(("prod", "production", "live"), Tier.PRODUCTION),
    **dict.fromkeys(("staging", "stage", "preprod", "uat", "qa"), Tier.STAGING),
}
PROMOTION_ORDER = {Tier.DEVELOPMENT: 100, Tier.STAGING: 200, Tier.PRODUCTION: 300}


def service_ids(
    connection: Connection, names: Iterable[str], created_at: datetime
) -> dict[str, UUID]:
    """Return the id of each service, after creating those that are new."""
    return _ids(connection, services, {name: {} for name in names}, created_at)


def environment_ids(
    connection: Connection, names: Iterable[str], created_at: datetime
) -> dict[str, UUID]:
    """Return the id of each environment, after creating those that are new, by their names."""
    told = {}
    for name in names:
        tier = TIERS.get(name, Tier.DEVELOPMENT)
        told[name] = {"tier": tier, "promotion_order": PROMOTION_ORDER[tier]}
    return _ids(connection, environments, told, created_at)


def _ids(
    connection: Connection, table: Table, told: Mapping[str, dict[str, Any]], created_at: datetime
) -> dict[str, UUID]:
    # Both dialects spell it alike, SQLAlchemy keeps them apart. Two first sights at once are one.
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    by_name = select(table.c.name, table.c.id).where(table.c.name.in_(told))
    found = _pairs(connection, by_name)
    missing = sorted(told.keys() - found.keys())
    if missing:
        rows = [
            {"id": uuid7(), "name": name, "created_at": created_at, **told[name]}
            for name in missing
        ]
        connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)
        found = _pairs(connection, by_name)
    return found


def _pairs(connection: Connection, statement: Select[Any]) -> dict[str, UUID]:
    return {name: identifier for name, identifier in connection.execute(statement)}  # noqa: C416
