"""Use cases that record something and announce it to subscribers, in one transaction.

The functions of the features only record: batches, imports and rebuilds use them without
announcing anything.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from api.domain.deployments import reports, store, transitions
from api.domain.deployments.model import DeploymentChange, NewDeployment
from api.domain.notifications import outbox


def report_deployment(connection: Connection, new: NewDeployment) -> tuple[dict[str, Any], bool]:
    """Record a report of a deployment; return the deployment and whether it is new.

    Raises ConflictError if it contradicts an earlier report with the same source and external id.
    """
    identifier, created = reports.record(connection, new)
    outbox.announce(connection, [identifier])
    recorded = store.find(connection, identifier)
    assert recorded is not None  # noqa: S101 (written in this transaction)
    return recorded, created


def change_deployment(
    connection: Connection, deployment_id: UUID, changed: DeploymentChange
) -> None:
    """Change a deployment that the transaction has locked.

    Raises ConflictError as `transitions.change` does.
    """
    transitions.change(connection, deployment_id, changed)
    outbox.announce(connection, [deployment_id])
