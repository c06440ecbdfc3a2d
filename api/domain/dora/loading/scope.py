"""The scope of a question: the services and environments that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, FromClause, Uuid, and_, bindparam, select, true

from api.domain.dora.query import Query
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.records import Place
from api.domain.kit.errors import InvalidValueError
from api.domain.kit.sql import ByteOrder
from api.domain.tiers import Tier
from api.tables import UtcDateTime, environments, services

BEGINNING, END = (bindparam(name, type_=UtcDateTime()) for name in ("beginning", "end"))
SERVICES = select(services.c.id, services.c.name)
ENVIRONMENTS = select(environments.c.id, environments.c.name).order_by(environments.c.name)
OF_PRODUCTION = ENVIRONMENTS.where(environments.c.tier == Tier.PRODUCTION)
ONE_SERVICE, ONE_ENVIRONMENT = (
    every.where(table.c.name == bindparam("name"))
    for every, table in ((SERVICES, services), (ENVIRONMENTS, environments))
)
BY_TIER = (
    select(environments.c.tier, environments.c.name)
    .order_by(environments.c.transient, ByteOrder(environments.c.name))
    .limit(bindparam("limit"))
)


@dataclass(frozen=True)
class Form:
    """What a statement about a scope depends on, beside its parameters."""

    dialect: str
    one_service: bool

    def here(self, table: FromClause) -> ColumnElement[bool]:
        """Return the condition that rows are about these services and environments."""
        return and_(self.of_service(table), self.in_environment(table.c.environment_id))

    def of_service(self, table: FromClause) -> ColumnElement[bool]:
        """Return the condition that rows are about these services."""
        return self.is_service(table.c.service_id)

    def is_service(self, column: ColumnElement[UUID]) -> ColumnElement[bool]:
        """Return the condition that a column has the id of one of these services."""
        return column == bindparam("service_id", type_=Uuid) if self.one_service else true()

    def in_environment(self, column: ColumnElement[UUID]) -> ColumnElement[bool]:
        """Return the condition that a column has the id of one of these environments."""
        return column.in_(bindparam("environments", expanding=True))


@dataclass(frozen=True)
class Scope:
    """The services and environments that a query is about: names by id."""

    services: Mapping[UUID, str]
    environments: Mapping[UUID, str]
    one_service: UUID | None

    def form(self, connection: Connection) -> Form:
        """Return the form of the statements about it."""
        return Form(connection.dialect.name, self.one_service is not None)

    def values(self, window: Window) -> dict[str, Any]:
        """Return the parameters of the statements about it and a window."""
        return {
            "service_id": self.one_service,
            "environments": list(self.environments),
            "beginning": window.since,
            "end": window.until,
        }

    def place(self, row: Any) -> Place:
        """Return the place of a row; a name outside the scope is empty."""
        # A stated incident may be in a different environment than its deployment.
        service = self.services.get(row.service_id, "")
        return Place(service, self.environments.get(row.environment_id, ""))


def scope_of(connection: Connection, query: Query) -> Scope:
    """Return the services and environments of a query.

    Raises InvalidValueError, with the name of the parameter, if there is no such service or
    environment: a misspelt name must not look like a perfect score.
    """
    named = SERVICES if query.service is None else ONE_SERVICE
    chosen = OF_PRODUCTION if query.environment is None else ONE_ENVIRONMENT
    found = dict(iter(connection.execute(named, {"name": query.service})))
    places = dict(iter(connection.execute(chosen, {"name": query.environment})))
    if query.service is not None and not found:
        raise InvalidValueError("service", f"there is no service {query.service}")
    if query.environment is not None and not places:
        raise InvalidValueError("environment", f"there is no environment {query.environment}")
    return Scope(
        services=found,
        environments=places,
        one_service=next(iter(found), None) if query.service is not None else None,
    )


def tiers(connection: Connection, limit: int) -> dict[Tier, list[str]]:
    """Return the names of the environments of each tier, up to a number of them, previews last."""
    found: dict[Tier, list[str]] = {tier: [] for tier in Tier}
    for tier, name in connection.execute(BY_TIER, {"limit": limit}):
        found[Tier(tier)].append(name)
    return found
