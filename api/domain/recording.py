"""Recording: what a request writes and what is announced of it, in one transaction.

Features write and do not announce: a batch, an import and a rebuild use the same functions and
announce nothing.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from api.domain.deployments import reports, store, transitions
from api.domain.deployments.model import DeploymentChange, NewDeployment
from api.domain.notifications import outbox


def report_deployment(connection: Connection, new: NewDeployment) -> tuple[dict[str, Any], bool]:
    """Write a report; return the deployment and whether this was the first report of it.

    Raises ConflictError when an earlier report with the same external id said something else.
    """
    identifier, created = reports.record(connection, new)
    outbox.announce(connection, [identifier])
    recorded = store.find(connection, identifier)
    assert recorded is not None  # noqa: S101 (written in this transaction)
    return recorded, created


def change_deployment(
    connection: Connection, deployment_id: UUID, changed: DeploymentChange
) -> None:
    """Change a deployment that is held.

    Raises ConflictError as `transitions.change` does.
    """
    transitions.change(connection, deployment_id, changed)
    outbox.announce(connection, [deployment_id])
