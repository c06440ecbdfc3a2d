"""Reports of incidents: they become a record, in whatever order and however often they come.

A source's reports with the same external id are about one incident, which

- was detected at the earliest time that any of them says,
- was resolved at the latest time that any of them says: once resolved, it stays so,
- has the title of the earliest detection; of several, the first in the order of the alphabet,
- has every link.

What a person corrects (`change`) is left alone by later reports, until it is set to null.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, update
from uuid_utils.compat import uuid7

from api.domain import cells
from api.domain.cells import Cell
from api.domain.deployments import reviewing
from api.domain.deployments.reviewing import END, Altered
from api.domain.incidents import statements, store
from api.domain.incidents.model import IncidentChange, NewIncident
from api.domain.incidents.statements import Key
from api.domain.kit.errors import ConflictError, InvalidValueError
from api.domain.kit.sql import inserted
from api.domain.kit.times import now
from api.domain.kit.types import united
from api.tables import deployments
from api.tables import incidents as table


def record(connection: Connection, new: NewIncident) -> tuple[dict[str, Any], bool]:
    """Write a report; return the incident and whether this was the first report of it.

    Raises ConflictError when an earlier report with the same external id had other values, and
    InvalidValueError for a deployment that cannot have caused it.
    """
    reported_at = now()
    cell = _held_cell(connection, new, reported_at)
    _check_deployment(connection, cell, new.deployment_id)
    timed = new.timed(reported_at)
    row = {
        "id": uuid7(),
        **cell._asdict(),
        "created_at": reported_at,
        **timed.model_dump(exclude={"service", "environment"}),
    }
    row["links"] = united(row["links"])
    created = inserted(connection, table, row)
    identifier = row["id"] if created else _add(connection, cell, timed, reported_at)
    if created:
        reviewing.review(connection, cell, Altered(row["detected_at"], row["resolved_at"] or END))
    recorded = store.find(connection, identifier)
    assert recorded is not None  # noqa: S101 (written in this transaction)
    return recorded, created


def record_event(connection: Connection, new: NewIncident, at: datetime, event_id: UUID) -> None:
    """Write what an event reports of an incident, which has an external id.

    Raises ConflictError for an incident of another service or environment.
    """
    cell = _held_cell(connection, new, at)
    statement = statements.of_report(new.timed(at), cell, at, event_id)
    statements.add(connection, statement, statements.find(connection, Key.of(statement)))


def hold(connection: Connection, incident_id: UUID) -> dict[str, Any] | None:
    """Return the incident of that id, which nobody else changes until the transaction ends."""
    columns = (table.c.service_id, table.c.environment_id)
    found = connection.execute(select(*columns).where(table.c.id == incident_id)).one_or_none()
    if found is None:
        return None
    cells.lock(connection, Cell(*found))
    return store.find(connection, incident_id)


def change(connection: Connection, incident_id: UUID, changed: IncidentChange) -> None:
    """Change an incident that is held.

    Raises InvalidValueError for an end before the beginning, and for a deployment that cannot have
    caused it.
    """
    values = changed.model_dump(exclude_unset=True)
    if not values:
        return
    found = connection.execute(select(table).where(table.c.id == incident_id))
    known = dict(found.mappings().one())
    cell = Cell(known["service_id"], known["environment_id"])
    _check_deployment(connection, cell, values.get("deployment_id"))
    resolved_at = values.get("resolved_at")
    if resolved_at is not None and resolved_at < known["detected_at"]:
        raise InvalidValueError("/resolved_at", "must not be before detected_at")
    if known["external_id"] is None:  # it can have no further report: its row is enough
        values["corrected"] = statements.corrected(known["corrected"], values)
        connection.execute(update(table).where(table.c.id == incident_id).values(values))
        if "resolved_at" in values:
            reviewing.review(connection, cell, Altered(known["detected_at"]))
        return
    deployment = {name: values[name] for name in ("deployment_id",) if name in values}
    statements.add(connection, statements.of_correction(known, values), known, deployment)


def _held_cell(connection: Connection, new: NewIncident, at: datetime) -> Cell:
    """Return the cell that an incident is in, created on first sight and locked."""
    (cell,) = cells.hold(connection, [(new.service, new.environment)], at)
    return cell


def _add(connection: Connection, cell: Cell, new: NewIncident, at: datetime) -> UUID:
    """Add a further report to the incident it is about; return its id."""
    statement = statements.of_report(new, cell, at)
    known = statements.find(connection, Key.of(statement))
    assert known is not None  # noqa: S101 (it could not be inserted again)
    given = {**cell._asdict(), "deployment_id": new.deployment_id}
    for name, value in given.items():
        contradicts = None not in (known[name], value) and known[name] != value
        if contradicts and name not in known["corrected"]:
            raise ConflictError(
                f"The incident {known['external_id']} of {known['source']} is known with another"
                f" {name.removesuffix('_id')}."
            )
    missing = known["deployment_id"] is None and "deployment_id" not in known["corrected"]
    deployment = {"deployment_id": new.deployment_id} if missing and new.deployment_id else {}
    statements.add(connection, statement, known, deployment)
    identifier: UUID = known["id"]
    return identifier


def _check_deployment(connection: Connection, cell: Cell, deployment_id: UUID | None) -> None:
    if deployment_id is None:
        return
    where = select(deployments.c.service_id, deployments.c.environment_id).where(
        deployments.c.id == deployment_id
    )
    found = connection.execute(where).one_or_none()
    if found is None:
        raise InvalidValueError("/deployment_id", "is not the id of a deployment")
    if Cell(*found) != cell:
        raise InvalidValueError(
            "/deployment_id", "is a deployment of another service or environment"
        )
