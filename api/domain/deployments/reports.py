"""Reports: write deployments from reports, which may arrive in any order.

Reports of one source with the same external id are about one deployment. The first becomes its row;
each further one is a statement, and `witnesses` computes the deployment from all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Insert
from uuid_utils.compat import uuid7

from api.domain import cells
from api.domain.cells import Cell
from api.domain.deployments import further, kinds, nearby, settling
from api.domain.deployments.model import Kind, NewDeployment
from api.domain.kit.sql import insert_into
from api.domain.kit.times import now
from api.domain.kit.types import united
from api.tables import deployments


class Identity(NamedTuple):
    """The id and the time of creation that an imported deployment keeps; None means new."""

    id: UUID | None = None
    created_at: datetime | None = None


def record(connection: Connection, new: NewDeployment) -> tuple[UUID, bool]:
    """Write a report; return the id of its deployment and whether this was the first report of it.

    Raises ConflictError when an earlier report with the same external id contradicts it.
    """
    (recorded,) = _record_all(connection, [new])
    return recorded


def record_all(connection: Connection, batch: Sequence[NewDeployment]) -> list[UUID]:
    """Write several reports in one go; return the ids of their deployments in the same order.

    Raises ConflictError as `record` does.
    """
    return [identifier for identifier, _ in _record_all(connection, batch)]


def _record_all(connection: Connection, batch: Sequence[NewDeployment]) -> list[tuple[UUID, bool]]:
    recorded, since = store_all(connection, batch)
    for cell, earliest in since.items():
        kinds.review(connection, cell, earliest)
    return recorded


def store_all(
    connection: Connection,
    batch: Sequence[NewDeployment],
    identities: Sequence[Identity] | None = None,
) -> tuple[list[tuple[UUID, bool]], dict[Cell, datetime]]:
    """Write several reports without deciding the kinds.

    Returns the id of each deployment and whether this was the first report of it, and for each cell
    the time from which kinds must be decided. Raises ConflictError as `record` does.
    """
    reported_at = now()
    known_as = identities or [Identity()] * len(batch)
    places = [(new.service, new.environment) for new in batch]
    held = cells.hold(connection, places, reported_at)
    rows = [
        {
            "id": identity.id or uuid7(),
            **cell._asdict(),
            "created_at": identity.created_at or reported_at,
            "kind": new.kind or Kind.ROLLOUT,
            "stated_kind": new.kind,
            **(
                stated := new.timed(reported_at).model_dump(
                    exclude={"service", "environment", "kind"}
                )
            ),
            "links": united(stated["links"]),
        }
        for new, cell, identity in zip(batch, held, known_as, strict=True)
    ]
    with_statements = _with_statements(connection, batch)
    inserted = _insert_new(
        connection,
        [row for row in rows if (row["source"], row["external_id"]) not in with_statements],
    )
    since: dict[Cell, datetime] = {}
    recorded: list[tuple[UUID, bool]] = []
    again = [
        (new, cell)
        for new, cell, row in zip(batch, held, rows, strict=True)
        if row["id"] not in inserted
    ]
    stored = iter(further.report_all(connection, again, reported_at))
    for cell, row in zip(held, rows, strict=True):
        created = row["id"] in inserted
        identifier, started_at = (row["id"], row["started_at"]) if created else next(stored)
        since[cell] = min(since.get(cell, started_at), started_at)
        recorded.append((identifier, created))
    homes = settling.join(connection, inserted)
    return [
        (homes.get(identifier, identifier), created and homes.get(identifier) in (None, identifier))
        for identifier, created in recorded
    ], since


def _with_statements(
    connection: Connection, batch: Sequence[NewDeployment]
) -> set[tuple[str, str]]:
    """Return the pairs of source and external id that have more than one report."""
    ids = [new.external_id for new in batch if new.external_id is not None]
    return nearby.known_keys(connection, [new.source for new in batch], ids) if ids else set()


def _insert_new(connection: Connection, rows: Sequence[dict[str, Any]]) -> set[UUID]:
    """Insert each deployment unless its external id is known; return the ids that were inserted."""
    if not rows:
        return set()
    return set(connection.execute(_new(connection.dialect.name), rows).scalars())


@cache
def _new(dialect: str) -> Insert:
    return (
        insert_into(dialect, deployments)
        .on_conflict_do_nothing(index_elements=["source", "external_id"])
        .returning(deployments.c.id)
    )
