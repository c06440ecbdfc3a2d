"""Deletions: what people delete is gone from the ledger, and a line of who did so stays.

The stored events about it stay, too, and are projected again at times. What they report of a
deleted service or environment counts only if it happened after the deletion; of a deleted
deployment, it never counts. Reports by the API are not held back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, delete, insert, select, update
from uuid_utils.compat import uuid7

from api.domain import cells
from api.domain.cells import Cell
from api.domain.deployments import nearby, reviewing
from api.domain.deployments.reviewing import Altered
from api.domain.deployments.store import find
from api.domain.kit.pages import Listing, Order
from api.domain.kit.sql import without_time_limit
from api.domain.kit.times import now
from api.domain.lookups import Deleted
from api.tables import (
    changes,
    declaration_reports,
    declaration_statements,
    declarations,
    deletions,
    deployments,
    environments,
    evidence,
    incident_statements,
    incidents,
    removals,
    services,
)

# What refers to a service or an environment, in an order in which it can be deleted.
DEPENDENT = (
    evidence,
    incident_statements,
    incidents,
    removals,
    declarations,
    declaration_reports,
    declaration_statements,
    changes,
    deployments,
)
FIELDS = tuple(deletions.c)
ORDER: Order = {"deleted_at": deletions.c.deleted_at, "id": deletions.c.id}
LISTING = Listing(select(*FIELDS), ORDER)


def delete_service(connection: Connection, name: str, actor: str) -> dict[str, Any]:
    """Delete a service with all that is known of it; return what was deleted, for the log."""
    counts = _delete_with_dependents(connection, services, name)
    return _note(connection, Deleted.SERVICE, actor, [{"service": name}], **counts)


def delete_environment(connection: Connection, name: str, actor: str) -> dict[str, Any]:
    """Delete an environment with all that is known of it; return what was deleted, for the log."""
    counts = _delete_with_dependents(connection, environments, name)
    return _note(connection, Deleted.ENVIRONMENT, actor, [{"environment": name}], **counts)


def delete_deployment(connection: Connection, deployment_id: UUID, actor: str) -> dict[str, Any]:
    """Delete a deployment that `transitions.hold` holds; return what was deleted, for the log.

    The kinds of what followed it are decided anew.
    """
    known = find(connection, deployment_id)
    assert known is not None  # noqa: S101 (it is held)
    statements = nearby.statements_of(connection, deployment_id)
    incident_ids = incidents.c.deployment_id == deployment_id
    connection.execute(update(incidents).where(incident_ids).values(deployment_id=None))
    connection.execute(delete(evidence).where(evidence.c.deployment_id == deployment_id))
    connection.execute(delete(deployments).where(deployments.c.id == deployment_id))
    cell = Cell(statements[0].service_id, statements[0].environment_id)
    reviewing.review(connection, cell, Altered.of(statements))
    of_it = {name: known[name] for name in ("service", "environment")}
    keys = {(statement.source, statement.external_id) for statement in statements}
    rows = [
        {**of_it, "deployment": deployment_id, "source": source, "external_id": external_id}
        for source, external_id in sorted(keys, key=str)
    ]
    return _note(connection, Deleted.DEPLOYMENT, actor, rows, version=known["version"])


def _delete_with_dependents(connection: Connection, table: Table, name: str) -> dict[str, int]:
    """Delete a row with all that refers to it; return how many of each were deleted."""
    _lock_cells(connection, table, name)
    # Nobody refers to it any more before this transaction has ended.
    found = select(table.c.id).where(table.c.name == name).with_for_update()
    identifier = connection.execute(found).scalar_one()
    without_time_limit(connection)
    reference = f"{table.name.removesuffix('s')}_id"
    counts = {}
    for dependent in DEPENDENT:
        if reference in dependent.c:
            deleted = connection.execute(
                delete(dependent).where(dependent.c[reference] == identifier)
            )
            counts[dependent.name] = deleted.rowcount
    connection.execute(delete(table).where(table.c.id == identifier))
    return counts


def _lock_cells(connection: Connection, table: Table, name: str) -> None:
    """Lock the cells of a service or an environment in the order in which `cells.hold` does."""
    found: set[tuple[str, str, Cell]] = set()
    for dependent in (deployments, incidents):
        places = select(services.c.name, environments.c.name, services.c.id, environments.c.id)
        joined = places.select_from(dependent.join(services).join(environments))
        rows = connection.execute(joined.where(table.c.name == name).distinct())
        found |= {(service, environment, Cell(*ids)) for service, environment, *ids in rows}
    for _, _, cell in sorted(found):
        cells.lock(connection, cell)


def _note(
    connection: Connection,
    deleted: Deleted,
    actor: str,
    rows: Iterable[dict[str, Any]],
    **details: Any,
) -> dict[str, Any]:
    """Record who deleted something; return that with the details."""
    nothing = dict.fromkeys(("service", "environment", "deployment", "source", "external_id"))
    at = now()
    known = [
        {"id": uuid7(), "deleted": deleted, **nothing, **row, "deleted_at": at, "actor": actor}
        for row in rows
    ]
    connection.execute(insert(deletions), known)
    named = {name: str(value) for name, value in known[0].items() if name in nothing and value}
    return {"deleted": deleted, "actor": actor, **named, **details}
