"""Services and environments: identified by name, created by the first report that names them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
)
from sqlalchemy import (
    Connection,
    Table,
    or_,
    select,
    update,
)
from uuid_utils.compat import uuid7

from api.domain import lookups
from api.domain.kit import pages
from api.domain.kit.models import Incoming
from api.domain.kit.pages import Listing, Order
from api.domain.kit.sql import ByteOrder, insert_new, inserted
from api.domain.kit.times import now
from api.domain.kit.types import Actor, ImageName, RepositoryUrl, whole
from api.domain.lookups import Found
from api.domain.tiers import PROMOTION_ORDER, Tier, guess
from api.tables import environments, services


class ServiceDescription(Incoming):
    """The description of a service; a field that is left out is unknown."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "owner": "payments",
                "repository": "https://github.com/acme/checkout",
                "image": "ghcr.io/acme/checkout",
            }
        },
    )

    owner: Annotated[Actor | None, Field(description="The responsible team or person.")] = None
    repository: Annotated[
        RepositoryUrl | None, Field(description="The repository of its source code.")
    ] = None
    image: Annotated[
        ImageName | None, Field(description="The name of its image, without tag and digest.")
    ] = None


class EnvironmentDescription(Incoming):
    """The description of an environment."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"tier": "production", "promotion_order": 300}},
    )

    tier: Tier
    promotion_order: Annotated[
        int | None,
        Field(
            ge=0,
            le=1_000_000,
            strict=True,
            description="Releases are promoted from a lower to a higher one; by default 100 for"
            " development, 200 for staging and 300 for production.",
        ),
        BeforeValidator(whole),
    ] = None
    transient: Annotated[
        bool,
        Field(
            strict=True,
            description="Whether it comes and goes, as a preview does: no promotion from it or to"
            " it is announced.",
        ),
    ] = False

    def ordered(self) -> dict[str, Any]:
        """Return the fields, with the default order of the tier unless one is given."""
        return _ordered(self.tier, self.promotion_order) | {"transient": self.transient}


def ids(
    connection: Connection,
    service_names: Iterable[str],
    environment_names: Iterable[str],
    created_at: datetime,
    found: Found | None = None,
) -> tuple[dict[str, UUID], dict[str, UUID]]:
    """Return the ids of services and of environments, after creating those that are new.

    `found` is what the ledger has of the names, if they were looked up before. Environments are
    created first: in any other order, two transactions could deadlock.
    """
    new_services = {name: dict[str, Any]() for name in service_names}
    new_environments = {name: guessed(name) for name in environment_names}
    found = found or lookups.look_up(connection, [*new_services], [*new_environments])
    created = _create(connection, environments, new_environments, found.environments, created_at)
    environments_by_name = found.environments | created
    created = _create(connection, services, new_services, found.services, created_at)
    return found.services | created, environments_by_name


def service_ids(
    connection: Connection, names: Iterable[str], created_at: datetime
) -> dict[str, UUID]:
    """Return the id of each service by name, creating those that do not exist."""
    return ids(connection, names, (), created_at)[0]


def environment_ids(
    connection: Connection, names: Iterable[str], created_at: datetime
) -> dict[str, UUID]:
    """Return the id of each environment by name, creating those that do not exist.

    The tier of a new one is guessed from its name.
    """
    return ids(connection, (), names, created_at)[1]


# The order must be the same on every database.
SERVICE_ORDER: Order = {"name": ByteOrder(services.c.name)}
ENVIRONMENT_ORDER: Order = {"name": ByteOrder(environments.c.name)}
EVERY = {
    table: select(*(column for column in table.c if column is not table.c.id))
    for table in (services, environments)
}
SERVICES = Listing(EVERY[services], SERVICE_ORDER, newest_first=False)
ENVIRONMENTS = Listing(EVERY[environments], ENVIRONMENT_ORDER, newest_first=False)


def by_name(connection: Connection) -> dict[str, dict[str, Any]]:
    """Return all services by their names."""
    return {row["name"]: row for row in SERVICES.rows(connection)}


def find_service(connection: Connection, name: str) -> dict[str, Any] | None:
    """Return the service with this name, or None.

    In a transaction that writes, the row is locked until it ends.
    """
    return _find(connection, services, name)


def find_environment(connection: Connection, name: str) -> dict[str, Any] | None:
    """Return the environment with this name, or None; locks as `find_service` does."""
    return _find(connection, environments, name)


def describe_service(connection: Connection, name: str, description: ServiceDescription) -> bool:
    """Create a service or replace its description; return whether it was created."""
    return _describe(connection, services, name, description.model_dump())


def learn(
    connection: Connection, names: Collection[str], *, production: bool, transient: bool
) -> None:
    """Note that environments are of the tier production, or transient, unless described."""
    learnt = _ordered(Tier.PRODUCTION) if production else {}
    learnt |= {"transient": True} if transient else {}
    if not learnt:
        return
    new = or_(*(environments.c[name] != value for name, value in learnt.items()))
    undescribed = environments.c.name.in_(names) & ~environments.c.described
    connection.execute(update(environments).where(undescribed, new).values(learnt))


def describe_environment(
    connection: Connection, name: str, description: EnvironmentDescription
) -> bool:
    """Create an environment or replace its description; return whether it was created."""
    described = description.ordered() | {"described": True}
    return _describe(connection, environments, name, described)


def _find(connection: Connection, table: Table, name: str) -> dict[str, Any] | None:
    if "\0" in name:  # no name has it, and PostgreSQL takes it for an error
        return None
    statement = EVERY[table].where(table.c.name == name)
    if connection.get_execution_options().get("writes"):
        statement = statement.with_for_update(key_share=True)
    return pages.one(connection, statement)


def _describe(connection: Connection, table: Table, name: str, description: dict[str, Any]) -> bool:
    row = {"id": uuid7(), "name": name, "created_at": now(), **description}
    if inserted(connection, table, row):
        return True
    connection.execute(update(table).where(table.c.name == name).values(description))
    return False


def guessed(name: str) -> dict[str, Any]:
    """Return what an environment is, by its name."""
    tier, transient = guess(name)
    return _ordered(tier) | {"transient": transient, "described": False}


def _ordered(tier: Tier, order: int | None = None) -> dict[str, Any]:
    return {"tier": tier, "promotion_order": PROMOTION_ORDER[tier] if order is None else order}


def _create(
    connection: Connection,
    table: Table,
    rows: Mapping[str, dict[str, Any]],
    known: Mapping[str, UUID],
    created_at: datetime,
) -> dict[str, UUID]:
    """Create what is missing; return the ids by name."""
    created: dict[str, UUID] = {}
    # Two first sights at once are one, which may be deleted again before it is read.
    while names := rows.keys() - known.keys() - created.keys():
        missing = [
            {"id": uuid7(), "name": name, "created_at": created_at, **rows[name]}
            for name in sorted(names)
        ]
        statement = insert_new(connection, table).returning(table.c.name, table.c.id)
        created |= {name: identifier for name, identifier in connection.execute(statement, missing)}  # noqa: C416
        if others := names - created.keys():
            found = select(table.c.name, table.c.id).where(table.c.name.in_(others))
            created |= {name: identifier for name, identifier in connection.execute(found)}  # noqa: C416
    return created
