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
from api.domain.deployments import further, kinds, reviewing, settling, surroundings
from api.domain.deployments.further import Stored
from api.domain.deployments.model import Kind, NewDeployment
from api.domain.deployments.reviewing import Altered
from api.domain.deployments.surroundings import Attempt, Place, Surroundings
from api.domain.kit.records import records_of
from api.domain.kit.times import now
from api.domain.kit.types import united
from api.domain.lookups import Found
from api.tables import deployments

ROWS = records_of(deployments, "rows")


class Identity(NamedTuple):
    """The id and the time of creation that an imported deployment keeps; None means new."""

    id: UUID | None = None
    created_at: datetime | None = None


class Recorded(NamedTuple):
    """The deployment of a report, and whether this was the first report of it."""

    id: UUID
    created: bool
    # Its row as it was written, unless other reports or events may have changed it.
    row: dict[str, Any] | None


def record(connection: Connection, new: NewDeployment) -> Recorded:
    """Write a report.

    Raises ConflictError when an earlier report with the same external id contradicts it.
    """
    (recorded,) = record_all(connection, [new])
    return recorded


def record_all(
    connection: Connection, batch: Sequence[NewDeployment], found: Found | None = None
) -> list[Recorded]:
    """Write several reports in one go; return their deployments in the same order.

    `found` is what the ledger has of their names, if they were looked up before. Raises
    ContradictionError with all the reports that contradict earlier ones or each other.
    """
    recorded, altered = store_all(connection, batch, found=found)
    reviewing.review_each(connection, altered)
    return recorded


def store_all(
    connection: Connection,
    batch: Sequence[NewDeployment],
    identities: Sequence[Identity] | None = None,
    found: Found | None = None,
) -> tuple[list[Recorded], dict[Cell, Altered]]:
    """Write several reports.

    Returns their deployments in the same order, and the cells in which kinds must be decided again,
    with what was altered there. Raises errors as `record_all` does.
    """
    if not batch:
        return [], {}
    reported_at = now()
    places = [(new.service, new.environment) for new in batch]
    held = cells.hold(connection, places, reported_at, found)
    known_as = identities or [Identity()] * len(batch)
    rows = [
        _row(new, cell, identity, reported_at)
        for new, cell, identity in zip(batch, held, known_as, strict=True)
    ]
    around = _decide(connection, held, rows)
    inserted = _insert_new(
        connection, [row for row, here in zip(rows, around, strict=True) if not here.told]
    )
    again = {
        number: (new, held[number])
        for number, new in enumerate(batch)
        if rows[number]["id"] not in inserted
    }
    stored = further.report_all(connection, again, reported_at)
    near = {row["id"] for row, here in zip(rows, around, strict=True) if here.near_events}
    homes = settling.join(connection, inserted & near) if inserted & near else {}
    recorded: list[Recorded] = []
    altered: dict[Cell, Altered] = {}
    for number, (cell, row, here) in enumerate(zip(held, rows, around, strict=True)):
        start = row["started_at"]
        new = Altered.at(start, row["version"], row["commit"])
        reviewed = new if here.near_events or here.followed else None
        result = stored.get(number) or Stored(row["id"], reviewed, row)
        home = homes.get(result.id, result.id)
        recorded.append(Recorded(home, number not in stored and home == result.id, result.row))
        if result.altered is not None:
            altered[cell] = altered.get(cell, result.altered) | result.altered
    changed = set(altered)
    if len(batch) > 1:  # one of them may have changed what another one wrote
        changed |= {held[number] for number in stored}
    return [
        report._replace(row=None) if cell in changed else report
        for report, cell in zip(recorded, held, strict=True)
    ], altered


def _row(
    new: NewDeployment, cell: Cell, identity: Identity, reported_at: datetime
) -> dict[str, Any]:
    stated = new.timed(reported_at).model_dump(exclude={"service", "environment", "kind"})
    return {
        "id": identity.id or uuid7(),
        **cell._asdict(),
        "created_at": identity.created_at or reported_at,
        "kind": new.kind or Kind.ROLLOUT,
        "stated_kind": new.kind,
        **stated,
        "links": united(stated["links"]),
    }


def _decide(
    connection: Connection, held: Sequence[Cell], rows: Sequence[dict[str, Any]]
) -> list[Surroundings]:
    """Decide what kind each row is, as if all were new; return what is around each of them."""
    places = [
        Place(
            cell,
            Attempt._make(row[name] for name in Attempt._fields),
            row["source"],
            row["external_id"],
        )
        for cell, row in zip(held, rows, strict=True)
    ]
    around = surroundings.of_each(connection, places)
    decided = kinds.decide_each(list(zip(places, around, strict=True)))
    for row in rows:
        row["kind"] = row["stated_kind"] or decided[row["id"]]
    return around


def _insert_new(connection: Connection, rows: Sequence[dict[str, Any]]) -> set[UUID]:
    """Insert each deployment unless its external id is known; return the ids that were inserted."""
    if not rows:
        return set()
    given = {ROWS.name: ROWS.packed(connection.dialect, rows)}
    return set(connection.execute(_new(connection.dialect.name), given).scalars())


@cache
def _new(dialect: str) -> Insert:
    """Return the INSERT of however many rows."""
    return (
        ROWS.insertion(dialect, deployments)
        .on_conflict_do_nothing(index_elements=["source", "external_id"])
        .returning(deployments.c.id)
    )
