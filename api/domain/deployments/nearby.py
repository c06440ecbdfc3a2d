"""Look up statements: of a deployment, of a witness, and near in time.

A deployment with one report has no row in `evidence`: its own row is that statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, Select, select, union

from api.domain.cells import Cell
from api.domain.deployments import correlation
from api.domain.deployments.correlation import LONGEST, WINDOW
from api.domain.deployments.statements import Statement, of_deployment
from api.domain.deployments.witnesses import Witness, witnesses
from api.domain.kit.sql import Earlier
from api.tables import deployments, evidence

COLUMNS = tuple(evidence.c[name] for name in Statement._fields if name != "stored")


def statements_of(connection: Connection, deployment_id: UUID) -> list[Statement]:
    """Return the statements about a deployment in the order in which they were received."""
    found = _read(connection, deployments.c.id == deployment_id)
    return sorted(found, key=lambda each: each.id)


def evidence_of(connection: Connection, deployment_id: UUID) -> list[Statement]:
    """Return the statements about a deployment; none if no event is among them."""
    found = statements_of(connection, deployment_id)
    return found if any(each.event_id is not None for each in found) else []


def of_event(connection: Connection, event_id: UUID) -> list[Statement]:
    """Return the statements of an event."""
    found = select(*COLUMNS).where(evidence.c.event_id == event_id)
    return [_stored(row) for row in connection.execute(found)]


def known_keys(connection: Connection, sources: Iterable[str], ids: Iterable[str]) -> set[Any]:
    """Return the pairs of source and external id that have statements, and possibly others."""
    found = select(evidence.c.source, evidence.c.external_id).where(
        evidence.c.source.in_(set(sources)), evidence.c.external_id.in_(set(ids))
    )
    return {tuple(row) for row in connection.execute(found.distinct())}


def of_witness(connection: Connection, statement: Statement) -> list[Statement]:
    """Return the earlier statements of the same witness."""
    homes = _homes_by_key(statement)
    found = _read(connection, deployments.c.id.in_(union(*homes))) if homes else []
    return [each for each in found if each.key == statement.key]


def near_events(connection: Connection, deployment_ids: Iterable[UUID]) -> list[Statement]:
    """Return the deployments, of those just reported, that an event may be about as well."""
    events_near = select(evidence.c.id).where(
        evidence.c.service_id == deployments.c.service_id,
        evidence.c.environment_id == deployments.c.environment_id,
        evidence.c.started_at >= Earlier(deployments.c.started_at, LONGEST + WINDOW),
        evidence.c.event_id.is_not(None),
    )
    found = select(deployments).where(
        deployments.c.id.in_(list(deployment_ids)), events_near.exists()
    )
    rows = connection.execute(found).mappings()
    return [of_deployment(dict(row)) for row in rows]


def around(connection: Connection, seed: Sequence[Statement]) -> list[Statement]:
    """Return all statements that decide which deployment these belong to, these included."""
    here = {each.id: each for each in seed}
    found: dict[UUID, Statement] = {}
    span = None
    while True:
        start, end = _span(here.values())
        if span is None or start < span[0] or span[1] < end:
            # Wider than needed, so that a second look is rarely necessary.
            span = start - WINDOW, end + WINDOW
            found = {each.id: each for each in _near(connection, list(here.values()), *span)}
            here = {each.id: found.get(each.id, each) for each in here.values()}
        linked = _linked([*(found | here).values()], seed)
        if linked.keys() <= here.keys():
            return list(here.values())
        here |= linked


def _span(statements: Iterable[Statement]) -> tuple[datetime, datetime]:
    here = list(statements)
    start = min(each.started_at for each in here) - WINDOW
    return start, max(each.ended_at for each in here) + WINDOW


def _near(
    connection: Connection, here: Sequence[Statement], start: datetime, end: datetime
) -> list[Statement]:
    """Return the statements about the deployments near in time, and about those already known."""
    cell = Cell(here[0].service_id, here[0].environment_id)
    by_key = {each.key: each for each in here}
    # Not by the end: the statements of a witness span the time between them.
    in_span = [
        _in_span(cell, home, start, end) for home in (evidence.c.deployment_id, deployments.c.id)
    ]
    if not any(each.event_id is not None for each in here):  # reports alone are never joined
        event = evidence.alias()
        events_near = select(event.c.id).where(
            event.c.service_id == cell.service_id,
            event.c.environment_id == cell.environment_id,
            event.c.started_at >= start - LONGEST,
            event.c.event_id.is_not(None),
        )
        in_span = [each.where(events_near.exists()) for each in in_span]
    known = {each.deployment_id for each in here} - {None}
    homes = union(
        *in_span,
        *(home for each in by_key.values() for home in _homes_by_key(each)),
        # Not beside the union with OR, which would make PostgreSQL read the whole table.
        *([select(deployments.c.id).where(deployments.c.id.in_(known))] if known else []),
    )
    return _read(connection, deployments.c.id.in_(homes))


def _in_span(cell: Cell, home: Column[Any], start: datetime, end: datetime) -> Select[Any]:
    here = home.table.c
    return select(home).where(
        here.service_id == cell.service_id,
        here.environment_id == cell.environment_id,
        here.started_at.between(start - LONGEST, end),
    )


def _homes_by_key(statement: Statement) -> list[Select[Any]]:
    """Return the selects that find the deployments of a witness by its external id."""
    if statement.external_id is None:
        return []
    return [
        select(home).where(
            home.table.c.source == statement.source,
            home.table.c.external_id == statement.external_id,
        )
        for home in (evidence.c.deployment_id, deployments.c.id)
    ]


def _read(connection: Connection, condition: Any) -> list[Statement]:
    """Return the statements about the deployments that meet a condition."""
    both = deployments.outerjoin(evidence, evidence.c.deployment_id == deployments.c.id)
    rows = connection.execute(
        select(*COLUMNS, *deployments.c).select_from(both).where(condition)
    ).all()
    size = len(COLUMNS)
    return [
        of_deployment(dict(zip(deployments.c.keys(), row[size:], strict=True)))
        if row[0] is None
        else _stored(row[:size])
        for row in rows
    ]


def _stored(row: Sequence[Any]) -> Statement:
    return Statement._make([*row, True])


def _linked(candidates: Sequence[Statement], seed: Sequence[Statement]) -> dict[UUID, Statement]:
    """Return the statements of all witnesses that are linked to these, directly or indirectly."""
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
