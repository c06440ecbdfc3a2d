"""Lines of what the ledger is about: services, environments, deployments, changes, incidents."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from api.domain.deployments.model import NewDeployment
from api.domain.kit.times import Time
from api.domain.kit.types import (
    Actor,
    Commit,
    ExternalId,
    ImageName,
    Line,
    Links,
    Name,
    RepositoryUrl,
    Version,
)
from api.domain.tiers import Tier
from api.domain.transfer.lines.entry import Entry, KeyedEntry

# What a person may correct in an incident, after which reports leave it alone.
Correctable = Literal["deployment_id", "resolved_at", "title"]


class ServiceEntry(KeyedEntry):
    """A service: everything else refers to it by its name."""

    KEY = ("name",)

    type: Literal["service"]
    name: Name
    owner: Actor | None = None
    repository: RepositoryUrl | None = None
    image: ImageName | None = None


class EnvironmentEntry(KeyedEntry):
    """An environment; without a tier, its name decides."""

    KEY = ("name",)

    type: Literal["environment"]
    name: Name
    tier: Tier | None = None
    promotion_order: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    transient: bool | None = None
    described: bool | None = None


class DeploymentEntry(NewDeployment, Entry):
    """A deployment, as it is reported."""

    type: Literal["deployment"]

    @property
    def merges(self) -> bool:
        """Return whether it is one of several reports that make one deployment."""
        return self.id is None

    def report(self) -> NewDeployment:
        """Return the report."""
        fields = {name: getattr(self, name) for name in NewDeployment.model_fields}
        return NewDeployment.model_construct(self.model_fields_set & fields.keys(), **fields)


class ChangeEntry(Entry):
    """A commit, and the version that first contains it."""

    KEY = ("service", "commit")

    type: Literal["change"]
    service: Name
    commit: Commit
    committed_at: Time
    author: Actor | None = None
    title: Line | None = None
    version: Version | None = None
    event_id: UUID | None = None


class IncidentEntry(Entry):
    """An incident; the deployment it names must be known before."""

    type: Literal["incident"]
    service: Name
    environment: Name
    title: Line
    detected_at: Time
    resolved_at: Time | None = None
    deployment_id: UUID | None = None
    links: Links = Field(default=[])
    source: Name = "api"
    external_id: ExternalId | None = None
    corrected: list[Correctable] = Field(default=[])

    @model_validator(mode="after")
    def resolved_after_detected(self) -> Self:
        """Refuse an end before the start."""
        if self.resolved_at is not None and self.resolved_at < self.detected_at:
            raise ValueError("resolved_at must not be before detected_at")
        return self
