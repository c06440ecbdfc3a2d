"""Blockers: why a version that waits should not be promoted yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, bindparam, or_, select

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


HERE, OTHER = deployments.alias("here"), deployments.alias("other")
IS_HERE = OTHER.c.environment_id == HERE.c.environment_id
IS_DOWNSTREAM = OTHER.c.environment_id == bindparam("downstream_id")
HAS_ENDED = OTHER.c.status.in_((Status.SUCCEEDED, Status.FAILED))
IS_SAME_VERSION = same_version(OTHER.c.version, HERE.c.version)


def _newest(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the SELECT of the newest deployment of each candidate's service that meets these.

    The conditions compare any deployment with the one that runs upstream. It is built once: that
    takes longer than to have it answered.
    """
    newest = (
        select(OTHER.c.id)
        .where(OTHER.c.service_id == HERE.c.service_id, *conditions)
        .order_by(OTHER.c.started_at.desc(), OTHER.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(deployments)
        .select_from(HERE.join(deployments, deployments.c.id == newest))
        .where(HERE.c.id.in_(bindparam("running", expanding=True)))
    )


LAST_ATTEMPT_UPSTREAM = _newest(IS_HERE, HAS_ENDED)
NEWEST_DOWNSTREAM = _newest(IS_DOWNSTREAM)
REPLACED_DOWNSTREAM = _newest(
    IS_DOWNSTREAM,
    OTHER.c.status == Status.SUCCEEDED,
    IS_SAME_VERSION,
    or_(HERE.c.image_digest.is_(None), OTHER.c.image_digest == HERE.c.image_digest),
)
LAST_ATTEMPT_DOWNSTREAM = _newest(IS_DOWNSTREAM, HAS_ENDED, IS_SAME_VERSION)
OPEN_INCIDENTS = (
    select(incidents.c.id, incidents.c.service_id, incidents.c.environment_id, incidents.c.title)
    .where(
        incidents.c.service_id.in_(bindparam("services", expanding=True)),
        incidents.c.environment_id.in_(bindparam("environments", expanding=True)),
        incidents.c.resolved_at.is_(None),
    )
    .order_by(incidents.c.detected_at, incidents.c.id)
)


def facts(connection: Connection, candidates: Sequence[Candidate]) -> Facts:
    """Return what the ledger knows about the candidates, in a fixed number of statements.

    All candidates have the same environments.
    """
    if not candidates:
        return Facts({}, {}, {}, {}, [])
    upstream_id, downstream_id = candidates[0].upstream_id, candidates[0].downstream_id
    values: dict[str, Any] = {
        "running": [candidate.upstream["deployment_id"] for candidate in candidates],
        "downstream_id": downstream_id,
        "services": [candidate.id for candidate in candidates],
        "environments": [upstream_id, downstream_id],
    }

    def newest(statement: Select[Any]) -> Newest:
        rows = connection.execute(statement, values).mappings()
        return {row["service_id"]: row for row in rows}

    return Facts(
        last_attempt_upstream=newest(LAST_ATTEMPT_UPSTREAM),
        newest_downstream=newest(NEWEST_DOWNSTREAM),
        replaced_downstream=newest(REPLACED_DOWNSTREAM),
        last_attempt_downstream=newest(LAST_ATTEMPT_DOWNSTREAM),
        open_incidents=list(connection.execute(OPEN_INCIDENTS, values).mappings()),
    )
