"""What came to an environment: its releases, each with the changes that it brought."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, select

from api.domain import live
from api.domain.deployments import store
from api.domain.deployments.model import Kind
from api.domain.kit.cursor import Position
from api.domain.kit.pages import Listing, Order
from api.domain.kit.sql import first
from api.domain.promotions.brought import NONE, Replacement, brought
from api.domain.promotions.replacing import undone
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
    changes. A rollback brings none, and replaced what it undid.
    """
    rows = LISTING.rows(connection, {"environment": environment}, limit, after)
    fresh = [row for row in rows if row["kind"] != Kind.ROLLBACK]
    attempts = undone(connection, {row["id"] for row in rows} - {row["id"] for row in fresh})
    for row in rows:
        if attempt := attempts.get(row["id"]):
            row |= {"replaced_id": attempt.id, "replaced": attempt.version}
    changes = brought(
        connection,
        [Replacement(row["service_id"], row["replaced"], row["version"]) for row in fresh],
    )
    of_it = dict(zip((row["id"] for row in fresh), changes, strict=True))
    return [{**row, **of_it.get(row["id"], NONE)} for row in rows]
