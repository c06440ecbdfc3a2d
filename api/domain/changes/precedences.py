"""Keeps the order of the versions that have known changes, so that a few are found among many.

Triggers of the database note each new version in `versions`, so that no way to write a change can
forget it, nor an older version during a rollout. Its precedence depends on nothing but itself.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, exists, select, update

from api.domain.changes.versions import sort_key
from api.domain.kit.records import upsert
from api.domain.kit.sql import insert_new
from api.tables import changes, services, versions

# How many are computed at once.
BATCH = 5_000
COLUMNS = (versions.c.service_id, versions.c.version)
NOTED = select(*COLUMNS).where(versions.c.precedence.is_(None))
OF_A_CHANGE = exists().where(
    changes.c.service_id == versions.c.service_id, changes.c.version == versions.c.version
)


def refresh(connection: Connection) -> None:
    """Compute the precedence of the versions that were noted since."""
    for batch in connection.execute(NOTED).partitions(BATCH):
        rows = [
            {
                "service_id": row.service_id,
                "version": row.version,
                "precedence": sort_key(row.version),
            }
            for row in batch
        ]
        upsert(connection, versions, rows)


def forget(connection: Connection) -> None:
    """Have the next refreshment compute all of them anew.

    Those that have no changes any more stay: somebody may be reporting one.
    """
    noted = select(changes.c.service_id, changes.c.version).where(changes.c.version.is_not(None))
    connection.execute(
        insert_new(connection, versions).from_select(["service_id", "version"], noted.distinct())
    )
    connection.execute(update(versions).values(precedence=None))


def without_order(connection: Connection, service_ids: Collection[UUID]) -> set[UUID]:
    """Return the services that have changes of a version without a precedence."""
    # The first one will do, but as a mere condition PostgreSQL would look for all.
    first = (
        select(versions.c.version)
        .where(versions.c.service_id == services.c.id, versions.c.precedence == "", OF_A_CHANGE)
        .limit(1)
        .scalar_subquery()
    )
    statement = select(services.c.id).where(services.c.id.in_(service_ids), first.is_not(None))
    return set(connection.execute(statement).scalars())
