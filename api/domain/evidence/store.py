"""Statements as they are kept, and the deployments that follow from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update
from uuid_utils.compat import uuid7

from api.domain import catalog, kinds
from api.domain.deployments import NewDeployment
from api.domain.evidence import correlation
from api.domain.evidence.correlation import LONGEST, WINDOW
from api.domain.evidence.statements import Statement, Witness, settled, witnesses
from api.domain.kinds import Cell
from api.domain.sql import Earlier
from api.domain.transitions import ConflictError
from api.domain.types import Kind
from api.tables import deployments, evidence, incidents

COLUMNS = tuple(evidence.c[name] for name in Statement._fields)
PLAIN = ("version", "image_digest", "commit", "config_revision", "actor", "links")


def record(
    connection: Connection,
    reports: Sequence[tuple[NewDeployment, int | None]],
    at: datetime,
    event_id: UUID | None = None,
) -> list[UUID]:
    """Keep what an event, or a report without one, says of some deployments; return their ids.

    Raises ConflictError for a deployment that is known somewhere else.
    """
    services = catalog.service_ids(connection, {each.service for each, _ in reports}, at)
    environments = catalog.environment_ids(
        connection, {each.environment for each, _ in reports}, at
    )
    stated = [
        _statement(
            report.timed(at),
            Cell(services[report.service], environments[report.environment]),
            sequence,
            at,
            event_id,
        )
        for report, sequence in reports
    ]
    for cell in sorted({Cell(each.service_id, each.environment_id) for each in stated}):
        kinds.lock(connection, cell)
    return [_add(connection, each) for each in stated]


def _add(connection: Connection, statement: Statement) -> UUID:
    cell = Cell(statement.service_id, statement.environment_id)
    known = _of_witness(connection, statement)
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
    for each in _reported(connection, near):
        around = _around(connection, Cell(each.service_id, each.environment_id), [each])
        if any(other.event_id is not None for other in around):
            regroup(connection, [each])
            joined[each.id] = each.id
    for identifier in joined:
        home = select(evidence.c.deployment_id).where(evidence.c.id == identifier)
        joined[identifier] = connection.execute(home).scalar_one()
    return joined


def known_keys(connection: Connection, sources: Iterable[str], ids: Iterable[str]) -> set[Any]:
    """Return the (source, external id) that there is evidence of; some others may be there, too."""
    said = select(evidence.c.source, evidence.c.external_id).where(
        evidence.c.source.in_(set(sources)), evidence.c.external_id.in_(set(ids))
    )
    return {tuple(row) for row in connection.execute(said.distinct())}


def evidence_of(connection: Connection, deployment_id: UUID) -> list[Statement]:
    """Return all that was said of a deployment, in the order in which it came."""
    said = select(*COLUMNS).where(evidence.c.deployment_id == deployment_id)
    return [Statement._make(row) for row in connection.execute(said.order_by(evidence.c.id))]


class Kept(NamedTuple):
    """What people have said of deployments that are taken back, and is to be said again."""

    corrections: list[Statement]
    # The incidents and the deployments that they were put down to.
    links: list[tuple[UUID, UUID]]


def retract(connection: Connection, event_ids: Iterable[UUID]) -> Kept:
    """Take back what some events have said, as if they had never come."""
    links = select(incidents.c.id, incidents.c.deployment_id).where(
        incidents.c.deployment_id.in_(select(evidence.c.deployment_id))
    )
    kept = Kept([], [(row[0], row[1]) for row in connection.execute(links)])
    for event_id in event_ids:
        said = select(*COLUMNS).where(evidence.c.event_id == event_id)
        for each in [Statement._make(row) for row in connection.execute(said)]:
            kept.corrections.extend(_retract(connection, each))
    return kept


def restore(connection: Connection, kept: Kept) -> None:
    """Say again what people have said, of the deployments that are there again."""
    for each in kept.corrections:
        known = _of_witness(connection, each)
        if known:
            regroup(connection, [*known, each])
    for incident_id, deployment_id in kept.links:
        there = select(deployments.c.id).where(deployments.c.id == deployment_id)
        connection.execute(
            update(incidents)
            .where(incidents.c.id == incident_id, there.exists())
            .values(deployment_id=deployment_id)
        )


def _retract(connection: Connection, statement: Statement) -> list[Statement]:
    """Take a statement back; return the corrections of a deployment that is gone with it."""
    cell = Cell(statement.service_id, statement.environment_id)
    kinds.lock(connection, cell)
    connection.execute(delete(evidence).where(evidence.c.id == statement.id))
    home = evidence.c.deployment_id == statement.deployment_id
    said = select(*COLUMNS).where(home)
    left = [Statement._make(row) for row in connection.execute(said)]
    said_of = {each.key for each in left if not each.correction}
    orphans = [each for each in left if each.key not in said_of]
    connection.execute(delete(evidence).where(evidence.c.id.in_([each.id for each in orphans])))
    left = [each for each in left if each.key in said_of]
    if left:
        regroup(connection, left)
        return orphans
    connection.execute(
        update(incidents)
        .where(incidents.c.deployment_id == statement.deployment_id)
        .values(deployment_id=None)
    )
    connection.execute(delete(deployments).where(deployments.c.id == statement.deployment_id))
    kinds.review(connection, cell, statement.started_at)
    return orphans


def regroup(connection: Connection, seed: Sequence[Statement]) -> None:
    """Work out anew which deployments some statements of one cell, and those around them, make."""
    cell = Cell(seed[0].service_id, seed[0].environment_id)
    around = _around(connection, cell, seed)
    found = witnesses(around)
    # What was only reported is left as it was reported.
    told = any(each.event_id is not None for each in around)
    together = correlation.groups(found) if told else [[each] for each in found]
    kept = {min(each.id for each in group): group for group in together}
    before = {each.deployment_id for each in around if each.deployment_id is not None}
    if before:  # one may take the key that another one had
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


def _of_witness(connection: Connection, statement: Statement) -> list[Statement]:
    """Return what was said before by the same witness."""
    if statement.external_id is None:
        return []
    said = select(*COLUMNS).where(
        evidence.c.source == statement.source, evidence.c.external_id == statement.external_id
    )
    found = [Statement._make(row) for row in connection.execute(said)]
    return found or _reported(
        connection,
        and_(
            deployments.c.source == statement.source,
            deployments.c.external_id == statement.external_id,
        ),
    )


def _around(connection: Connection, cell: Cell, seed: Sequence[Statement]) -> list[Statement]:
    """Return the statements that can matter to where these belong, these included."""
    here = {each.id: each for each in seed}
    while True:
        start = min(each.started_at for each in here.values()) - WINDOW
        end = max(each.ended_at for each in here.values()) + WINDOW
        near = select(evidence.c.source, evidence.c.external_id, evidence.c.deployment_id).where(
            evidence.c.service_id == cell.service_id,
            evidence.c.environment_id == cell.environment_id,
            # Not by its end: what a witness says at several times spans the time between.
            evidence.c.started_at.between(start - LONGEST, end),
        )
        homes = {row.deployment_id for row in connection.execute(near)}
        homes |= {each.deployment_id for each in here.values() if each.deployment_id is not None}
        said = select(*COLUMNS).where(evidence.c.deployment_id.in_(homes))
        found = {row.id: Statement._make(row) for row in connection.execute(said)}
        found |= {each.id: each for each in _reported_near(connection, cell, start, end)}
        linked = _linked([*{**found, **here}.values()], seed)
        if linked.keys() <= here.keys():
            return list(here.values())
        here |= linked


def _linked(candidates: Sequence[Statement], seed: Sequence[Statement]) -> dict[UUID, Statement]:
    """Return the statements of all witnesses that are linked to these, directly or not."""
    everyone = witnesses(candidates)
    keys = {each.key for each in seed}
    homes = {each.deployment_id for each in seed} - {None}
    reached = [each for each in everyone if each.key in keys or _at_home(each, homes)]
    waiting = [each for each in everyone if each not in reached]
    for here in reached:  # grows meanwhile
        joined = [
            each
            for each in waiting
            if correlation.same_rollout(here, each) or _at_home(each, _homes_of(here))
        ]
        reached += joined
        waiting = [each for each in waiting if each not in joined]
    return {each.id: each for witness in reached for each in witness.statements}


def _homes_of(witness: Witness) -> set[UUID | None]:
    return {each.deployment_id for each in witness.statements} - {None}


def _at_home(witness: Witness, homes: set[UUID | None]) -> bool:
    return not homes.isdisjoint(_homes_of(witness))


def _reported_near(
    connection: Connection, cell: Cell, start: datetime, end: datetime
) -> list[Statement]:
    """Return the deployments near in time of which no event has told so far, as statements."""
    return _reported(
        connection,
        and_(
            deployments.c.service_id == cell.service_id,
            deployments.c.environment_id == cell.environment_id,
            deployments.c.started_at.between(start - LONGEST, end),
            or_(
                deployments.c.started_at >= start,
                func.coalesce(deployments.c.finished_at, deployments.c.started_at) >= start,
            ),
        ),
    )


def _reported(connection: Connection, condition: Any) -> list[Statement]:
    known = select(evidence.c.id).where(evidence.c.deployment_id == deployments.c.id)
    rows = connection.execute(select(deployments).where(condition, ~known.exists())).mappings()
    return [
        Statement(
            id=row["id"],
            deployment_id=row["id"],
            event_id=None,
            service_id=row["service_id"],
            environment_id=row["environment_id"],
            source=row["source"],
            external_id=row["external_id"],
            sequence=None,
            correction=False,
            said={
                **{name: row[name] for name in PLAIN},
                "kind": row["stated_kind"],
                "status": row["status"],
                "started_at": row["started_at"].isoformat(),
                "finished_at": row["finished_at"] and row["finished_at"].isoformat(),
            },
            started_at=row["started_at"],
            ended_at=row["finished_at"] or row["started_at"],
            created_at=row["created_at"],
        )
        for row in rows
    ]


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
        id=uuid7() if event_id is None else derived(event_id, report),
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


def derived(event_id: UUID, report: NewDeployment) -> UUID:
    """Return the id of what an event says of a deployment: the same when it is projected again.

    It sorts by time as the event's id does (RFC 9562, section 5.7): the first 64 bits are the same.
    """
    told = f"{event_id} {report.source} {report.external_id}".encode()
    rest = int.from_bytes(hashlib.sha256(told).digest()[:8]) & (2**62 - 1)
    return UUID(int=(event_id.int >> 64 << 64) | (0b10 << 62) | rest)
