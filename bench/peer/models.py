"""What the peer accepts and returns: the same fields, checks and order as those of the service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    model_validator,
)

CLOCK_SKEW = timedelta(minutes=5)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FINAL = ("succeeded", "failed", "cancelled")


def past(time: datetime) -> datetime:
    """Return a time of a past event in UTC. Raises ValueError for another one."""
    if not EPOCH <= time <= datetime.now(UTC) + CLOCK_SKEW:
        raise ValueError("must be between 1970 and now")
    return time.astimezone(UTC)


def text(pattern: str, longest: int) -> StringConstraints:
    """Return the constraints of a text."""
    return StringConstraints(pattern=pattern, max_length=longest)


LINE = r"^[^\x00-\x1f\x7f-\x9f]+$"
Name = Annotated[str, text(r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$", 63)]
Version = Annotated[str, text(r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", 128)]
Digest = Annotated[str, text(r"^sha256:[0-9a-f]{64}$", 71)]
Commit = Annotated[str, text(r"^[0-9a-f]{7,64}$", 64)]
Revision = Annotated[str, text(r"^[!-~]+$", 128)]
Time = Annotated[AwareDatetime, AfterValidator(past)]
Kind = Literal["rollout", "rollback", "hotfix", "resync"]
Status = Literal["pending", "running", "succeeded", "failed", "cancelled"]


class Incoming(BaseModel):
    """What a client sends: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Link(Incoming):
    """A link to further information."""

    title: Annotated[str, text(LINE, 200)]
    url: Annotated[str, text(r"^https?://[!-~]+$", 2048)]


class NewDeployment(Incoming):
    """A report of a deployment."""

    service: Name
    environment: Name
    version: Version
    image_digest: Digest | None = None
    commit: Commit | None = None
    config_revision: Revision | None = None
    kind: Kind | None = None
    status: Status = "succeeded"
    started_at: Time | None = None
    finished_at: Time | None = None
    actor: Annotated[str, text(LINE, 128)] | None = None
    links: Annotated[list[Link], Field(max_length=10)] = []
    source: Name = "api"
    external_id: Annotated[str, text(r"^[!-~]+$", 256)] | None = None

    @model_validator(mode="after")
    def finish_fits(self) -> Self:
        """Refuse an end before the start, and an end of what has not ended."""
        if self.finished_at is not None:
            if self.status not in FINAL:
                raise ValueError("finished_at must not be given while it has not ended")
            if self.started_at is not None and self.finished_at < self.started_at:
                raise ValueError("finished_at must not be before started_at")
        return self


class Deployment(BaseModel):
    """A deployment."""

    id: UUID
    service: Name
    environment: Name
    version: Version
    image_digest: Digest | None
    commit: Commit | None
    config_revision: str | None
    kind: Kind
    status: Status
    started_at: AwareDatetime
    finished_at: AwareDatetime | None
    actor: str | None
    links: list[Link]
    source: Name
    external_id: str | None
    created_at: AwareDatetime


class DeploymentPage(BaseModel):
    """A page of deployments."""

    items: list[Deployment]
    next_cursor: str | None


class Declared(BaseModel):
    """The declared release."""

    version: Version | None
    image_digest: Digest | None
    config_revision: Revision
    repository: str
    path: str
    declared_at: AwareDatetime


class MatrixCell(BaseModel):
    """What runs of a service in an environment, and what is declared."""

    service: Name
    environment: Name
    version: Version | None
    image_digest: Digest | None
    commit: Commit | None
    config_revision: str | None
    since: AwareDatetime | None
    deployment_id: UUID | None
    declared: Declared | None
    deploying: bool
    last_finished_at: AwareDatetime | None
    state: Literal["in-sync", "pending", "drifted", "unknown"]


class Matrix(BaseModel):
    """All cells."""

    cells: list[MatrixCell]
    next_cursor: str | None


DEPLOYMENT = TypeAdapter(Deployment)
PAGE = TypeAdapter(DeploymentPage)
MATRIX = TypeAdapter(Matrix)
