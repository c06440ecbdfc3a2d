"""Incidents: what a report of one says, how one is told, and how it is found."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from sqlalchemy import Connection, Select, select

from api.domain import causes, lists
from api.domain.lists import Order, Span
from api.domain.types import ExternalId, Line, Links, Name, Time
from api.tables import environments, incidents, services


class NewIncident(BaseModel):
    """An incident as somebody reports it.

    `detected_at` defaults to `resolved_at`, or to the time of the report.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={
            "example": {
                "service": "checkout",
                "environment": "prod",
                "title": "Payments are refused",
                "detected_at": "2026-03-01T12:10:00Z",
                "links": [{"title": "alert", "url": "https://alerts.example.com/815"}],
                "source": "alerts",
                "external_id": "815",
            }
        },
    )

    service: Annotated[Name, Field(description="What broke; created on first sight.")]
    environment: Annotated[Name, Field(description="Where; created on first sight.")]
    title: Line
    detected_at: Time | None = None
    resolved_at: Annotated[Time | None, Field(description="Absent while it is open.")] = None
    deployment_id: Annotated[
        UUID | None, Field(description="The deployment that caused it, when it is known.")
    ] = None
    links: Links = []
    source: Annotated[Name, Field(description="Who reports it.")] = "api"
    external_id: Annotated[
        ExternalId | None,
        Field(description="The sender's id: a source's reports with one id are one incident."),
    ] = None

    @field_validator("resolved_at")
    @classmethod
    def resolution_fits(cls, resolved_at: datetime | None, info: ValidationInfo) -> datetime | None:
        """Refuse an end before the beginning."""
        detected_at: datetime | None = info.data.get("detected_at")
        if resolved_at is not None and detected_at is not None and resolved_at < detected_at:
            raise ValueError("must not be before detected_at")
        return resolved_at

    def timed(self, reported_at: datetime) -> Self:
        """Return the same incident with the time of its detection filled in."""
        return self.model_copy(
            update={"detected_at": self.detected_at or self.resolved_at or reported_at}
        )


class Filters(Span):
    """What a list of incidents is narrowed to; `from` and `to` are about `detected_at`."""

    service: Name | None = None
    environment: Name | None = None
    is_open: Annotated[
        bool | None, Field(alias="open", description="Whether it is not resolved yet.")
    ] = None


# The columns of an incident as it is told, in the order a person reads them.
FIELDS = (
    incidents.c.id,
    services.c.name.label("service"),
    environments.c.name.label("environment"),
    incidents.c.title,
    incidents.c.detected_at,
    incidents.c.resolved_at,
    causes.deployment_id().label("deployment_id"),
    causes.link().label("link"),
    incidents.c.links,
    incidents.c.source,
    incidents.c.external_id,
    incidents.c.created_at,
)
ORDER: Order = {"detected_at": incidents.c.detected_at, "id": incidents.c.id}


def find(connection: Connection, incident_id: UUID) -> dict[str, Any] | None:
    """Return the incident of that id, or None."""
    return lists.one(connection, _select().where(incidents.c.id == incident_id))


def selected(filters: Filters) -> Select[Any]:
    """Return the statement for a list of incidents, to be ordered and cut into pages."""
    statement = _select().where(*filters.within(incidents.c.detected_at))
    if filters.service is not None:
        statement = statement.where(services.c.name == filters.service)
    if filters.environment is not None:
        statement = statement.where(environments.c.name == filters.environment)
    if filters.is_open is not None:
        unresolved = incidents.c.resolved_at.is_(None)
        statement = statement.where(unresolved if filters.is_open else ~unresolved)
    return statement


def _select() -> Select[Any]:
    return select(*FIELDS).select_from(incidents.join(services).join(environments))
