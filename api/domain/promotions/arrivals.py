"""What came to an environment: its releases, each with the changes that it brought."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, select

from api.domain import live
from api.domain.changes.store import known_versions
from api.domain.deployments import store
from api.domain.deployments.model import Kind
from api.domain.kit.cursor import Position
from api.domain.kit.pages import Listing, Order
from api.domain.kit.sql import first
from api.domain.promotions.brought import brought
from api.tables import deployments, environments, services

replaced, is_replaced = first(deployments, live.other_releases(deployments), lateral=False)
ORDER: Order = {"finished_at": deployments.c.finished_at, "id": deployments.c.id}
LISTING = Listing(
    select(
        *store.FIELDS,
        services.c.id.label("service_id"),
        replaced.c.id.label("replaced_id"),
        replaced.c.version.label("replaced"),
    )
    .select_from(deployments.join(services).join(environments).outerjoin(replaced, is_replaced))
    .where(*live.begins(deployments)),
    ORDER,
    {"environment": environments.c.name == bindparam("environment")},
)


def arrivals(
    connection: Connection, environment: str, limit: int, after: Position | None = None
) -> list[dict[str, Any]]:
    """Return up to `limit` deployments that brought a release to an environment, newest first.

    They begin after the position `after`, and each has what it `replaced`, if anything, and its
    changes. A rollback brings none.
    """
    known = cache(lambda service_id: known_versions(connection, service_id))
    rows = LISTING.rows(connection, {"environment": environment}, limit, after)
    return [{**row, **_changes(connection, row, known)} for row in rows]


def _changes(connection: Connection, row: dict[str, Any], known: Any) -> dict[str, Any]:
    if row["kind"] == Kind.ROLLBACK:
        return {"change_count": 0, "changes": []}
    service_id = row["service_id"]
    return brought(connection, service_id, known(service_id), row["replaced"], row["version"])
