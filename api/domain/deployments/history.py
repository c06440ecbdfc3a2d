"""The history of a service: what became of each version in each environment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby, pairwise
from typing import Any, NamedTuple
from uuid import UUID

from api.domain.deployments.model import Kind, Status
from api.domain.kit.versions import canonical

Deployment = Mapping[str, Any]
NOT_KNOWN: Mapping[str, datetime] = {}


class Fate(StrEnum):
    """What became of a version in an environment."""

    LIVE = "live"
    UNDER_WAY = "under way"
    WAS_HERE = "was here"
    REMOVED = "removed"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class Stay(NamedTuple):
    """A version in an environment: what became of it, when, and the deployment that tells it.

    It has no end while it lasts, and where nobody knows when it was removed.
    """

    fate: Fate
    since: datetime | None = None
    until: datetime | None = None
    deployment_id: UUID | None = None


class VersionHistory(NamedTuple):
    """A version, and what became of it, by environment."""

    version: str
    stays: dict[str, Stay]


ENDED = {Status.FAILED: Fate.FAILED, Status.CANCELLED: Fate.CANCELLED}


def history(
    rows: Sequence[Deployment],
    environments: Iterable[str],
    running: Collection[str],
    removed_at: Mapping[str, datetime] = NOT_KNOWN,
) -> list[VersionHistory]:
    """Return what became of each version that these deployments of a service name, newest first.

    `running` are the environments where it runs: from others, what succeeded last was removed. A
    version was skipped where it was never tried and a newer one has succeeded.
    """
    by_start = sorted(rows, key=lambda row: (row["started_at"], row["id"]))
    order = {canonical(row["version"]): row["version"] for row in by_start}
    first_seen = {version: place for place, version in enumerate(order)}
    found: dict[str, dict[str, Stay]] = {version: {} for version in order}
    for environment in environments:
        here = [row for row in by_start if row["environment"] == environment]
        all_stays = stays(here, running, removed_at)
        last = {canonical(version): stay for version, stay in all_stays}
        newest = max((first_seen[version] for version in last), default=-1)
        attempts = _attempts(here) | last
        for version, stay in attempts.items():
            found[version][environment] = stay
        for version in order:
            if version not in attempts and first_seen[version] < newest:
                found[version][environment] = Stay(Fate.SKIPPED)
    return [VersionHistory(order[version], found[version]) for version in reversed(order)]


def _attempts(here: Sequence[Deployment]) -> dict[str, Stay]:
    """Return what the last attempt of each version came to, whatever succeeded."""
    return {
        canonical(row["version"]): Stay(
            ENDED.get(row["status"], Fate.UNDER_WAY),
            row["started_at"],
            row["finished_at"],
            row["id"],
        )
        for row in here
    }


def stays(
    here: Sequence[Deployment], running: Collection[str], removed_at: Mapping[str, datetime]
) -> Iterator[tuple[str, Stay]]:
    """Yield each time that a version ran in an environment, given all its deployments there.

    The last of them runs still if the environment is in `running`; `removed_at` says when it ended
    otherwise, as far as that is known.
    """
    successes = sorted(
        (row for row in here if row["status"] == Status.SUCCEEDED),
        key=lambda row: (row["finished_at"], row["id"]),
    )
    runs = [list(run) for _, run in groupby(successes, key=lambda row: canonical(row["version"]))]
    for run, following in pairwise([*runs, []]):
        first = run[0]
        if following:
            rolled_back = following[0]["kind"] == Kind.ROLLBACK
            fate = Fate.ROLLED_BACK if rolled_back else Fate.WAS_HERE
            until = following[0]["finished_at"]
        else:
            fate = Fate.LIVE if first["environment"] in running else Fate.REMOVED
            until = None if fate == Fate.LIVE else removed_at.get(first["environment"])
        yield first["version"], Stay(fate, first["finished_at"], until, first["id"])


def last_success(here: Iterable[Deployment]) -> Deployment | None:
    """Return the last deployment that succeeded, or None."""
    successes = (row for row in here if row["status"] == Status.SUCCEEDED)
    return max(successes, key=lambda row: (row["finished_at"], row["id"]), default=None)
