"""Undo the projection of events, but keep what people have reported and corrected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, delete, or_, select, update

from api.domain import cells
from api.domain.cells import Cell
from api.domain.deployments import kinds, nearby
from api.domain.deployments.settling import regroup
from api.domain.deployments.statements import Statement
from api.domain.incidents import statements as incident_statements
from api.tables import deployments, evidence, incidents
from api.tables import incident_statements as said_of_incidents


class Kept(NamedTuple):
    """What people have stated about deleted deployments, to be restored with them."""

    corrections: list[Statement]
    # Incidents and the deployments that people named as their causes.
    links: list[tuple[UUID, UUID]]


def retract(connection: Connection, event_ids: Iterable[UUID]) -> Kept:
    """Undo the projection of some events, as if they had never been received."""
    has_statement = select(said_of_incidents.c.id).where(
        said_of_incidents.c.source == incidents.c.source,
        said_of_incidents.c.external_id == incidents.c.external_id,
    )
    links = select(incidents.c.id, incidents.c.deployment_id).where(
        incidents.c.deployment_id.is_not(None),
        or_(
            incidents.c.deployment_id.in_(select(evidence.c.deployment_id)), has_statement.exists()
        ),
    )
    kept = Kept([], [(row[0], row[1]) for row in connection.execute(links)])
    for event_id in event_ids:
        for each in nearby.of_event(connection, event_id):
            kept.corrections.extend(_retract(connection, each))
        incident_statements.retract(connection, event_id)
    return kept


def restore(connection: Connection, kept: Kept) -> None:
    """Restore what people have stated about those deployments that exist again."""
    for each in kept.corrections:
        known = nearby.of_witness(connection, each)
        if known:
            regroup(connection, [*known, each._replace(stored=False)])
    for incident_id, deployment_id in kept.links:
        there = select(deployments.c.id).where(deployments.c.id == deployment_id)
        connection.execute(
            update(incidents)
            .where(incidents.c.id == incident_id, there.exists())
            .values(deployment_id=deployment_id)
        )


def _retract(connection: Connection, statement: Statement) -> list[Statement]:
    """Delete a statement; return the corrections of a deployment that is deleted with it."""
    cell = Cell(statement.service_id, statement.environment_id)
    cells.lock(connection, cell)
    connection.execute(delete(evidence).where(evidence.c.id == statement.id))
    assert statement.deployment_id is not None  # noqa: S101 (it is stored)
    found = nearby.statements_of(connection, statement.deployment_id)
    left = [each for each in found if each.stored]
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
