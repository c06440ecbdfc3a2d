"""A second computation of the metrics, from docs/metrics.md alone: slow, and with no code of ours.

It looks at every deployment, incident and change for each number. What it has in common with the
service are the words of the document and the rows.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Row = dict[str, Any]
SEMVER = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+.*)?")
Figures = dict[str, Any]


@dataclass(frozen=True)
class Oracle:
    """The rows of a ledger: deployments of production environments, incidents and changes."""

    deployments: Sequence[Row]
    incidents: Sequence[Row]
    changes: Sequence[Row]

    def figures(self, since: datetime, until: datetime) -> Figures:
        """Return the numbers of one period."""
        ended = [each for each in self.deployments if within(each["finished_at"], since, until)]
        successes = [each for each in ended if delivered(each)]
        tried = [
            each
            for each in ended
            if each["status"] in ("succeeded", "failed")
            and each["kind"] not in ("rollback", "resync")
        ]
        leads = [seconds for each in successes for seconds in self.lead_times(each) if seconds >= 0]
        recoveries = [
            (at - failed["finished_at"]).total_seconds()
            for failed in self.deployments
            if (at := self.recovery(failed)) and within(at, since, until)
            if at >= failed["finished_at"]
        ]
        reworked = [each for each in successes if each["kind"] in ("rollback", "hotfix")]
        return {
            "frequency": len(successes),
            "rollbacks": sum(each["kind"] == "rollback" for each in successes),
            "hotfixes": sum(each["kind"] == "hotfix" for each in successes),
            "lead times": summary(leads),
            "failure rate": (sum(map(self.failed, tried)), len(tried)),
            "recoveries": summary(recoveries),
            "rework": (len(reworked), len(successes)),
        }

    def failed(self, deployment: Row) -> bool:
        """Say whether a deployment failed, has a linked incident, or was rolled away from."""
        return (
            deployment["status"] == "failed"
            or bool(self.linked(deployment))
            or any(self.left(each) is deployment for each in self.deployments)
        )

    def linked(self, deployment: Row) -> list[Row]:
        """Return the incidents of a deployment, stated or inferred."""
        return [each for each in self.incidents if self.cause(each) == deployment["id"]]

    def cause(self, incident: Row) -> Any:
        """Return the id of the deployment that an incident is put down to."""
        if incident["deployment_id"] is not None:
            return incident["deployment_id"]
        recent = [
            each
            for each in self.deployments
            if same_place(each, incident)
            and each["status"] in ("succeeded", "failed")
            and each["kind"] != "resync"
            and each["finished_at"] <= incident["detected_at"]
            and incident["detected_at"] - each["finished_at"] <= timedelta(hours=72)
        ]
        return max(recent, key=order)["id"] if recent else None

    def left(self, rollback: Row) -> Row | None:
        """Return the deployment that a successful rollback leaves, if it leaves one."""
        if not delivered(rollback) or rollback["kind"] != "rollback":
            return None
        before = [
            each
            for each in self.deployments
            if same_place(each, rollback)
            and delivered(each)
            and each["finished_at"] <= rollback["started_at"]
            and order(each) < order(rollback)
        ]
        if not before:
            return None
        live = max(before, key=order)
        if live["version"].lstrip("v") != rollback["version"].lstrip("v"):
            return live
        another = live["config_revision"] and rollback["config_revision"]
        if not another or live["config_revision"] == rollback["config_revision"]:
            return None
        blamed = any(
            same_place(each, rollback)
            and each["status"] == "failed"
            and each["kind"] != "resync"
            and live["finished_at"] < each["finished_at"] <= rollback["started_at"]
            for each in self.deployments
        )
        return None if blamed else live

    def recovery(self, failed: Row) -> datetime | None:
        """Return when a deployment that counts as failed recovered."""
        counts = failed["status"] in ("succeeded", "failed")
        if not counts or failed["kind"] in ("rollback", "resync") or not self.failed(failed):
            return None
        incidents = self.linked(failed)
        detected = min((each["detected_at"] for each in incidents), default=failed["finished_at"])
        ends: list[datetime] = [
            each["finished_at"]
            for each in self.deployments
            if same_place(each, failed) and delivered(each) and order(each) > order(failed)
            if each["finished_at"] > detected or detected <= failed["finished_at"]
        ]
        resolved = [each["resolved_at"] for each in incidents]
        if resolved and None not in resolved:
            end = max(resolved)
            if end >= failed["finished_at"] or failed["status"] == "succeeded":
                ends.append(end)
        return min(ends, default=None)

    def lead_times(self, deployment: Row) -> list[float]:
        """Return the seconds from each change that a success delivers first to its end."""
        known = [each for each in self.changes if each["service"] == deployment["service"]]
        versions = {each["version"] for each in known}
        earlier = [
            each["version"]
            for each in self.deployments
            if each["service"] == deployment["service"]
            and delivered(each)
            and order(each) < order(deployment)
        ]
        here = place(deployment["version"], known)
        if here is None:
            return []
        marks = [mark for version in earlier if (mark := place(version, known)) is not None]
        first = [
            version
            for version in versions
            if (
                max(marks) < place(version, known) <= here
                if marks
                else place(version, known) == here
            )
        ]
        return [
            (deployment["finished_at"] - each["committed_at"]).total_seconds()
            for each in known
            if each["version"] in first
        ]


def delivered(deployment: Row) -> bool:
    """Say whether a deployment succeeded and is not a resync."""
    return bool(deployment["status"] == "succeeded" and deployment["kind"] != "resync")


def order(deployment: Row) -> tuple[datetime, Any]:
    """Return what deployments are ordered by: their end, at one instant as they were recorded."""
    return deployment["finished_at"] or deployment["started_at"], deployment["id"]


def same_place(one: Row, other: Row) -> bool:
    """Say whether two rows are about one service in one environment."""
    return bool(one["service"] == other["service"] and one["environment"] == other["environment"])


def within(at: datetime | None, since: datetime, until: datetime) -> bool:
    """Say whether a time is in a half-open span."""
    return at is not None and since <= at < until


def place(version: str, changes: Iterable[Row]) -> Any:
    """Return what a version is ordered by: SemVer if all known versions are, else commit times."""
    known = list(changes)
    if all(SEMVER.fullmatch(each["version"]) for each in known):
        found = SEMVER.fullmatch(version)
        if found is None:
            return None
        *numbers, rest = found.groups()
        parts = [] if rest is None else rest.split(".")
        identifiers = [(not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in parts]
        return ([*map(int, numbers)], rest is None, identifiers)
    times = [each["committed_at"] for each in known if plain(each["version"]) == plain(version)]
    return max(times, default=None)


def plain(version: str) -> str:
    """Return a version without the `v` before its number."""
    return re.sub(r"^v(?=\d)", "", version)


def summary(seconds: Sequence[float]) -> tuple[int, float | None]:
    """Return the count and the median."""
    return len(seconds), statistics.median(seconds) if seconds else None
