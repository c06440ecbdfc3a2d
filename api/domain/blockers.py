"""Blockers: what stands in the way of a promotion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, select

from api.domain.types import Status
from api.tables import deployments, incidents


@dataclass(frozen=True)
class Candidate:
    """A service whose version waits, and what runs of it in both environments."""

    id: UUID
    image: str
    upstream: dict[str, Any]
    upstream_id: UUID
    downstream: dict[str, Any] | None
    downstream_id: UUID


class Blocker(NamedTuple):
    """What stands in the way of a promotion."""

    reason: str
    detail: str
    deployment_id: UUID | None = None
    incident_id: UUID | None = None


def blockers(connection: Connection, candidate: Candidate) -> Iterator[Blocker]:
    """Yield whatever stands in the way of a candidate."""
    here = candidate.upstream
    name, place = here["service"], here["environment"]
    if here["image_digest"] is None:
        yield Blocker("digest_unknown", f"The digest of {name} {here['version']} is not known.")
    last = connection.execute(
        newest(candidate, candidate.upstream_id)
        .where(deployments.c.status.in_((Status.SUCCEEDED, Status.FAILED)))
        .limit(1)
    ).one()
    if last.status == Status.FAILED:
        yield Blocker("deployment_failed", f"{name} {last.version} failed in {place}.", last.id)
    for row in connection.execute(_open_incidents(candidate)):
        yield Blocker("incident_open", f"{place}: {row.title}", None, row.id)
    under_way = newest(candidate, candidate.downstream_id).where(
        deployments.c.status.in_((Status.PENDING, Status.RUNNING))
    )
    for row in connection.execute(under_way.limit(1)):
        yield Blocker("deployment_running", f"{name} {row.version} is being deployed.", row.id)
    had = newest(candidate, candidate.downstream_id).where(
        deployments.c.status == Status.SUCCEEDED, *_same_image(here)
    )
    for row in connection.execute(had.limit(1)):
        yield Blocker(
            "replaced_before",
            f"{name} {row.version} was there on {row.finished_at:%Y-%m-%d} and has been replaced.",
            row.id,
        )


def newest(candidate: Candidate, environment_id: UUID) -> Select[Any]:
    """Return the statement for a service's deployments in an environment, newest first."""
    return (
        select(deployments)
        .where(
            deployments.c.service_id == candidate.id, deployments.c.environment_id == environment_id
        )
        .order_by(deployments.c.started_at.desc(), deployments.c.id.desc())
    )


def _same_image(cell: dict[str, Any]) -> list[ColumnElement[bool]]:
    same = [deployments.c.version == cell["version"]]
    if cell["image_digest"] is not None:
        same.append(deployments.c.image_digest == cell["image_digest"])
    return same


def _open_incidents(candidate: Candidate) -> Select[Any]:
    return (
        select(incidents.c.id, incidents.c.title)
        .where(
            incidents.c.service_id == candidate.id,
            incidents.c.environment_id == candidate.upstream_id,
            incidents.c.resolved_at.is_(None),
        )
        .order_by(incidents.c.detected_at, incidents.c.id)
    )
