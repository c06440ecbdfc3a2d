"""Use cases that record something and announce it to subscribers, in one transaction.

The functions of the features only record: batches, imports and rebuilds use them without
announcing anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from api.domain.deployments import reports, store, transitions
from api.domain.deployments.model import DeploymentChange, NewDeployment
from api.domain.lookups import look_up
from api.domain.notifications import outbox


class Reported(NamedTuple):
    """The deployment that a report is about, and whether this was the first report of it."""

    deployment: dict[str, Any]
    created: bool


def report_deployments(connection: Connection, batch: Sequence[NewDeployment]) -> list[Reported]:
    """Record reports of deployments; return one result for each, in the same order.

    Each deployment is returned as all the reports have made it. Raises ContradictionError with
    those that contradict an earlier report with the same source and external id.
    """
    found = look_up(connection, {new.service for new in batch}, {new.environment for new in batch})
    recorded = reports.record_all(connection, batch, found)
    known = {
        report.id: store.shown(report.row, new.service, new.environment)
        for report, new in zip(recorded, batch, strict=True)
        if report.row is not None
    }
    # What was just written needs not be read.
    known |= store.find_all(connection, {report.id for report in recorded} - known.keys())
    outbox.announce(connection, known, found.subscriptions)
    return [Reported(known[report.id], report.created) for report in recorded]


def change_deployment(
    connection: Connection, deployment_id: UUID, changed: DeploymentChange
) -> None:
    """Change a deployment that the transaction has locked.

    Raises ConflictError as `transitions.change` does.
    """
    transitions.change(connection, deployment_id, changed)
    outbox.announce(connection, {deployment_id: None}, look_up(connection).subscriptions)
