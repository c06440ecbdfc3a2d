"""Incidents: a report of one, a change of one, and the rules for both."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from pydantic import (
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from api.domain.kit.models import Incoming
from api.domain.kit.times import Time
from api.domain.kit.types import ExternalId, Line, Links, Name, absent


class NewIncident(Incoming):
    """An incident as somebody reports it.

    `detected_at` defaults to `resolved_at`, or to the time of the report.
    """

    model_config = ConfigDict(
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
    detected_at: Annotated[
        Time | None, Field(description="Without it, resolved_at, or the time of the report.")
    ] = None
    resolved_at: Annotated[Time | None, Field(description="Absent while it is open.")] = None
    deployment_id: Annotated[
        UUID | None, Field(description="The deployment that caused it, when it is known.")
    ] = None
    links: Links = Field(default=[], description="Pages about it, such as the alert.")
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


class DetectedIncident(NewIncident):
    """An incident that is found open at `detected_at`, though it may have been resolved before."""


# An incident that names no deployment is taken to be about the latest one, if it is this recent.
INFERENCE_WINDOW = timedelta(hours=72)


class IncidentChange(Incoming):
    """What is known better of an incident: each field that is given replaces what was known."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"resolved_at": "2026-03-01T12:40:00Z"}},
    )

    title: Line = Field(default_factory=absent)
    resolved_at: Annotated[Time | None, Field(description="Null opens it again.")] = None
    deployment_id: Annotated[
        UUID | None, Field(description="The deployment that caused it; null unlinks it.")
    ] = None
    links: Links = Field(default_factory=absent)
