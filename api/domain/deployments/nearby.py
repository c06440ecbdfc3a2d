"""Look up statements: of a deployment, of a witness, and near in time.

A deployment with one report has no row in `evidence`: its own row is that statement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, Uuid, bindparam, or_, select, tuple_, union

from api.domain.cells import Cell
from api.domain.deployments import correlation
from api.domain.deployments.correlation import LONGEST, WINDOW
from api.domain.deployments.statements import Statement, of_deployment
from api.domain.deployments.witnesses import Witness, witnesses
from api.domain.kit.sql import Earlier
from api.tables import UtcDateTime, deployments, evidence

NEAR_EVENTS = select(deployments).where(
    deployments.c.id.in_(bindparam("reported", expanding=True)),
    select(evidence.c.id)
    .where(
        evidence.c.service_id == deployments.c.service_id,
        evidence.c.environment_id == deployments.c.environment_id,
        evidence.c.started_at >= Earlier(deployments.c.started_at, LONGEST + WINDOW),
        evidence.c.event_id.is_not(None),
    )
    .exists(),
)
# Where the deployment of a statement is found: with its row in `evidence`, or itself.
HOMES = (evidence.c.deployment_id, deployments.c.id)
COLUMNS = tuple(evidence.c[name] for name in Statement._fields if name != "stored")
# The statements about deployments: their rows in `evidence`, or else the deployments' own.
EVERYTHING = select(*COLUMNS, *deployments.c).select_from(
    deployments.outerjoin(evidence, evidence.c.deployment_id == deployments.c.id)
)


def statements_of(connection: Connection, deployment_id: UUID) -> list[Statement]:
    """Return the statements about a deployment in the order in which they were received."""
    found = _read(connection, deployments.c.id == deployment_id)
    return sorted(found, key=lambda statement: statement.id)


def evidence_of(connection: Connection, deployment_id: UUID) -> list[Statement]:
    """Return the statements about a deployment; none if no event is among them."""
    found = statements_of(connection, deployment_id)
    return found if any(statement.event_id is not None for statement in found) else []


def of_event(connection: Connection, event_id: UUID) -> list[Statement]:
    """Return the statements of an event."""
    found = select(*COLUMNS).where(evidence.c.event_id == event_id)
    return [_stored(row) for row in connection.execute(found)]


def of_witness(connection: Connection, statement: Statement) -> list[Statement]:
    """Return the earlier statements of the same witness."""
    if statement.external_id is None:
        return []
    homes = union(*_homes(statement.source, statement.external_id))
    found = _read(connection, deployments.c.id.in_(homes))
    return [other for other in found if other.key == statement.key]


def of_witnesses(
    connection: Connection, keys: Collection[correlation.Key]
) -> dict[correlation.Key, list[Statement]]:
    """Return the statements of some witnesses that have external ids."""
    by_key: dict[correlation.Key, list[Statement]] = {key: [] for key in keys}
    sources, ids = {source for source, _ in keys}, {external_id for _, external_id in keys}
    homes = union(
        *(
            select(home).where(home.table.c.source.in_(sources), home.table.c.external_id.in_(ids))
            for home in HOMES
        )
    )
    for statement in _read(connection, deployments.c.id.in_(homes)):
        if statement.key in by_key:
            by_key[statement.key].append(statement)
    return by_key


def cells_with_events(
    connection: Connection, cells: Collection[Cell], since: datetime
) -> set[Cell]:
    """Return those cells in which an event may be about a deployment started since then."""
    here = (evidence.c.service_id, evidence.c.environment_id)
    found = select(*here).where(
        tuple_(*here).in_(cells),
        evidence.c.started_at >= since - LONGEST - WINDOW,
        evidence.c.event_id.is_not(None),
    )
    return {Cell(*row) for row in connection.execute(found.distinct())}


def near_events(connection: Connection, deployment_ids: Iterable[UUID]) -> list[Statement]:
    """Return the deployments, of those just reported, that an event may be about as well."""
    rows = connection.execute(NEAR_EVENTS, {"reported": list(deployment_ids)}).mappings()
    return [of_deployment(dict(row)) for row in rows]


class Vicinity:
    """What is stated near some statements of one cell, read as far as is needed."""

    def __init__(self, connection: Connection, seed: Sequence[Statement]) -> None:
        self._connection = connection
        self._seed = seed
        self._span: Span | None = None
        self._read_around(_span(seed))

    def of_witness(self, key: correlation.Key) -> list[Statement]:
        """Return the statements of a witness that are known already."""
        return [statement for statement in self._found.values() if statement.key == key]

    def rollouts(
        self, seed: Sequence[Statement], beside: Iterable[Statement] = ()
    ) -> list[list[Witness]]:
        """Return the rollouts of some statements, and all others that change because of them.

        Each is the list of its witnesses. Of statements `beside`, only what changes is returned.
        """
        keys = {statement.key for statement in seed}
        near = {statement.key for statement in beside}
        while True:
            here = {statement.id: statement for statement in seed}
            known = correlation.Neighbourhood(witnesses([*(self._found | here).values()]))
            reached = known.reached(keys | near)
            # Who is closest to whom is certain only if all that is near both is known.
            if self._covers(_span(known.beside(reached))):
                own = [group for group in reached if any(witness.key in keys for witness in group)]
                others = [group for group in correlation.changed(reached) if group not in own]
                return own + others

    def neighbours(self, seed: Sequence[Statement]) -> list[Statement]:
        """Return the statements of witnesses that may tell of the same rollouts as these."""
        keys = {statement.key for statement in seed}
        known = correlation.Neighbourhood(witnesses(self._found.values()))
        near = {other for key in keys for other in known.neighbours.get(key, ())} - keys
        return [statement for key in near for statement in known.witnesses[key].statements]

    def _covers(self, span: Span) -> bool:
        """Return whether a span has been read; read it if not."""
        assert self._span is not None  # noqa: S101 (read at first)
        if self._span[0] <= span[0] and span[1] <= self._span[1]:
            return True
        self._read_around((min(span[0], self._span[0]), max(span[1], self._span[1])))
        return False

    def _read_around(self, span: Span) -> None:
        # Wider than needed, so that a second look is rarely necessary.
        self._span = span[0] - WINDOW, span[1] + WINDOW
        found = _near(self._connection, self._seed, *self._span)
        self._found = {statement.id: statement for statement in found}


Span = tuple[datetime, datetime]


def _span(statements: Iterable[Statement | Witness]) -> Span:
    here = list(statements)
    start = min(statement.started_at for statement in here) - WINDOW
    return start, max(statement.ended_at for statement in here) + WINDOW


def _near(
    connection: Connection, here: Sequence[Statement], start: datetime, end: datetime
) -> list[Statement]:
    """Return the statements about the deployments near in time, and about those already known."""
    named = {
        (statement.source, statement.external_id)
        for statement in here
        if statement.external_id is not None
    }
    known = {statement.deployment_id for statement in here} - {None}
    of_event = any(statement.event_id is not None for statement in here)
    values: dict[str, Any] = {
        "service_id": here[0].service_id,
        "environment_id": here[0].environment_id,
        "start": start,
        "earliest": start - LONGEST,
        "end": end,
        "known": list(known),
    }
    for number, (source, external_id) in enumerate(named):
        values |= {f"source_{number}": source, f"external_id_{number}": external_id}
    return _statements(connection.execute(_around(len(named), bool(known), of_event), values))


@cache
def _around(named: int, known: bool, of_event: bool) -> Select[Any]:
    """Return the SELECT of what `_near` returns, for so many names of senders."""
    service_id, environment_id = (bindparam(name, type_=Uuid()) for name in Cell._fields)
    start, earliest, end = (
        bindparam(name, type_=UtcDateTime()) for name in ("start", "earliest", "end")
    )
    in_span = []
    for home in HOMES:
        there = home.table.c
        later = evidence.alias()
        # Not by the end: the statements of a witness span the time between them.
        lasted = select(later.c.id).where(later.c.deployment_id == home, later.c.ended_at >= start)
        ended_at = there.ended_at if home.table is evidence else there.finished_at
        in_span.append(
            select(home).where(
                there.service_id == service_id,
                there.environment_id == environment_id,
                there.started_at.between(earliest, end),
                or_(there.started_at >= start, ended_at >= start, lasted.exists()),
            )
        )
    if not of_event:  # reports alone are never joined
        event = evidence.alias()
        events_near = select(event.c.id).where(
            event.c.service_id == service_id,
            event.c.environment_id == environment_id,
            event.c.started_at >= earliest,
            event.c.event_id.is_not(None),
        )
        in_span = [part.where(events_near.exists()) for part in in_span]
    by_name = [
        home
        for number in range(named)
        for home in _homes(bindparam(f"source_{number}"), bindparam(f"external_id_{number}"))
    ]
    by_id = deployments.c.id.in_(bindparam("known", expanding=True))
    # Not beside the union with OR, which would make PostgreSQL read the whole table.
    homes = union(*in_span, *by_name, *([select(deployments.c.id).where(by_id)] if known else []))
    return EVERYTHING.where(deployments.c.id.in_(homes))


def _homes(source: Any, external_id: Any) -> list[Select[Any]]:
    """Return the selects that find the deployments of a witness by its external id."""
    return [
        select(home).where(home.table.c.source == source, home.table.c.external_id == external_id)
        for home in HOMES
    ]


def _read(connection: Connection, condition: Any) -> list[Statement]:
    """Return the statements about the deployments that meet a condition."""
    return _statements(connection.execute(EVERYTHING.where(condition)))


def _statements(rows: Iterable[Row[Any]]) -> list[Statement]:
    size = len(COLUMNS)
    return [
        of_deployment(dict(zip(deployments.c.keys(), row[size:], strict=True)))
        if row[0] is None
        else _stored(row[:size])
        for row in rows
    ]


def _stored(row: Sequence[Any]) -> Statement:
    return Statement._make([*row, True])
