"""The content of a transferred statement: all that deployments and incidents are computed from."""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from api.domain.deployments.model import Kind, Status
from api.domain.kit.models import Incoming
from api.domain.kit.times import Time
from api.domain.kit.types import (
    Actor,
    Commit,
    ConfigRevision,
    ImageDigest,
    Line,
    Links,
    Version,
    absent,
)


class DeploymentCorrection(Incoming):
    """A person's correction of a deployment."""

    kind: Kind | None = None
    status: Status = Field(default_factory=absent)
    finished_at: Time | None = None
    actor: Actor | None = None
    links: Links = Field(default_factory=absent)

    @model_validator(mode="after")
    def ended_when_final(self) -> Self:
        """Refuse an end without a final status, and a final status without an end."""
        given = self.model_fields_set & {"status", "finished_at"}
        if given and (len(given) == 1 or self.status.terminal != (self.finished_at is not None)):
            raise ValueError("finished_at must be given with a final status, and with no other")
        return self


class DeploymentReport(DeploymentCorrection):
    """A report of a deployment, by a person or an event."""

    version: Version
    image_digest: ImageDigest | None
    commit: Commit | None
    config_revision: ConfigRevision | None
    actor: Actor | None
    kind: Kind | None
    status: Status
    started_at: Time
    finished_at: Time | None
    links: Links


class IncidentCorrection(Incoming):
    """A person's correction of an incident."""

    title: Line = Field(default_factory=absent)
    resolved_at: Time | None = None
    deployment_id: UUID | None = None
    links: Links = Field(default_factory=absent)


class IncidentReport(Incoming):
    """A report of an incident, by a person or an event."""

    title: Line
    detected_at: Time
    resolved_at: Time | None
    links: Links
    found_open: bool = False
    corrected: list[str] = Field(default=[])


def of_deployment(said: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    """Return the content of a statement about a deployment. Raises ValueError if it is invalid."""
    _check(said, info, DeploymentCorrection, DeploymentReport)
    return said


def of_incident(said: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    """Return the content of a statement about an incident. Raises ValueError if it is invalid."""
    _check(said, info, IncidentCorrection, IncidentReport)
    return said


def _check(
    said: dict[str, Any],
    info: ValidationInfo,
    correction: type[BaseModel],
    report: type[BaseModel],
) -> None:
    """Raise ValueError with the names of the values that are missing or not valid."""
    try:
        (correction if info.data.get("correction") else report).model_validate(said)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ValueError("; ".join(faults)) from error
