"""Blockers: why a version that waits should not be promoted yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, FromClause, RowMapping, or_, select

from api.domain.changes.versions import precedence
from api.domain.deployments.model import Status
from api.domain.kit.sql import same_version
from api.tables import deployments, incidents


@dataclass(frozen=True)
class Candidate:
    """A service whose version waits, and what runs of it in both environments."""

    id: UUID
    upstream: dict[str, Any]
    upstream_id: UUID
    downstream: dict[str, Any] | None
    downstream_id: UUID
    downstream_name: str


class Blocker(NamedTuple):
    """A reason not to promote, and the deployment or incident it is about."""

    reason: str
    detail: str
    deployment_id: UUID | None = None
    incident_id: UUID | None = None


Newest = dict[UUID, RowMapping]


@dataclass(frozen=True)
class Facts:
    """What the ledger knows about all candidates, each by the service's id."""

    last_attempt_upstream: Newest
    # The deployment that began last: an earlier one that never ended was replaced by it.
    newest_downstream: Newest
    # The last deployment of the same version downstream: it was replaced since.
    replaced_downstream: Newest
    # The last attempt of the same version downstream, well or badly.
    last_attempt_downstream: Newest
    open_incidents: list[RowMapping]

    def blockers(self, candidate: Candidate) -> Iterator[Blocker]:
        """Yield each reason not to promote a candidate."""
        here = candidate.upstream
        name, place = here["service"], here["environment"]
        if here["image_digest"] is None:
            yield Blocker("digest_unknown", f"The digest of {name} {here['version']} is not known.")
        last = self.last_attempt_upstream[candidate.id]
        if last["status"] == Status.FAILED:
            detail = f"{name} {last['version']} failed in {place}."
            yield Blocker("deployment_failed", detail, last["id"])
        tried = self.last_attempt_downstream.get(candidate.id)
        if tried and tried["status"] == Status.FAILED:
            detail = f"{name} {tried['version']} failed in {candidate.downstream_name}."
            yield Blocker("deployment_failed", detail, tried["id"])
        names = {candidate.upstream_id: place, candidate.downstream_id: candidate.downstream_name}
        for incident in self.open_incidents:
            if incident["service_id"] == candidate.id and incident["environment_id"] in names:
                detail = f"{names[incident['environment_id']]}: {incident['title']}"
                yield Blocker("incident_open", detail, None, incident["id"])
        if there := candidate.downstream:
            old, new = precedence(there["version"]), precedence(here["version"])
            if old and new and new < old:
                detail = (
                    f"{name} {here['version']} is older than {there['version']}, which it replaces."
                )
                yield Blocker("downgrade", detail, there["deployment_id"])
        row = self.newest_downstream.get(candidate.id)
        if row and row["status"] in (Status.PENDING, Status.RUNNING):
            detail = f"{name} {row['version']} is being deployed."
            yield Blocker("deployment_running", detail, row["id"])
        before = self.replaced_downstream.get(candidate.id)
        if before and candidate.downstream:  # otherwise it was removed, and not replaced
            detail = f"was there on {before['finished_at']:%Y-%m-%d} and has been replaced."
            yield Blocker("replaced_before", f"{name} {before['version']} {detail}", before["id"])


def facts(connection: Connection, candidates: Sequence[Candidate]) -> Facts:
    """Return what the ledger knows about the candidates, in a fixed number of statements."""

    def newest(condition: Callable[[FromClause, FromClause], list[ColumnElement[bool]]]) -> Newest:
        return _newest(connection, candidates, condition)

    downstream_id = candidates[0].downstream_id if candidates else None
    return Facts(
        last_attempt_upstream=newest(
            lambda other, here: [
                other.c.environment_id == here.c.environment_id,
                other.c.status.in_((Status.SUCCEEDED, Status.FAILED)),
            ]
        ),
        newest_downstream=newest(lambda other, _: [other.c.environment_id == downstream_id]),
        replaced_downstream=newest(
            lambda other, here: [
                other.c.environment_id == downstream_id,
                other.c.status == Status.SUCCEEDED,
                same_version(other.c.version, here.c.version),
                or_(here.c.image_digest.is_(None), other.c.image_digest == here.c.image_digest),
            ]
        ),
        last_attempt_downstream=newest(
            lambda other, here: [
                other.c.environment_id == downstream_id,
                other.c.status.in_((Status.SUCCEEDED, Status.FAILED)),
                same_version(other.c.version, here.c.version),
            ]
        ),
        open_incidents=_open_incidents(connection, candidates),
    )


def _newest(
    connection: Connection,
    candidates: Sequence[Candidate],
    condition: Callable[[FromClause, FromClause], list[ColumnElement[bool]]],
) -> Newest:
    """Return the newest deployment of each candidate's service that meets a condition.

    The condition compares any deployment with the one that runs upstream.
    """
    here, other = deployments.alias("here"), deployments.alias("other")
    newest = (
        select(other.c.id)
        .where(other.c.service_id == here.c.service_id, *condition(other, here))
        .order_by(other.c.started_at.desc(), other.c.id.desc())
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
        select(
            incidents.c.id, incidents.c.service_id, incidents.c.environment_id, incidents.c.title
        )
        .where(
            incidents.c.service_id.in_([candidate.id for candidate in candidates]),
            incidents.c.environment_id.in_(
                {
                    environment
                    for candidate in candidates
                    for environment in (candidate.upstream_id, candidate.downstream_id)
                }
            ),
            incidents.c.resolved_at.is_(None),
        )
        .order_by(incidents.c.detected_at, incidents.c.id)
    )
    return list(connection.execute(statement).mappings())
