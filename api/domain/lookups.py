"""What any report has to know of the names in it, and who is told of it: in one statement."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from functools import cache, partial
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Text,
    Uuid,
    cast,
    literal_column,
    null,
    select,
    union_all,
)

from api.domain.kit.queries import Query
from api.domain.kit.sql import one_of
from api.tables import UtcDateTime, deletions, environments, services, subscriptions


class Deleted(StrEnum):
    """What a person can delete."""

    SERVICE = "service"
    ENVIRONMENT = "environment"
    DEPLOYMENT = "deployment"


class Gone(NamedTuple):
    """What was deleted of the names and the senders' ids that were asked for."""

    # When each name was last deleted.
    services: dict[str, datetime]
    environments: dict[str, datetime]
    # Pairs of source and external id.
    deployments: set[tuple[str, str]]

    def service(self, name: str | None, at: datetime) -> bool:
        """Return whether what happened to a service then was deleted with it."""
        return name in self.services and at <= self.services[name]

    def environment(self, name: str | None, at: datetime) -> bool:
        """Return whether what happened in an environment then was deleted with it."""
        return name in self.environments and at <= self.environments[name]


class Subscription(NamedTuple):
    """Who is told of what."""

    id: UUID
    types: Collection[str]
    created_at: datetime


class Found(NamedTuple):
    """What the ledger has of some names."""

    # Ids by name.
    services: dict[str, UUID]
    environments: dict[str, UUID]
    gone: Gone
    # In the order of their ids.
    subscriptions: list[Subscription]


def look_up(
    connection: Connection,
    service_names: Collection[str] = (),
    environment_names: Collection[str] = (),
    keys: Collection[tuple[str, str]] | None = None,
) -> Found:
    """Look up some names and, if `keys` are given, whether these or the names were deleted.

    `keys` are pairs of source and external id of deployments.
    """
    found = Found({}, {}, Gone({}, {}, set()), [])
    values: dict[str, Any] = {
        "services": list(service_names),
        "environments": list(environment_names),
    }
    if keys is not None:
        values["sources"] = list({source for source, _ in keys})
        values["external_ids"] = [external_id for _, external_id in keys]
    asked = _asked(connection.dialect.name, keys is not None)
    for topic, name, other, identifier, at in asked.tuples(connection, values):
        if topic == "services":
            found.services[name] = identifier
        elif topic == "environments":
            found.environments[name] = identifier
        elif topic == "subscriptions":
            found.subscriptions.append(Subscription(identifier, from_json(other), at))
        elif topic == Deleted.DEPLOYMENT:
            found.gone.deployments.add((name, other))
        else:
            gone = found.gone.services if topic == Deleted.SERVICE else found.gone.environments
            gone[name] = max(at, gone.get(name, at))
    found.subscriptions.sort()
    return found


@cache
def _asked(dialect: str, deleted: bool) -> Query:
    """Return the query for a topic, a name, what else is known of it, an id and a time."""
    among = partial(one_of, dialect)
    parts = [
        _part(f"'{table.name}'", table.c.name, identifier=table.c.id).where(
            among(table.c.name, table.name)
        )
        for table in (services, environments)
    ]
    subscribed = cast(subscriptions.c.types, Text)
    parts.append(
        _part(
            "'subscriptions'",
            other=subscribed,
            identifier=subscriptions.c.id,
            at=subscriptions.c.created_at,
        )
    )
    if deleted:
        service, environment = deletions.c.service, deletions.c.environment
        parts += [
            _gone(Deleted.SERVICE, service).where(among(service, "services")),
            _gone(Deleted.ENVIRONMENT, environment).where(among(environment, "environments")),
            _gone(Deleted.DEPLOYMENT, deletions.c.source).where(
                among(deletions.c.source, "sources"), among(deletions.c.external_id, "external_ids")
            ),
        ]
    return Query(union_all(*parts))


def _part(
    topic: str,
    name: ColumnElement[Any] | None = None,
    *,
    other: ColumnElement[Any] | None = None,
    identifier: ColumnElement[Any] | None = None,
    at: ColumnElement[Any] | None = None,
) -> Select[Any]:
    """Return a SELECT of a topic; what it does not have is NULL."""
    return select(
        literal_column(topic),
        cast(null(), Text) if name is None else name,
        cast(null(), Text) if other is None else other,
        cast(null(), Uuid) if identifier is None else identifier,
        cast(null(), UtcDateTime()) if at is None else at,
    )


def _gone(deleted: Deleted, name: Column[Any]) -> Select[Any]:
    found = _part(f"'{deleted}'", name, other=deletions.c.external_id, at=deletions.c.deleted_at)
    return found.where(deletions.c.deleted == literal_column(f"'{deleted}'"))
