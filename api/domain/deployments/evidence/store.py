"""Statements as they are kept, and the deployments that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, and_, delete, insert, select, update
from uuid_utils.compat import uuid7

from api.domain import cells
from api.domain.cells import Cell
from api.domain.deployments import kinds
from api.domain.deployments.evidence import correlation, reading
from api.domain.deployments.evidence.correlation import LONGEST, WINDOW
from api.domain.deployments.evidence.reading import PLAIN
from api.domain.deployments.evidence.statements import Statement, Witness, settled, witnesses
from api.domain.deployments.model import Kind, NewDeployment
from api.domain.kit import ids
from api.domain.kit.errors import ConflictError
from api.domain.kit.sql import Earlier
from api.tables import deployments, evidence, incidents


def record(
    connection: Connection,
    reports: Sequence[tuple[NewDeployment, int | None]],
    at: datetime,
    event_id: UUID | None = None,
) -> list[UUID]:
    """Keep what an event, or a report without one, says of some deployments; return their ids.

    Raises ConflictError for a deployment that is known somewhere else.
    """
    places = [(report.service, report.environment) for report, _ in reports]
    return [
        _add(connection, _statement(report.timed(at), cell, sequence, at, event_id))
        for (report, sequence), cell in zip(
            reports, cells.hold(connection, places, at), strict=True
        )
    ]


def _add(connection: Connection, statement: Statement) -> UUID:
    cell = Cell(statement.service_id, statement.environment_id)
    known = reading.of_witness(connection, statement)
    if any(Cell(each.service_id, each.environment_id) != cell for each in known):
        raise ConflictError(
            f"The deployment {statement.external_id} of {statement.source} is known in another"
            " service or environment."
        )
    if statement.event_id is None:
        _check_report(statement, known)
    regroup(connection, [*known, statement])
    found = select(evidence.c.deployment_id).where(evidence.c.id == statement.id)
    identifier: UUID = connection.execute(found).scalar_one()
    return identifier


def _check_report(statement: Statement, known: Sequence[Statement]) -> None:
    """Refuse a report that contradicts its source: its sender is there to be told."""
    for name in ("version", "image_digest", "commit", "config_revision"):
        said = {each.said.get(name) for each in (*known, statement)} - {None}
        if len(said) > 1:
            raise ConflictError(
                f"The deployment {statement.external_id} of {statement.source} is known with"
                f" another {name}."
            )


def join(connection: Connection, reported: Iterable[UUID]) -> dict[UUID, UUID]:
    """Join deployments just reported with what events tell of the same rollouts.

    Returns the ids of the deployments that they are part of now, where those are others.
    """
    known = select(evidence.c.id).where(
        evidence.c.service_id == deployments.c.service_id,
        evidence.c.environment_id == deployments.c.environment_id,
        evidence.c.started_at >= Earlier(deployments.c.started_at, LONGEST + WINDOW),
    )
    near = and_(deployments.c.id.in_(list(reported)), known.exists())
    joined: dict[UUID, UUID] = {}
    for each in reading.reported(connection, near):
        around = reading.around(connection, Cell(each.service_id, each.environment_id), [each])
        if any(other.event_id is not None for other in around):
            regroup(connection, [each])
            joined[each.id] = each.id
    for identifier in joined:
        home = select(evidence.c.deployment_id).where(evidence.c.id == identifier)
        joined[identifier] = connection.execute(home).scalar_one()
    return joined


def regroup(connection: Connection, seed: Sequence[Statement]) -> None:
    """Work out anew which deployments some statements of one cell, and those around them, make."""
    cell = Cell(seed[0].service_id, seed[0].environment_id)
    around = reading.around(connection, cell, seed)
    found = witnesses(around)
    # What was only reported is left as it was reported.
    told = any(each.event_id is not None for each in around)
    together = correlation.groups(found) if told else [[each] for each in found]
    kept = {min(each.id for each in group): group for group in together}
    before = {each.deployment_id for each in around if each.deployment_id is not None}
    if before and len(before | kept.keys()) > 1:  # one may take the key that another one had
        connection.execute(
            update(deployments).where(deployments.c.id.in_(before)).values(external_id=None)
        )
    for identifier, group in kept.items():
        _write(connection, cell, identifier, group, known=identifier in before)
    _keep(connection, around, kept)
    _forget(connection, before - kept.keys(), around, kept)
    kinds.review(connection, cell, min(each.started_at for each in around))


def _write(
    connection: Connection, cell: Cell, identifier: UUID, group: Sequence[Witness], *, known: bool
) -> None:
    values = settled(group)
    if known:
        values["kind"] = values["stated_kind"] or deployments.c.kind
        statement = update(deployments).where(deployments.c.id == identifier)
        connection.execute(statement.values(values))
    else:
        values["kind"] = values["stated_kind"] or Kind.ROLLOUT
        connection.execute(insert(deployments), {"id": identifier, **cell._asdict(), **values})


def _keep(
    connection: Connection, around: Sequence[Statement], kept: dict[UUID, list[Witness]]
) -> None:
    home = _homes(kept)
    stored = set(
        connection.execute(
            select(evidence.c.id).where(evidence.c.id.in_([each.id for each in around]))
        ).scalars()
    )
    for each in around:
        if each.id not in stored:
            row = each._asdict() | {"deployment_id": home[each.id]}
            connection.execute(insert(evidence), row)
        elif each.deployment_id != home[each.id]:
            moved = update(evidence).where(evidence.c.id == each.id)
            connection.execute(moved.values(deployment_id=home[each.id]))


def _forget(
    connection: Connection,
    gone: Iterable[UUID],
    around: Sequence[Statement],
    kept: dict[UUID, list[Witness]],
) -> None:
    """Remove deployments that are part of others now; their incidents go with them."""
    home = _homes(kept)
    for identifier in gone:
        heir = next(home[each.id] for each in around if each.deployment_id == identifier)
        connection.execute(
            update(incidents)
            .where(incidents.c.deployment_id == identifier)
            .values(deployment_id=heir)
        )
        connection.execute(delete(deployments).where(deployments.c.id == identifier))


def _homes(kept: dict[UUID, list[Witness]]) -> dict[UUID, UUID]:
    return {
        statement.id: identifier
        for identifier, group in kept.items()
        for witness in group
        for statement in witness.statements
    }


def _statement(
    report: NewDeployment,
    cell: Cell,
    sequence: int | None,
    at: datetime,
    event_id: UUID | None,
) -> Statement:
    assert report.started_at is not None  # noqa: S101 (it is timed)
    finished_at = report.finished_at
    return Statement(
        id=uuid7()
        if event_id is None
        else ids.derived(event_id, report.source, report.external_id),
        deployment_id=None,
        event_id=event_id,
        **cell._asdict(),
        source=report.source,
        external_id=report.external_id,
        sequence=sequence,
        correction=False,
        said={
            **report.model_dump(include={*PLAIN, "kind", "status"}, mode="json"),
            "started_at": report.started_at.isoformat(),
            "finished_at": finished_at and finished_at.isoformat(),
        },
        started_at=report.started_at,
        ended_at=finished_at or report.started_at,
        created_at=at,
    )
