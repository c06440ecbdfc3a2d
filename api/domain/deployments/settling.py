"""Settling: add statements, and compute anew the deployments that they add up to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from api.domain import cells
from api.domain.cells import Cell
from api.domain.deployments import kinds, nearby, reviewing, surroundings, writing
from api.domain.deployments.model import NewDeployment
from api.domain.deployments.reviewing import Altered
from api.domain.deployments.statements import Statement, of_report
from api.domain.deployments.surroundings import Attempt, Place
from api.domain.deployments.vicinity import Vicinity
from api.domain.deployments.witnesses import Witness
from api.domain.deployments.writing import Homes, Rollout, Row
from api.domain.kit.errors import ConflictError
from api.domain.kit.ids import following
from api.domain.kit.versions import canonical
from api.domain.lookups import Found

# Two reports of one deployment must agree on these, and on its service and environment.
IDENTITY = ("version", "image_digest", "commit", "config_revision")


class Added(NamedTuple):
    """What a statement has become part of."""

    # The deployment of each statement that it may have changed.
    homes: Homes
    # After what kinds must be decided again; None if no other can have changed.
    altered: Altered | None = None
    # The row of its deployment as it was written, unless kinds must be decided again.
    row: Row | None = None


class Recorded(NamedTuple):
    """A deployment, and its row as it was written, unless it may have changed since."""

    id: UUID
    row: Row | None


def record(
    connection: Connection,
    reports: Sequence[tuple[NewDeployment, int | None]],
    at: datetime,
    event_id: UUID,
    found: Found | None = None,
) -> list[Recorded]:
    """Store what an event states of some deployments, and return these.

    `found` is what the ledger has of their names, if they were looked up before. Raises
    ConflictError for a deployment of another service or environment.
    """
    places = [(report.service, report.environment) for report, _ in reports]
    held = cells.hold(connection, places, at, found)
    statements = [
        of_report(report.timed(at), cell, sequence, at, event_id)
        for (report, sequence), cell in zip(reports, held, strict=True)
    ]
    homes: Homes = {}
    row: Row | None = None
    for cell, statement in zip(held, statements, strict=True):
        added = _add(connection, statement)
        homes |= added.homes
        row = added.row if len(statements) == 1 else None
        if added.altered is not None:
            reviewing.review(connection, cell, added.altered)
    return [Recorded(homes[statement.id], row) for statement in statements]


def report(
    connection: Connection, new: NewDeployment, cell: Cell, at: datetime
) -> tuple[UUID, Added]:
    """Store a further report of a deployment; its cell must be locked.

    Returns the id of the deployment, and what the report has changed. Raises ConflictError for one
    that contradicts another one of its source.
    """
    statement = of_report(new.timed(at), cell, None, at)
    added = _add(connection, statement, times_of(new))
    return added.homes[statement.id], added


def join(connection: Connection, reported: Iterable[UUID]) -> Homes:
    """Join deployments just reported with events about the same rollouts.

    Returns the deployment of each statement for which it may have changed.
    """
    homes: Homes = {}
    for statement in nearby.near_events(connection, reported):
        # One that goes with no other stays as it was reported.
        rollouts = Vicinity(connection, [statement]).rollouts((), [statement])
        homes |= _settle_and_review(connection, rollouts)
    return homes


def regroup(
    connection: Connection, seed: Sequence[Statement], beside: Sequence[Statement] = ()
) -> Homes:
    """Compute anew the deployments of some statements of one cell, and of those around them.

    Statements `beside` may have become part of other deployments.
    """
    rollouts = Vicinity(connection, [*seed, *beside]).rollouts(seed, beside)
    return _settle_and_review(connection, rollouts)


def _add(connection: Connection, new: Statement, given: Collection[str] = ()) -> Added:
    """Add a statement; the kinds of other deployments are not decided again.

    `given` has the names of the times that the report has; the others were filled in.
    """
    vicinity = Vicinity(connection, [new])
    known = vicinity.of_witness(new.key)
    kept = further(new, known, given)
    if kept is None:
        (home,) = {other.deployment_id for other in known if other.deployment_id is not None}
        return Added({new.id: home})
    rollouts = vicinity.rollouts([kept])
    rows = writing.rows_of(rollouts)
    decided = len(rows) == 1 and _decide(connection, *rows.values())
    homes = writing.write(connection, rollouts, rows)
    homes[new.id] = homes[kept.id]
    if decided:
        return Added(homes, None, rows[homes[kept.id]])
    return Added(homes, _altered(rollouts))


def _decide(connection: Connection, row: Row) -> bool:
    """Decide the kind of a deployment before it is written; return whether no other follows it.

    One that began later before, or becomes part of it, still follows it.
    """
    place = Place(
        Cell(row["service_id"], row["environment_id"]),
        Attempt._make(row[name] for name in Attempt._fields),
    )
    (around,) = surroundings.of_each(connection, [place])
    if not around.followed:
        row["kind"] = row["stated_kind"] or kinds.decide_each([(place, around)])[row["id"]]
    return not around.followed


def times_of(report: NewDeployment) -> set[str]:
    """Return the names of the times that a report has; the others are filled in."""
    return {name for name in ("started_at", "finished_at") if getattr(report, name) is not None}


def further(
    statement: Statement, known: Sequence[Statement], given: Collection[str]
) -> Statement | None:
    """Return a statement as it is stored after others of its witness; None if it is known already.

    `given` has the names of the times that a report has. Raises ConflictError for a statement about
    another cell, and for a report that contradicts its source.
    """
    _check(statement, known)
    if not known or statement.event_id is not None:
        return statement
    kept = _further(statement, known, given)
    return None if any(other.said == kept.said for other in known) else kept


def _check(statement: Statement, known: Sequence[Statement]) -> None:
    """Refuse a statement about another cell, and a report that contradicts its source."""
    name = f"The deployment {statement.external_id} of {statement.source} is known"
    for field in Cell._fields:
        if any(getattr(other, field) != getattr(statement, field) for other in known):
            detail = f"{name} in another service or environment."
            raise ConflictError(detail, field.removesuffix("_id"))
    for field in IDENTITY if statement.event_id is None else ():
        values = {value for other in (*known, statement) if (value := other.said.get(field))}
        if len(set(map(canonical, values)) if field == "version" else values) > 1:
            raise ConflictError(f"{name} with another {field}.", field)


def _further(statement: Statement, known: Sequence[Statement], given: Collection[str]) -> Statement:
    """Return a report as it is stored after others of its source.

    A report without times of its own does not change the known start or end.
    """
    witness = Witness(known)
    reached = witness.stated
    end = {name: reached[name] for name in ("status", "finished_at")}
    if "finished_at" in given or end["finished_at"] is None:
        end, ended_at = {}, statement.ended_at
    else:
        ended_at = witness.ended_at
    started_at = statement.started_at
    if "started_at" not in given:
        started_at = min(witness.started_at, ended_at)
    said = statement.said | end | {"started_at": started_at.isoformat()}
    return statement._replace(
        id=following(other.id for other in known),
        said=said,
        started_at=started_at,
        ended_at=ended_at if said["finished_at"] else started_at,
    )


def _altered(rollouts: Iterable[Rollout]) -> Altered:
    return Altered.of(
        [
            statement
            for rollout in rollouts
            for witness in rollout
            for statement in witness.statements
        ]
    )


def settle(connection: Connection, rollouts: Sequence[Rollout]) -> Homes:
    """Write the deployments of some rollouts; return the deployment of each statement."""
    return writing.write(connection, rollouts, writing.rows_of(rollouts))


def _settle_and_review(connection: Connection, rollouts: Sequence[Rollout]) -> Homes:
    if not rollouts:
        return {}
    homes = settle(connection, rollouts)
    statement = rollouts[0][0].statements[0]
    cell = Cell(statement.service_id, statement.environment_id)
    reviewing.review(connection, cell, _altered(rollouts))
    return homes
