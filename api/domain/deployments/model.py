"""Deployments: what a report of one says, how reports become a record, and how it is found."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    ConfigDict,
    Field,
    PlainValidator,
    RootModel,
    TypeAdapter,
    ValidationInfo,
    field_validator,
)

from api.domain.kit.models import Incoming
from api.domain.kit.times import Time
from api.domain.kit.types import (
    Actor,
    Commit,
    ConfigRevision,
    ExternalId,
    ImageDigest,
    Links,
    Name,
    Version,
    absent,
)


class Status(StrEnum):
    """Where a deployment stands; the last three are final."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Say whether nothing more is expected to happen."""
        return self not in (Status.PENDING, Status.RUNNING)


class Kind(StrEnum):
    """Why a deployment was made; a resync brought nothing new."""

    ROLLOUT = "rollout"
    ROLLBACK = "rollback"
    HOTFIX = "hotfix"
    RESYNC = "resync"


class NewDeployment(Incoming):
    """A deployment as somebody reports it.

    `finished_at` belongs to a final status, where it defaults to the time of the report;
    `started_at` defaults to `finished_at`, or to the time of the report.
    """

    model_config = ConfigDict(
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
    started_at: Annotated[
        Time | None, Field(description="Without it, finished_at, or the time of the report.")
    ] = None
    finished_at: Annotated[
        Time | None,
        Field(description="Of a final status only; without it, the time of the report."),
    ] = None
    actor: Annotated[Actor | None, Field(description="Who or what started it.")] = None
    links: Links = Field(default=[], description="Pages about it, such as its pipeline.")
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


MAX_BATCH = 1000
Batch = Annotated[list[NewDeployment], Field(max_length=MAX_BATCH)]
BATCH = TypeAdapter(Batch)


def _one_or_several(value: Any) -> NewDeployment | list[NewDeployment]:
    """Validate a report or a list of them; errors are those of what it is, not of a union."""
    if isinstance(value, list):
        return BATCH.validate_python(value)
    return NewDeployment.model_validate(value)


class DeploymentReports(
    RootModel[
        Annotated[
            NewDeployment | list[NewDeployment],
            PlainValidator(_one_or_several, json_schema_input_type=NewDeployment | Batch),
        ]
    ]
):
    """A report of a deployment, or a list of up to 1000, which are all recorded or none."""

    model_config = ConfigDict(hide_input_in_errors=True)


class DeploymentChange(Incoming):
    """What becomes of a deployment: each field that is given replaces what was known."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"status": "succeeded", "finished_at": "2026-03-01T12:01:30Z"}
        },
    )

    status: Status = Field(default_factory=absent)
    finished_at: Time = Field(default_factory=absent)
    kind: Annotated[
        Kind | None, Field(description="Null leaves the decision to the history again.")
    ] = None
    actor: Actor | None = None
    links: Links = Field(default_factory=absent)
