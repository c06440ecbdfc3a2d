"""What is said already: of a deployment, by a witness, and near in time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, func, or_, select

from api.domain.cells import Cell
from api.domain.deployments.evidence import correlation
from api.domain.deployments.evidence.correlation import LONGEST, WINDOW
from api.domain.deployments.evidence.statements import Statement, Witness, witnesses
from api.tables import deployments, evidence

COLUMNS = tuple(evidence.c[name] for name in Statement._fields)
PLAIN = ("version", "image_digest", "commit", "config_revision", "actor", "links")


def evidence_of(connection: Connection, deployment_id: UUID) -> list[Statement]:
    """Return all that was said of a deployment, in the order in which it came."""
    said = select(*COLUMNS).where(evidence.c.deployment_id == deployment_id)
    return [Statement._make(row) for row in connection.execute(said.order_by(evidence.c.id))]


def known_keys(connection: Connection, sources: Iterable[str], ids: Iterable[str]) -> set[Any]:
    """Return the (source, external id) that there is evidence of; some others may be there, too."""
    said = select(evidence.c.source, evidence.c.external_id).where(
        evidence.c.source.in_(set(sources)), evidence.c.external_id.in_(set(ids))
    )
    return {tuple(row) for row in connection.execute(said.distinct())}


def of_witness(connection: Connection, statement: Statement) -> list[Statement]:
    """Return what was said before by the same witness."""
    if statement.external_id is None:
        return []
    said = select(*COLUMNS).where(
        evidence.c.source == statement.source, evidence.c.external_id == statement.external_id
    )
    found = [Statement._make(row) for row in connection.execute(said)]
    return found or reported(
        connection,
        and_(
            deployments.c.source == statement.source,
            deployments.c.external_id == statement.external_id,
        ),
    )


def around(connection: Connection, cell: Cell, seed: Sequence[Statement]) -> list[Statement]:
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
    return reported(
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


def reported(connection: Connection, condition: Any) -> list[Statement]:
    """Return the deployments that are only reported and meet a condition, as statements."""
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
