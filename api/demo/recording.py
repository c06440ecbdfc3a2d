"""Recording of the demo history, by the same domain functions as any other report."""

from __future__ import annotations

from sqlalchemy import Connection

from api.demo.history import History
from api.domain import catalog
from api.domain.changes import reports as change_reports
from api.domain.declarations import reports as declaration_reports
from api.domain.deployments import reports
from api.domain.incidents import reports as incident_reports


def record(connection: Connection, history: History) -> None:
    """Record a history; the kind of each deployment is inferred as usual."""
    for name, description in history.services.items():
        catalog.describe_service(connection, name, description)
    change_reports.record_all(connection, history.changes)
    recorded = reports.record_all(connection, history.deployments)
    by_external_id = {
        new.external_id: report.id
        for new, report in zip(history.deployments, recorded, strict=True)
    }
    for incident, cause in history.outages:
        deployment_id = by_external_id[cause] if cause else None
        caused = incident.model_copy(update={"deployment_id": deployment_id})
        incident_reports.record(connection, caused)
    declaration_reports.store_all(connection, history.declarations)
