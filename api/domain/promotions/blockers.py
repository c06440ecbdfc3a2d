"""Blockers: what stands in the way of a promotion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, FromClause, RowMapping, or_, select

from api.domain.deployments.model import Kind, Status
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


Newest = dict[UUID, RowMapping]


@dataclass(frozen=True)
class Facts:
    """What the ledger knows about all candidates, each by the service's id."""

    came: Newest  # when the version came upstream: applying it again does not make it younger
    attempted: Newest  # what was last tried upstream
    under_way: Newest  # what is being deployed downstream
    had: Newest  # when the version was downstream before
    incidents: list[RowMapping]  # what is wrong upstream

    def waiting_since(self, candidate: Candidate) -> datetime:
        """Return when the version came to where it waits."""
        came = self.came.get(candidate.id)
        since: datetime = came["finished_at"] if came else candidate.upstream["since"]
        return since

    def blockers(self, candidate: Candidate) -> Iterator[Blocker]:
        """Yield whatever stands in the way of a candidate."""
        here = candidate.upstream
        name, place = here["service"], here["environment"]
        if here["image_digest"] is None:
            yield Blocker("digest_unknown", f"The digest of {name} {here['version']} is not known.")
        last = self.attempted[candidate.id]
        if last["status"] == Status.FAILED:
            said = f"{name} {last['version']} failed in {place}."
            yield Blocker("deployment_failed", said, last["id"])
        for incident in self.incidents:
            if incident["service_id"] == candidate.id:
                said = f"{place}: {incident['title']}"
                yield Blocker("incident_open", said, None, incident["id"])
        if row := self.under_way.get(candidate.id):
            said = f"{name} {row['version']} is being deployed."
            yield Blocker("deployment_running", said, row["id"])
        if before := self.had.get(candidate.id):
            said = f"was there on {before['finished_at']:%Y-%m-%d} and has been replaced."
            yield Blocker("replaced_before", f"{name} {before['version']} {said}", before["id"])


def facts(connection: Connection, candidates: Sequence[Candidate]) -> Facts:
    """Return what is known about some candidates, in as many statements for many as for one."""

    def newest(condition: Callable[[FromClause, FromClause], list[ColumnElement[bool]]]) -> Newest:
        return _newest(connection, candidates, condition)

    downstream_id = candidates[0].downstream_id if candidates else None
    return Facts(
        came=newest(
            lambda each, here: [
                each.c.environment_id == here.c.environment_id,
                each.c.status == Status.SUCCEEDED,
                each.c.kind != Kind.RESYNC,
                each.c.version == here.c.version,
            ]
        ),
        attempted=newest(
            lambda each, here: [
                each.c.environment_id == here.c.environment_id,
                each.c.status.in_((Status.SUCCEEDED, Status.FAILED)),
            ]
        ),
        under_way=newest(
            lambda each, _: [
                each.c.environment_id == downstream_id,
                each.c.status.in_((Status.PENDING, Status.RUNNING)),
            ]
        ),
        had=newest(
            lambda each, here: [
                each.c.environment_id == downstream_id,
                each.c.status == Status.SUCCEEDED,
                each.c.version == here.c.version,
                or_(here.c.image_digest.is_(None), each.c.image_digest == here.c.image_digest),
            ]
        ),
        incidents=_open_incidents(connection, candidates),
    )


def _newest(
    connection: Connection,
    candidates: Sequence[Candidate],
    condition: Callable[[FromClause, FromClause], list[ColumnElement[bool]]],
) -> Newest:
    """Return the newest deployment of each candidate's service that meets a condition.

    The condition compares any deployment with the one that runs upstream.
    """
    here, each = deployments.alias("here"), deployments.alias("each")
    newest = (
        select(each.c.id)
        .where(each.c.service_id == here.c.service_id, *condition(each, here))
        .order_by(each.c.started_at.desc(), each.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    running = [candidate.upstream["deployment_id"] for candidate in candidates]
    statement = (
        select(deployments)
        .select_from(here.join(deployments, deployments.c.id == newest))
        .where(here.c.id.in_(running))
    )
    return {row["service_id"]: row for row in connection.execute(statement).mappings()}


def _open_incidents(connection: Connection, candidates: Sequence[Candidate]) -> list[RowMapping]:
    statement = (
        select(incidents.c.id, incidents.c.service_id, incidents.c.title)
        .where(
            incidents.c.service_id.in_([candidate.id for candidate in candidates]),
            incidents.c.environment_id.in_({candidate.upstream_id for candidate in candidates}),
            incidents.c.resolved_at.is_(None),
        )
        .order_by(incidents.c.detected_at, incidents.c.id)
    )
    return list(connection.execute(statement).mappings())
