"""Services and environments: known by name, created on first sight, described by their people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)
from sqlalchemy import Connection, Select, Table, select, update
from uuid_utils.compat import uuid7

from api.domain.kit import pages
from api.domain.kit.pages import Order
from api.domain.kit.sql import ByteOrder, insert_new, inserted
from api.domain.kit.times import now
from api.domain.kit.types import Actor, ImageName, RepositoryUrl, whole
from api.tables import environments, services


class Tier(StrEnum):
    """What an environment is for; the metrics look at production."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


# What an environment's name says of its tier, until somebody says it better.
TIERS = {
    **dict.fromkeys(("prod", "production", "live"), Tier.PRODUCTION),
    **dict.fromkeys(("staging", "stage", "preprod", "uat", "qa"), Tier.STAGING),
}
PROMOTION_ORDER = {Tier.DEVELOPMENT: 100, Tier.STAGING: 200, Tier.PRODUCTION: 300}


class ServiceDescription(BaseModel):
    """What a service is; what is not given is not known."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={
            "example": {
                "owner": "payments",
                "repository": "https://github.com/acme/checkout",
                "image": "ghcr.io/acme/checkout",
            }
        },
    )

    owner: Annotated[Actor | None, Field(description="Whom to ask: a team, a person.")] = None
    repository: Annotated[RepositoryUrl | None, Field(description="Where its code is.")] = None
    image: Annotated[
        ImageName | None, Field(description="Its image's name, without tag and digest.")
    ] = None


class EnvironmentDescription(BaseModel):
    """What an environment is for."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={"example": {"tier": "production", "promotion_order": 300}},
    )

    tier: Tier
    promotion_order: Annotated[
        int | None,
        Field(
            ge=0,
            le=1_000_000,
            strict=True,
            description="Releases go from a lower to a higher one; by default 100 for development,"
            " 200 for staging and 300 for production.",
        ),
        BeforeValidator(whole),
    ] = None

    def ordered(self) -> dict[str, Any]:
        """Return its values, with the tier's own order unless one is given."""
        order = self.promotion_order
        return {
            "tier": self.tier,
            "promotion_order": PROMOTION_ORDER[self.tier] if order is None else order,
        }


def service_ids(
    connection: Connection, names: Iterable[str], created_at: datetime
) -> dict[str, UUID]:
    """Return the id of each service, after creating those that are new."""
    return _ids(connection, services, {name: {} for name in names}, created_at)


def environment_ids(
    connection: Connection, names: Iterable[str], created_at: datetime
) -> dict[str, UUID]:
    """Return the id of each environment, after creating those that are new, by their names."""
    guessed = {
        name: EnvironmentDescription(tier=TIERS.get(name, Tier.DEVELOPMENT)).ordered()
        for name in names
    }
    return _ids(connection, environments, guessed, created_at)


# Both lists are sorted alike on every database.
SERVICE_ORDER: Order = {"name": ByteOrder(services.c.name)}
ENVIRONMENT_ORDER: Order = {"name": ByteOrder(environments.c.name)}


def selected_services() -> Select[Any]:
    """Return the statement for the list of services, to be ordered and cut into pages."""
    return _select(services)


def selected_environments() -> Select[Any]:
    """Return the statement for the list of environments, to be ordered and cut into pages."""
    return _select(environments)


def find_service(connection: Connection, name: str) -> dict[str, Any] | None:
    """Return the service of that name, or None; nobody changes it while the caller may write."""
    return _find(connection, services, name)


def find_environment(connection: Connection, name: str) -> dict[str, Any] | None:
    """Return the environment of that name, or None; as `find_service` does."""
    return _find(connection, environments, name)


def describe_service(connection: Connection, name: str, told: ServiceDescription) -> bool:
    """Write down what a service is; return whether it was created by that."""
    return _describe(connection, services, name, told.model_dump())


def describe_environment(connection: Connection, name: str, told: EnvironmentDescription) -> bool:
    """Write down what an environment is for; return whether it was created by that."""
    return _describe(connection, environments, name, told.ordered())


def _select(table: Table) -> Select[Any]:
    return select(*(column for column in table.c if column is not table.c.id))


def _find(connection: Connection, table: Table, name: str) -> dict[str, Any] | None:
    statement = _select(table).where(table.c.name == name)
    if connection.get_execution_options().get("writes"):
        statement = statement.with_for_update(key_share=True)
    return pages.one(connection, statement)


def _describe(connection: Connection, table: Table, name: str, told: dict[str, Any]) -> bool:
    row = {"id": uuid7(), "name": name, "created_at": now(), **told}
    if inserted(connection, table, row):
        return True
    connection.execute(update(table).where(table.c.name == name).values(told))
    return False


def _ids(
    connection: Connection, table: Table, told: Mapping[str, dict[str, Any]], created_at: datetime
) -> dict[str, UUID]:
    by_name = select(table.c.name, table.c.id).where(table.c.name.in_(told))
    found = _pairs(connection, by_name)
    missing = sorted(told.keys() - found.keys())
    if missing:
        rows = [
            {"id": uuid7(), "name": name, "created_at": created_at, **told[name]}
            for name in missing
        ]
        # Two first sights at once are one.
        connection.execute(insert_new(connection, table), rows)
        found = _pairs(connection, by_name)
    return found


def _pairs(connection: Connection, statement: Select[Any]) -> dict[str, UUID]:
    return {name: identifier for name, identifier in connection.execute(statement)}  # noqa: C416
