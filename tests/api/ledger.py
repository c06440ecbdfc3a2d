"""Histories for the tests of the metrics, written through the domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert
from uuid_utils.compat import uuid7

from api.domain import catalog
from api.domain.cells import Cell
from api.domain.deployments import reports, reviewing
from api.domain.deployments.model import NewDeployment
from api.tables import changes, incidents


def at(text: str) -> datetime:
    """Return a time of March 2026, such as `04T11:00`; `02-20T10:00` is one of February."""
    month, _, rest = text.rpartition("-") if text.count("-") else ("03", "", text)
    return datetime.fromisoformat(f"2026-{month}-{rest}").replace(tzinfo=UTC)


@dataclass
class Ledger:
    """A connection in a writing transaction, and the ids of what was written, by their labels."""

    connection: Connection

    def deploy(self, *told: dict[str, Any]) -> list[UUID]:
        """Record deployments in one go."""
        recorded = reports.record_all(self.connection, [NewDeployment(**each) for each in told])
        return [each.id for each in recorded]

    def cell(self, service: str, environment: str) -> Cell:
        """Return a cell, made on first sight."""
        services = catalog.service_ids(self.connection, [service], at("01T00:00"))
        environments = catalog.environment_ids(self.connection, [environment], at("01T00:00"))
        return Cell(services[service], environments[environment])

    def incident(
        self,
        service: str,
        environment: str,
        detected_at: datetime,
        resolved_at: datetime | None = None,
        deployment_id: UUID | None = None,
    ) -> UUID:
        """Write an incident and decide anew what kind the deployments during it are."""
        cell = self.cell(service, environment)
        identifier = uuid7()
        self.connection.execute(
            insert(incidents).values(
                id=identifier,
                **cell._asdict(),
                title="It is down",
                detected_at=detected_at,
                resolved_at=resolved_at,
                deployment_id=deployment_id,
                links=[],
                created_at=detected_at,
            )
        )
        reviewing.review(self.connection, cell, reviewing.Altered(detected_at))
        return identifier

    def commit(self, service: str, committed: Sequence[tuple[str | None, datetime]]) -> None:
        """Write one change for each version and time of commit."""
        service_id = self.cell(service, "prod").service_id
        rows = [
            {
                "id": uuid7(),
                "service_id": service_id,
                "commit": uuid7().hex,
                "committed_at": committed_at,
                "version": version,
                "created_at": committed_at,
            }
            for version, committed_at in committed
        ]
        self.connection.execute(insert(changes), rows)
