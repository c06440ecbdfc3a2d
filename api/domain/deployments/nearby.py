"""Look up statements: of a deployment, of a witness, and near in time.

A deployment with one report has no row in `evidence`: its own row is that statement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, bindparam, select, union

from api.domain import cells
from api.domain.cells import Cell
from api.domain.deployments import correlation
from api.domain.deployments.correlation import LONGEST, WINDOW
from api.domain.deployments.statements import Statement, of_deployment
from api.domain.kit.sql import Earlier, among
from api.tables import deployments, evidence

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
    homes = union(*homes_of(statement.source, statement.external_id))
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
            select(home).where(
                among(connection, home.table.c.source, sources),
                among(connection, home.table.c.external_id, ids),
            )
            for home in HOMES
        )
    )
    for statement in _read(connection, deployments.c.id.in_(homes)):
        if statement.key in by_key:
            by_key[statement.key].append(statement)
    return by_key


def cells_with_events(
    connection: Connection, places: Collection[Cell], since: datetime
) -> set[Cell]:
    """Return those cells in which an event may be about a deployment started since then."""
    here = (evidence.c.service_id, evidence.c.environment_id)
    found = select(*here).where(
        cells.among(connection, evidence, places),
        evidence.c.started_at >= since - LONGEST - WINDOW,
        evidence.c.event_id.is_not(None),
    )
    return {Cell(*row) for row in connection.execute(found.distinct())}


def near_events(connection: Connection, deployment_ids: Iterable[UUID]) -> list[Statement]:
    """Return the deployments, of those just reported, that an event may be about as well."""
    rows = connection.execute(NEAR_EVENTS, {"reported": list(deployment_ids)}).mappings()
    return [of_deployment(dict(row)) for row in rows]


def homes_of(source: Any, external_id: Any) -> list[Select[Any]]:
    """Return the selects that find the deployments of a witness by its external id."""
    return [
        select(home).where(home.table.c.source == source, home.table.c.external_id == external_id)
        for home in HOMES
    ]


def _read(connection: Connection, condition: Any) -> list[Statement]:
    """Return the statements about the deployments that meet a condition."""
    return statements_in(connection.execute(EVERYTHING.where(condition)))


def statements_in(rows: Iterable[Row[Any]]) -> list[Statement]:
    """Return the statements in rows of EVERYTHING."""
    size = len(COLUMNS)
    return [
        of_deployment(dict(zip(deployments.c.keys(), row[size:], strict=True)))
        if row[0] is None
        else _stored(row[:size])
        for row in rows
    ]


def _stored(row: Sequence[Any]) -> Statement:
    return Statement._make([*row, True])
