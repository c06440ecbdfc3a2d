"""Blockers: why a version that waits should not be promoted yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import zip_longest
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    RowMapping,
    Select,
    String,
    Uuid,
    or_,
    select,
    union_all,
)

from api.domain.changes.versions import precedence
from api.domain.deployments.model import Status
from api.domain.kit.records import Records
from api.domain.kit.sql import abbreviates, first, named_otherwise
from api.domain.kit.versions import as_commit, spellings
from api.domain.releases import Release
from api.tables import deployments, incidents


class Candidate(NamedTuple):
    """A service whose version waits, and what runs of it in both environments."""

    id: UUID
    upstream: Release
    upstream_id: UUID
    downstream: Release | None
    downstream_id: UUID
    downstream_name: str


class Blocker(NamedTuple):
    """A reason not to promote, and the deployment or incident it is about."""

    reason: str
    detail: str
    deployment_id: UUID | None = None
    incident_id: UUID | None = None


class Attempt(NamedTuple):
    """A deployment that may stand in the way; what does not exist has no id."""

    id: UUID | None
    version: str
    status: str
    finished_at: datetime | None


class Attempts(NamedTuple):
    """The deployments that may stand in the way of a candidate."""

    last_upstream: Attempt
    # The deployment that began last: an earlier one that never ended was replaced by it.
    newest_downstream: Attempt
    # The last deployment of the same release downstream: it was replaced since.
    replaced_downstream: Attempt
    # The last attempt of the same release downstream, well or badly.
    last_downstream: Attempt


@dataclass(frozen=True)
class Facts:
    """What the ledger knows about a candidate."""

    attempts: Attempts
    open_incidents: Sequence[RowMapping]

    def blockers(self, candidate: Candidate) -> Iterator[Blocker]:
        """Yield each reason not to promote a candidate."""
        here = candidate.upstream
        name, place = here.service, here.environment
        if here.image_digest is None:
            yield Blocker("digest_unknown", f"The digest of {name} {here.version} is not known.")
        places = place, candidate.downstream_name
        tried = self.attempts.last_upstream, self.attempts.last_downstream
        for where, last in zip(places, tried, strict=True):
            if last.status == Status.FAILED:
                detail = f"{name} {last.version} failed in {where}."
                yield Blocker("deployment_failed", detail, last.id)
        names = {candidate.upstream_id: place, candidate.downstream_id: candidate.downstream_name}
        for incident in self.open_incidents:
            detail = f"{names[incident['environment_id']]}: {incident['title']}"
            yield Blocker("incident_open", detail, None, incident["id"])
        if there := candidate.downstream:
            old, new = precedence(there.version), precedence(here.version)
            if old and new and new < old:
                detail = f"{name} {here.version} is older than {there.version}, which it replaces."
                yield Blocker("downgrade", detail, there.deployment_id)
        newest = self.attempts.newest_downstream
        if newest.status in (Status.PENDING, Status.RUNNING):
            detail = f"{name} {newest.version} is being deployed."
            yield Blocker("deployment_running", detail, newest.id)
        before = self.attempts.replaced_downstream
        if before.id and candidate.downstream:  # otherwise it was removed, and not replaced
            detail = f"was there on {before.finished_at:%Y-%m-%d} and has been replaced."
            yield Blocker("replaced_before", f"{name} {before.version} {detail}", before.id)


ASKED = Records(
    "asked",
    {
        "number": Integer(),
        "service_id": Uuid(),
        "upstream_id": Uuid(),
        "downstream_id": Uuid(),
        "version": String(),
        # The same with a `v` or without; NULL if there is no such.
        "spelling": String(),
        # The version, if it can be a commit.
        "begin": String(),
        "commit": String(),
        "image_digest": String(),
    },
)


def facts(connection: Connection, candidates: Sequence[Candidate]) -> list[Facts]:
    """Return what the ledger knows about each candidate, in two statements for all of them."""
    if not candidates:
        return []
    asked = (
        {
            "number": number,
            "service_id": candidate.id,
            "upstream_id": candidate.upstream_id,
            "downstream_id": candidate.downstream_id,
            **dict(zip_longest(("version", "spelling"), spellings(candidate.upstream.version))),
            "begin": as_commit(candidate.upstream.version),
            "commit": candidate.upstream.commit,
            "image_digest": candidate.upstream.image_digest,
        }
        for number, candidate in enumerate(candidates)
    )
    dialect = connection.dialect
    given = {ASKED.name: ASKED.packed(dialect, asked)}
    broken: dict[int, list[RowMapping]] = defaultdict(list)
    for incident in connection.execute(_open_incidents(dialect.name), given).mappings():
        broken[incident["number"]].append(incident)
    tried = {
        number: _attempts(values)
        for number, *values in connection.execute(_tried(dialect.name), given)
    }
    return [Facts(tried[number], broken[number]) for number in range(len(candidates))]


def _attempts(values: Sequence[Any]) -> Attempts:
    size = len(Attempt._fields)
    return Attempts(*(Attempt(*values[n : n + size]) for n in range(0, len(values), size)))


@cache
def _tried(dialect: str) -> Select[Any]:
    """Return the SELECT of the number of each candidate and of its `Attempts`."""
    asked = ASKED.table(dialect)
    here, other = asked.c, deployments.alias("other")
    downstream = other.c.environment_id == here.downstream_id
    has_ended = other.c.status.in_((Status.SUCCEEDED, Status.FAILED))
    succeeded = other.c.status == Status.SUCCEEDED
    same_image = or_(
        here.image_digest.is_(None),
        other.c.image_digest.is_(None),
        other.c.image_digest == here.image_digest,
    )

    def newest(*conditions: ColumnElement[bool]) -> Select[Any]:
        return (
            select(other)
            .where(other.c.service_id == here.service_id, *conditions)
            .order_by(other.c.started_at.desc(), other.c.id.desc())
        )

    def of_commit(*conditions: ColumnElement[bool], by: ColumnElement[str]) -> Select[Any]:
        there = other.c.service_id == here.service_id, downstream
        return select(other).where(*there, *conditions).order_by(by)

    def newest_of_release(*conditions: ColumnElement[bool]) -> Select[Any]:
        # One look along an index for each name; for all at once, SQLite would read the cell. What
        # names the commit otherwise is little: read in the order of the index, or PostgreSQL would
        # read the cell, too.
        each = (
            newest(downstream, other.c.version == here.version, *conditions).limit(1),
            newest(downstream, other.c.version == here.spelling, *conditions).limit(1),
            of_commit(abbreviates(other.c.version, here.commit), *conditions, by=other.c.version),
            of_commit(named_otherwise(other, here.begin), *conditions, by=other.c.commit),
        )
        found = union_all(*(select(one.correlate(asked).subquery()) for one in each)).subquery()
        return select(found).order_by(found.c.started_at.desc(), found.c.id.desc())

    # In the order of Attempts.
    wanted = (
        newest(other.c.environment_id == here.upstream_id, has_ended),
        newest(downstream),
        newest_of_release(succeeded, same_image),
        newest_of_release(has_ended, same_image),
    )
    columns: list[ColumnElement[Any]] = []
    joined: FromClause = asked
    for ordered in wanted:
        attempt, is_newest = first(deployments, ordered, lateral=dialect == "postgresql")
        joined = joined.outerjoin(attempt, is_newest)
        columns += (attempt.c[name] for name in Attempt._fields)
    return select(here.number, *columns).select_from(joined)


@cache
def _open_incidents(dialect: str) -> Select[Any]:
    """Return the SELECT of the open incidents of each candidate, with its number."""
    asked = ASKED.table(dialect)
    places = (asked.c.upstream_id, asked.c.downstream_id)
    is_here = (incidents.c.service_id == asked.c.service_id) & incidents.c.environment_id.in_(
        places
    )
    return (
        select(asked.c.number, incidents.c.id, incidents.c.environment_id, incidents.c.title)
        .select_from(asked.join(incidents, is_here))
        .where(incidents.c.resolved_at.is_(None))
        .order_by(incidents.c.detected_at, incidents.c.id)
    )
