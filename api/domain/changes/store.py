"""Queries for changes, and for the versions of a service that have any."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, bindparam, func, select

from api.domain.changes.versions import KnownVersion
from api.domain.kit import pages, versions
from api.domain.kit.pages import Listing, Order, TimeRange
from api.domain.kit.queries import Query
from api.domain.kit.sql import one_of
from api.domain.kit.types import Name, Version
from api.tables import changes, services


class Filters(TimeRange):
    """Filters of a list of changes; `from` and `to` apply to `committed_at`."""

    service: Name | None = None
    version: Version | None = None


# The columns that are shown, in the order in which they are shown.
FIELDS = (
    changes.c.id,
    services.c.name.label("service"),
    changes.c.commit,
    changes.c.committed_at,
    changes.c.author,
    changes.c.title,
    changes.c.version,
    changes.c.created_at,
)

ORDER: Order = {"committed_at": changes.c.committed_at, "id": changes.c.id}


EVERY = select(*FIELDS).select_from(changes.join(services))
BY_ID = Query(EVERY.where(changes.c.id == bindparam("change_id")))
LISTING = Listing(
    EVERY,
    ORDER,
    {
        "service": services.c.name == bindparam("service"),
        "version": changes.c.version.in_(bindparam("version", expanding=True)),
        **pages.within(changes.c.committed_at),
    },
    values={"version": versions.spellings},
)


def find(connection: Connection, change_id: UUID) -> dict[str, Any] | None:
    """Return the change with this id, or None."""
    return BY_ID.one(connection, change_id=change_id)


def known_versions(connection: Connection, service_id: UUID) -> dict[str, KnownVersion]:
    """Return the versions of a service that have known changes."""
    return known_versions_of(connection, [service_id])[service_id]


def known_versions_of(
    connection: Connection, service_ids: Collection[UUID]
) -> dict[UUID, dict[str, KnownVersion]]:
    """Return the versions of each of a few services that have known changes."""
    statement = _known_versions(connection.dialect.name)
    found: dict[UUID, dict[str, KnownVersion]] = {each: {} for each in service_ids}
    for service_id, version, count, latest in connection.execute(
        statement, {"services": [*service_ids]}
    ):
        found[service_id][version] = KnownVersion(count, latest)
    return found


@cache
def _known_versions(dialect: str) -> Select[Any]:
    # Of few at a time: this reads ranges of a covering index and holds little in memory.
    columns = (changes.c.service_id, changes.c.version)
    return (
        select(*columns, func.count(), func.max(changes.c.committed_at))
        .where(one_of(dialect, changes.c.service_id, "services"), changes.c.version.is_not(None))
        .group_by(*columns)
    )
