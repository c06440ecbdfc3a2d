"""Entry points: bring the kept rows up to date, or have all of them computed anew."""

from __future__ import annotations

from sqlalchemy import Connection, delete, exists

from api.domain.changes import precedences
from api.domain.dora.kept import changed, delivering, failing
from api.domain.kit.sql import without_time_limit
from api.tables import deployments, failures, first_deliveries, lead_times


def outdated(connection: Connection) -> bool:
    """Return whether anything has been written since the kept rows were computed."""
    return changed.anything(connection)


def refresh(connection: Connection) -> None:
    """Bring the kept rows up to date with what has been written."""
    found = changed.take(connection)
    precedences.refresh(connection)
    failing.refresh(connection, found.cells)
    delivering.refresh(connection, found)


def forget(connection: Connection) -> None:
    """Have the next refreshment compute all kept rows anew; those of nothing are deleted."""
    without_time_limit(connection)
    changed.everything(connection)
    precedences.forget(connection)
    for table in (failures, first_deliveries, lead_times):
        known = exists().where(deployments.c.id == table.c.deployment_id)
        connection.execute(delete(table).where(~known))
