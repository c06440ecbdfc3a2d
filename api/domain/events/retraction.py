"""Undo the projection of events, but keep what people have reported and corrected."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import batched
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, delete, or_, select, update

from api.domain import cells, removals
from api.domain.cells import Cell
from api.domain.changes import reports as change_reports
from api.domain.deployments import nearby, reviewing
from api.domain.deployments.reviewing import Altered
from api.domain.deployments.settling import regroup
from api.domain.deployments.statements import Statement
from api.domain.deployments.vicinity import Vicinity
from api.domain.incidents import statements as incident_statements
from api.domain.kit.times import now
from api.tables import deployments, environments, evidence, incidents, services
from api.tables import incident_statements as said_of_incidents


class Kept(NamedTuple):
    """People's corrections of deleted deployments, to be restored with them."""

    corrections: list[Statement]
    # Incidents and the deployments that people named as their causes.
    links: list[tuple[UUID, UUID]]


def retract(connection: Connection, event_ids: Sequence[UUID]) -> Kept:
    """Undo the projection of events, the last one first, as if they had never been received."""
    # All of them at once, and before anything of them is read.
    held = set(cells.hold(connection, _places(connection, event_ids), now()))
    has_statement = select(said_of_incidents.c.id).where(
        said_of_incidents.c.source == incidents.c.source,
        said_of_incidents.c.external_id == incidents.c.external_id,
    )
    links = select(incidents).where(
        incidents.c.service_id.in_({cell.service_id for cell in held}),
        incidents.c.deployment_id.is_not(None),
        or_(
            incidents.c.deployment_id.in_(select(evidence.c.deployment_id)), has_statement.exists()
        ),
    )
    linked = [
        (row.id, row.deployment_id)
        for row in connection.execute(links)
        if Cell(row.service_id, row.environment_id) in held
    ]
    kept = Kept([], linked)
    for event_id in reversed(event_ids):
        for statement in nearby.of_event(connection, event_id):
            kept.corrections.extend(_retract(connection, statement))
        incident_statements.retract(connection, event_id)
        removals.retract(connection, event_id)
        change_reports.retract(connection, event_id)
    return kept


def restore(connection: Connection, kept: Kept) -> None:
    """Restore people's corrections of those deployments that exist again."""
    for correction in kept.corrections:
        known = nearby.of_witness(connection, correction)
        if known:
            regroup(connection, [*known, correction._replace(stored=False)])
    for incident_id, deployment_id in kept.links:
        there = select(deployments.c.id).where(deployments.c.id == deployment_id)
        connection.execute(
            update(incidents)
            .where(incidents.c.id == incident_id, there.exists())
            .values(deployment_id=deployment_id)
        )


def _places(connection: Connection, event_ids: Sequence[UUID]) -> list[tuple[str, str]]:
    """Return the service and the environment of each statement of some events, by name."""
    found: set[tuple[str, str]] = set()
    for table in (evidence, said_of_incidents):
        places = select(services.c.name, environments.c.name).select_from(
            table.join(services).join(environments)
        )
        for some in batched(event_ids, 1000):
            rows = connection.execute(places.where(table.c.event_id.in_(some)).distinct())
            found |= {(service, environment) for service, environment in rows}
    return list(found)


def _retract(connection: Connection, statement: Statement) -> list[Statement]:
    """Delete a statement; return the corrections of a deployment that is deleted with it."""
    cell = Cell(statement.service_id, statement.environment_id)
    assert statement.deployment_id is not None  # noqa: S101 (it is stored)
    found = nearby.statements_of(connection, statement.deployment_id)
    # What it was the closest to may now be closest to another.
    beside = Vicinity(connection, found).neighbours(found)
    connection.execute(delete(evidence).where(evidence.c.id == statement.id))
    left = [other for other in found if other.stored and other.id != statement.id]
    said_of = {other.key for other in left if not other.correction}
    orphans = [other for other in left if other.key not in said_of]
    connection.execute(delete(evidence).where(evidence.c.id.in_([orphan.id for orphan in orphans])))
    left = [other for other in left if other.key in said_of]
    if left:
        regroup(connection, left, beside)
        reviewing.review(connection, cell, Altered.of(found))
        return orphans
    connection.execute(
        update(incidents)
        .where(incidents.c.deployment_id == statement.deployment_id)
        .values(deployment_id=None)
    )
    connection.execute(delete(deployments).where(deployments.c.id == statement.deployment_id))
    reviewing.review(connection, cell, Altered.of(found))
    if beside:
        regroup(connection, (), beside)
    return orphans
