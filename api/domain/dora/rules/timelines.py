"""Timelines: what happened in one cell, a service in an environment, in order of time finished."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from api.domain.deployments.model import Kind
from api.domain.dora.rules.records import Deployment, Place


class Timeline:
    """The deployments of a cell that succeeded or failed, resyncs left out."""

    def __init__(self, deployments: Iterable[Deployment]) -> None:
        attempts = sorted(deployments, key=lambda each: (each.moment, each.id))
        self._attempts = _Track(attempts)
        self._successes = _Track([each for each in attempts if each.delivered])
        self._failures = _Track([each for each in attempts if not each.delivered])
        self.rollbacks = [
            each for each in self._successes.deployments if each.kind == Kind.ROLLBACK
        ]

    def latest_attempt(self, at: datetime) -> Deployment | None:
        """Return what had last succeeded or failed at a time."""
        return self._attempts.latest(at)

    def latest_success(self, at: datetime) -> Deployment | None:
        """Return what had last succeeded, and therefore ran, at a time."""
        return self._successes.latest(at)

    def next_success(self, after: datetime) -> Deployment | None:
        """Return what succeeded first after a time."""
        return self._successes.next(after)

    def failed_between(self, after: datetime, until: datetime) -> bool:
        """Say whether something failed after a time, up to and including another."""
        failed = self._failures.next(after)
        return failed is not None and failed.moment <= until


class _Track:
    """Deployments in order, looked up by time."""

    def __init__(self, deployments: Sequence[Deployment]) -> None:
        self.deployments = deployments
        self._moments = [each.moment for each in deployments]

    def latest(self, at: datetime) -> Deployment | None:
        index = bisect_right(self._moments, at)
        return self.deployments[index - 1] if index else None

    def next(self, after: datetime) -> Deployment | None:
        index = bisect_right(self._moments, after)
        return self.deployments[index] if index < len(self.deployments) else None


def by_place(deployments: Iterable[Deployment]) -> dict[Place, Timeline]:
    """Return the timeline of each cell."""
    cells: dict[Place, list[Deployment]] = defaultdict(list)
    for deployment in deployments:
        if deployment.attempted:
            cells[deployment.place].append(deployment)
    return {cell: Timeline(attempts) for cell, attempts in cells.items()}
