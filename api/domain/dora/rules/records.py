"""Records: what the definitions know of the ledger's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from api.domain.changes.versions import KnownVersion
from api.domain.deployments.model import Kind, Status


class Place(NamedTuple):
    """A service in an environment, by their names."""

    service: str
    environment: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """What was deployed, and what became of it."""

    id: UUID
    place: Place
    version: str
    image_digest: str | None
    config_revision: str | None
    kind: Kind
    status: Status
    started_at: datetime
    finished_at: datetime | None

    @property
    def moment(self) -> datetime:
        """Return the time it is listed by: its end, or its start while it has none."""
        return self.finished_at or self.started_at

    @property
    def attempted(self) -> bool:
        """Say whether it changed something or tried to: resyncs are left out of every metric."""
        return self.kind != Kind.RESYNC and self.status in (Status.SUCCEEDED, Status.FAILED)

    @property
    def delivered(self) -> bool:
        """Say whether it succeeded in changing something."""
        return self.kind != Kind.RESYNC and self.status == Status.SUCCEEDED


@dataclass(frozen=True, slots=True)
class Incident:
    """Something went wrong; `deployment_id` is the cause that somebody states."""

    id: UUID
    place: Place
    detected_at: datetime
    resolved_at: datetime | None
    deployment_id: UUID | None


@dataclass(frozen=True, slots=True)
class Change:
    """A commit of a service, in the version that first contains it."""

    commit: str
    version: str
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """What a window's metrics depend on; the versions are by service."""

    deployments: Sequence[Deployment]
    incidents: Sequence[Incident]
    versions_before: Mapping[str, Set[str]]
    known_versions: Mapping[str, Mapping[str, KnownVersion]]
