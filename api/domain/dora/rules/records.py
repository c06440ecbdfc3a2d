"""Records: the input of the definitions, loaded from the ledger's tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from api.domain.deployments.model import Kind, Status


class Place(NamedTuple):
    """A service in an environment, by name."""

    service: str
    environment: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment."""

    id: UUID
    place: Place
    version: str
    image_digest: str | None
    commit: str | None
    config_revision: str | None
    kind: Kind
    status: Status
    started_at: datetime
    finished_at: datetime | None

    @property
    def moment(self) -> datetime:
        """Return the time by which it is sorted: its end, or its start while it is unfinished."""
        return self.finished_at or self.started_at

    @property
    def attempted(self) -> bool:
        """Return whether it succeeded or failed and is not a resync."""
        return self.kind != Kind.RESYNC and self.status in (Status.SUCCEEDED, Status.FAILED)

    @property
    def delivered(self) -> bool:
        """Return whether it succeeded and is not a resync."""
        return self.kind != Kind.RESYNC and self.status == Status.SUCCEEDED


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident; `deployment_id` is its stated cause."""

    id: UUID
    place: Place
    detected_at: datetime
    resolved_at: datetime | None
    deployment_id: UUID | None


@dataclass(frozen=True, slots=True)
class Change:
    """A commit of a service, and the first version that contains it."""

    commit: str
    version: str
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """Everything that the failures of a window depend on."""

    deployments: Sequence[Deployment]
    incidents: Sequence[Incident]
