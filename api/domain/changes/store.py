"""Queries for changes, and for the versions of a service that have any."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, select

from api.domain.changes.versions import KnownVersion
from api.domain.kit import pages, versions
from api.domain.kit.pages import Listing, Order, TimeRange
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
BY_ID = EVERY.where(changes.c.id == bindparam("change_id"))
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
    return pages.one(connection, BY_ID, change_id=change_id)


def known_versions(connection: Connection, service_id: UUID) -> dict[str, KnownVersion]:
    """Return the versions of a service that have known changes."""
    # One service at a time: this reads one range of a covering index and holds little in memory.
    statement = (
        select(changes.c.version, func.count(), func.max(changes.c.committed_at))
        .where(changes.c.service_id == service_id, changes.c.version.is_not(None))
        .group_by(changes.c.version)
    )
    return {
        version: KnownVersion(count, latest)
        for version, count, latest in connection.execute(statement)
    }
