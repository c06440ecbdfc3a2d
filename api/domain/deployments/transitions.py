"""Transitions: what may become of a deployment, one state after the other."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, select, update

from api.domain import cells
from api.domain.cells import Cell
from api.domain.deployments import corrections, reviewing
from api.domain.deployments.model import DeploymentChange, Status
from api.domain.deployments.reviewing import Altered
from api.domain.deployments.store import find
from api.domain.kit.errors import ConflictError
from api.domain.kit.times import now
from api.tables import deployments

# Which statuses may follow which; a final one is followed by nothing.
LATER = {
    Status.PENDING: {Status.RUNNING, Status.SUCCEEDED, Status.FAILED, Status.CANCELLED},
    Status.RUNNING: {Status.SUCCEEDED, Status.FAILED, Status.CANCELLED},
    Status.SUCCEEDED: set[Status](),
    Status.FAILED: set[Status](),
    Status.CANCELLED: set[Status](),
}


def hold(connection: Connection, deployment_id: UUID) -> dict[str, Any] | None:
    """Return a deployment, or None, after seeing to it that nobody else changes it meanwhile."""
    row = _row(connection, deployment_id)
    if row is not None:
        cells.lock(connection, Cell(row["service_id"], row["environment_id"]))
    return find(connection, deployment_id)


def change(connection: Connection, deployment_id: UUID, changed: DeploymentChange) -> None:
    """Change a deployment that is held.

    Raises ConflictError for a status that cannot follow the one it has, and for an end that does
    not fit.
    """
    if not changed.model_fields_set:  # nobody says anything that could be kept
        return
    row = _row(connection, deployment_id)
    assert row is not None  # noqa: S101 (it is held)
    values = changed.model_dump(exclude_unset=True)
    if "kind" in values:
        values["stated_kind"] = values.pop("kind")
    before = Status(row["status"])
    after = values.setdefault("status", before)
    if after != before and after not in LATER[before]:
        raise ConflictError(f"A deployment that is {before} cannot become {after}.")
    if after.terminal:
        finished_at = values.get("finished_at") or row["finished_at"]
        values["finished_at"] = finished_at or max(now(), row["started_at"])
        _check_end(row, values["finished_at"])
    elif "finished_at" in values:
        raise ConflictError(f"A deployment that is {after} has no finished_at.")
    corrections.note(connection, deployment_id, values, changed.model_fields_set)
    connection.execute(update(deployments).where(deployments.c.id == deployment_id).values(values))
    cell = Cell(row["service_id"], row["environment_id"])
    start = row["started_at"]
    reviewing.review(connection, cell, Altered.at(start, row["version"], row["commit"]))


def _check_end(row: RowMapping, finished_at: datetime) -> None:
    if row["finished_at"] not in (None, finished_at):
        raise ConflictError(f"A deployment that is {row['status']} keeps its finished_at.")
    if finished_at < row["started_at"]:
        raise ConflictError("The deployment would finish before it started.")


def _row(connection: Connection, deployment_id: UUID) -> RowMapping | None:
    found = connection.execute(select(deployments).where(deployments.c.id == deployment_id))
    return found.mappings().one_or_none()
