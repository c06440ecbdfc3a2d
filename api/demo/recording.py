"""The demo history is recorded as anything else is: by the domain's own rules."""

from __future__ import annotations

from sqlalchemy import Connection

from api.demo.history import History
from api.domain import catalog
from api.domain.changes import reports as change_reports
from api.domain.declarations import reports as declaration_reports
from api.domain.deployments import reports
from api.domain.incidents import reports as incident_reports


def record(connection: Connection, told: History) -> None:
    """Record a history; what kind each deployment is, is decided here as everywhere."""
    for name, description in told.services.items():
        catalog.describe_service(connection, name, description)
    change_reports.record_all(connection, told.changes)
    identifiers = reports.record_all(connection, told.deployments)
    by_external_id = {
        new.external_id: identifier
        for new, identifier in zip(told.deployments, identifiers, strict=True)
    }
    for incident, cause in told.outages:
        deployment_id = by_external_id[cause] if cause else None
        stated = incident.model_copy(update={"deployment_id": deployment_id})
        incident_reports.record(connection, stated)
    declaration_reports.store(connection, told.declarations)
