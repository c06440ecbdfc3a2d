"""Deployments: what a report of one says, how reports become a record, and how it is found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from sqlalchemy import Connection, Select, select

from api.domain import lists
from api.domain.lists import Order, Span
from api.domain.types import (
    Actor,
    Commit,
    ConfigRevision,
    ExternalId,
    ImageDigest,
    Kind,
    Links,
    Name,
    Status,
    Time,
    Version,
)
from api.tables import deployments, environments, services


class NewDeployment(BaseModel):
    """A deployment as somebody reports it.

    `finished_at` belongs to a final status, where it defaults to the time of the report;
    `started_at` defaults to `finished_at`, or to the time of the report.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={
            "example": {
                "service": "checkout",
                "environment": "prod",
                "version": "1.4.2",
                "image_digest": "sha256:" + "4f" * 32,
                "commit": "9fceb02d0ae598e95dc970b74767f19372d61af8",
                "config_revision": "main@sha1:8b137891791fe96927ad78e64b0aad7bded08bdc",
                "status": "succeeded",
                "started_at": "2026-03-01T12:00:00Z",
                "finished_at": "2026-03-01T12:01:30Z",
                "actor": "ada",
                "links": [{"title": "pipeline", "url": "https://ci.example.com/runs/4711"}],
                "source": "ci",
                "external_id": "4711",
            }
        },
    )

    service: Annotated[Name, Field(description="What was deployed; created on first sight.")]
    environment: Annotated[Name, Field(description="Where to; created on first sight.")]
    version: Annotated[Version, Field(description="What its people call it: a tag, a SemVer.")]
    image_digest: Annotated[ImageDigest | None, Field(description="The image's digest.")] = None
    commit: Annotated[Commit | None, Field(description="The application's commit.")] = None
    config_revision: Annotated[
        ConfigRevision | None, Field(description="The revision of the configuration repository.")
    ] = None
    kind: Annotated[
        Kind | None, Field(description="Decided from the history when it is not given.")
    ] = None
    status: Status = Status.SUCCEEDED
    started_at: Time | None = None
    finished_at: Time | None = None
    actor: Annotated[Actor | None, Field(description="Who or what started it.")] = None
    links: Links = []
    source: Annotated[Name, Field(description="Who reports it.")] = "api"
    external_id: Annotated[
        ExternalId | None,
        Field(description="The sender's id: a source's reports with one id are one deployment."),
    ] = None

    @field_validator("finished_at")
    @classmethod
    def finish_fits(cls, finished_at: datetime | None, info: ValidationInfo) -> datetime | None:
        """Refuse an end before the start, and an end of what has not ended."""
        status: Status | None = info.data.get("status")
        started_at: datetime | None = info.data.get("started_at")
        if finished_at is None:
            return None
        if status is not None and not status.terminal:
            raise ValueError(f"must not be given while the status is {status}")
        if started_at is not None and finished_at < started_at:
            raise ValueError("must not be before started_at")
        return finished_at

    def timed(self, reported_at: datetime) -> Self:
        """Return the same deployment with the times that were not given filled in."""
        finished_at = self.finished_at
        if finished_at is None and self.status.terminal:
            finished_at = max(reported_at, self.started_at or reported_at)
        started_at = self.started_at or finished_at or reported_at
        return self.model_copy(update={"started_at": started_at, "finished_at": finished_at})


class Filters(Span):
    """What a list of deployments is narrowed to; `from` and `to` are about `started_at`."""

    service: Name | None = None
    environment: Name | None = None
    status: Status | None = None
    kind: Kind | None = None
    version: Version | None = None


# The columns of a deployment as it is told, in the order a person reads them.
FIELDS = (
    deployments.c.id,
    services.c.name.label("service"),
    environments.c.name.label("environment"),
    deployments.c.version,
    deployments.c.image_digest,
    deployments.c.commit,
    deployments.c.config_revision,
    deployments.c.kind,
    deployments.c.status,
    deployments.c.started_at,
    deployments.c.finished_at,
    deployments.c.actor,
    deployments.c.links,
    deployments.c.source,
    deployments.c.external_id,
    deployments.c.created_at,
)
ORDER: Order = {"started_at": deployments.c.started_at, "id": deployments.c.id}


def find(connection: Connection, deployment_id: UUID) -> dict[str, Any] | None:
    """Return the deployment of that id, or None."""
    return lists.one(connection, _select().where(deployments.c.id == deployment_id))


def selected(filters: Filters) -> Select[Any]:
    """Return the statement for a list of deployments, to be ordered and cut into pages."""
    wanted: Sequence[tuple[Any, Any]] = (
        (services.c.name, filters.service),
        (environments.c.name, filters.environment),
        (deployments.c.status, filters.status),
        (deployments.c.kind, filters.kind),
        (deployments.c.version, filters.version),
    )
    return _select().where(
        *(column == value for column, value in wanted if value is not None),
        *filters.within(deployments.c.started_at),
    )


def is_empty(connection: Connection) -> bool:
    """Say whether no deployment was ever recorded."""
    return connection.execute(select(deployments.c.id).limit(1)).first() is None


def _select() -> Select[Any]:
    return select(*FIELDS).select_from(deployments.join(services).join(environments))
