"""Settling: add statements, and compute anew the deployments that they add up to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, String, bindparam, delete, func, insert, update

from api.domain import cells
from api.domain.cells import Cell
from api.domain.deployments import kinds, nearby
from api.domain.deployments.model import Kind, NewDeployment
from api.domain.deployments.statements import Statement, of_report
from api.domain.deployments.witnesses import Witness, settled
from api.domain.kit.errors import ConflictError
from api.domain.kit.ids import following
from api.domain.kit.versions import canonical
from api.tables import deployments, evidence, incidents

# Two reports of one deployment must agree on these, and on its service and environment.
IDENTITY = ("version", "image_digest", "commit", "config_revision")
# The id of the deployment that each statement is part of, by its own.
Homes = dict[UUID, UUID]


def record(
    connection: Connection,
    reports: Sequence[tuple[NewDeployment, int | None]],
    at: datetime,
    event_id: UUID,
) -> list[UUID]:
    """Store what an event states of some deployments; return their ids.

    Raises ConflictError for a deployment of another service or environment.
    """
    places = [(report.service, report.environment) for report, _ in reports]
    held = cells.hold(connection, places, at)
    statements = [
        of_report(report.timed(at), cell, sequence, at, event_id)
        for (report, sequence), cell in zip(reports, held, strict=True)
    ]
    homes: Homes = {}
    for cell, statement in zip(held, statements, strict=True):
        added, since = _add(connection, statement)
        homes |= added
        kinds.review(connection, cell, since)
    return [homes[statement.id] for statement in statements]


def report(
    connection: Connection, new: NewDeployment, cell: Cell, at: datetime
) -> tuple[UUID, datetime]:
    """Store a further report of a deployment; its cell must be locked.

    Returns the id of the deployment, and the time from which kinds must be decided again. Raises
    ConflictError for a report that contradicts another one of its source.
    """
    statement = of_report(new.timed(at), cell, None, at)
    homes, since = _add(connection, statement, times_of(new))
    return homes[statement.id], since


def join(connection: Connection, reported: Iterable[UUID]) -> Homes:
    """Join deployments just reported with events about the same rollouts.

    Returns the deployment of each statement for which it may have changed.
    """
    homes: Homes = {}
    for statement in nearby.near_events(connection, reported):
        # One that goes with no other stays as it was reported.
        rollouts = nearby.Vicinity(connection, [statement]).rollouts((), [statement])
        homes |= _settle_and_review(connection, rollouts)
    return homes


def regroup(
    connection: Connection, seed: Sequence[Statement], beside: Sequence[Statement] = ()
) -> Homes:
    """Compute anew the deployments of some statements of one cell, and of those around them.

    Statements `beside` may have become part of other deployments.
    """
    rollouts = nearby.Vicinity(connection, [*seed, *beside]).rollouts(seed, beside)
    return _settle_and_review(connection, rollouts)


def _add(
    connection: Connection, new: Statement, given: Collection[str] = ()
) -> tuple[Homes, datetime]:
    """Add a statement without deciding the kinds.

    Returns the deployment of each statement, and the time from which kinds must be decided.
    `given` has the names of the times that the report has; the others were filled in.
    """
    vicinity = nearby.Vicinity(connection, [new])
    known = vicinity.of_witness(new.key)
    kept = further(new, known, given)
    if kept is None:
        (home,) = {other.deployment_id for other in known if other.deployment_id is not None}
        return {new.id: home}, new.started_at
    rollouts = vicinity.rollouts([kept])
    homes = settle(connection, rollouts)
    return homes | {new.id: homes[kept.id]}, _earliest(rollouts)


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


def _earliest(rollouts: Iterable[Iterable[Witness]]) -> datetime:
    return min(witness.started_at for rollout in rollouts for witness in rollout)


def settle(connection: Connection, rollouts: Sequence[Sequence[Witness]]) -> Homes:
    """Write the deployments of some rollouts; return the deployment of each statement."""
    around = [
        statement for rollout in rollouts for witness in rollout for statement in witness.statements
    ]
    kept = {min(witness.id for witness in rollout): rollout for rollout in rollouts}
    homes = {
        statement.id: identifier
        for identifier, group in kept.items()
        for witness in group
        for statement in witness.statements
    }
    before = {
        statement.deployment_id for statement in around if statement.deployment_id is not None
    }
    if any(statement.deployment_id not in (None, homes[statement.id]) for statement in around):
        # One may take over the external id of another.
        connection.execute(
            update(deployments).where(deployments.c.id.in_(before)).values(external_id=None)
        )
    _write(connection, kept, before)
    _keep(connection, around, homes)
    _forget(connection, before - kept.keys(), around, homes)
    return homes


def _settle_and_review(connection: Connection, rollouts: Sequence[Sequence[Witness]]) -> Homes:
    if not rollouts:
        return {}
    homes = settle(connection, rollouts)
    kinds.review(connection, _cell(rollouts[0]), _earliest(rollouts))
    return homes


def _write(
    connection: Connection, rollouts: Mapping[UUID, Sequence[Witness]], known: Collection[UUID]
) -> None:
    """Write the deployments of some rollouts by their ids, those that are known in place."""
    rows = {identifier: settled(rollout) for identifier, rollout in rollouts.items()}
    changed = [
        {"known": identifier, "stated": values["stated_kind"], **values}
        for identifier, values in rows.items()
        if identifier in known
    ]
    if changed:
        kind = func.coalesce(bindparam("stated", type_=String), deployments.c.kind)
        same = deployments.c.id == bindparam("known", type_=deployments.c.id.type)
        connection.execute(update(deployments).where(same).values(kind=kind), changed)
    new = [
        {
            "id": identifier,
            **_cell(rollouts[identifier])._asdict(),
            "kind": values["stated_kind"] or Kind.ROLLOUT,
            **values,
        }
        for identifier, values in rows.items()
        if identifier not in known
    ]
    if new:
        connection.execute(insert(deployments), new)


def _cell(rollout: Sequence[Witness]) -> Cell:
    statement = rollout[0].statements[0]
    return Cell(statement.service_id, statement.environment_id)


def _keep(connection: Connection, around: Sequence[Statement], homes: Homes) -> None:
    new = [statement.row(homes[statement.id]) for statement in around if not statement.stored]
    if new:
        connection.execute(insert(evidence), new)
    for statement in around:
        if statement.stored and statement.deployment_id != homes[statement.id]:
            moved = update(evidence).where(evidence.c.id == statement.id)
            connection.execute(moved.values(deployment_id=homes[statement.id]))


def _forget(
    connection: Connection, gone: Iterable[UUID], around: Sequence[Statement], homes: Homes
) -> None:
    """Delete deployments that became part of others; their incidents move along."""
    for identifier in gone:
        heir = next(
            homes[statement.id] for statement in around if statement.deployment_id == identifier
        )
        connection.execute(
            update(incidents)
            .where(incidents.c.deployment_id == identifier)
            .values(deployment_id=heir)
        )
        connection.execute(delete(deployments).where(deployments.c.id == identifier))
