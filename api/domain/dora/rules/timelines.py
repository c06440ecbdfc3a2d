"""Timelines: the deployments of a service in an environment, by the time they finished."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from api.domain.deployments.model import Kind
from api.domain.dora.rules.records import Deployment, Place


class Timeline:
    """The deployments of a place that succeeded or failed, without resyncs."""

    def __init__(self, deployments: Iterable[Deployment]) -> None:
        attempts = sorted(deployments, key=_order)
        self._attempts = _Track(attempts)
        self._successes = _Track([attempt for attempt in attempts if attempt.delivered])
        self._failures = _Track([attempt for attempt in attempts if not attempt.delivered])
        self.rollbacks = [
            success for success in self._successes.deployments if success.kind == Kind.ROLLBACK
        ]

    def latest_attempt(self, at: datetime) -> Deployment | None:
        """Return the last deployment that succeeded or failed up to a time, or None."""
        return self._attempts.latest(at)

    def live_before(self, deployment: Deployment) -> Deployment | None:
        """Return the last deployment that had succeeded when another one started, or None.

        One that finished at the very start had succeeded. A deployment without a duration is not
        before itself: at one instant, the order is that of the ids.
        """
        return self._successes.latest(deployment.started_at, before=deployment)

    def next_success(self, failed: Deployment, after: datetime) -> Deployment | None:
        """Return the first success after another deployment and after a time, or None.

        At the instant in which the other one finished, the order is that of the ids.
        """
        return self._successes.next(after, beyond=failed)

    def failed_between(self, after: datetime, until: datetime) -> bool:
        """Return whether a deployment failed after a time, up to and including another."""
        failed = self._failures.next(after)
        return failed is not None and failed.moment <= until


class _Track:
    """Sorted deployments with lookup by time."""

    def __init__(self, deployments: Sequence[Deployment]) -> None:
        self.deployments = deployments
        self._moments = [deployment.moment for deployment in deployments]

    def latest(self, at: datetime, before: Deployment | None = None) -> Deployment | None:
        index = bisect_right(self._moments, at)
        if before is not None:
            index = min(index, bisect_left(self.deployments, _order(before), key=_order))
        return self.deployments[index - 1] if index else None

    def next(self, after: datetime, beyond: Deployment | None = None) -> Deployment | None:
        index = bisect_right(self._moments, after)
        if beyond is not None and beyond.moment == after:
            index = bisect_right(self.deployments, _order(beyond), key=_order)
        return self.deployments[index] if index < len(self.deployments) else None


def _order(deployment: Deployment) -> tuple[datetime, UUID]:
    return deployment.moment, deployment.id


def by_place(deployments: Iterable[Deployment]) -> dict[Place, Timeline]:
    """Return the timeline of each service in each environment."""
    places: dict[Place, list[Deployment]] = defaultdict(list)
    for deployment in deployments:
        if deployment.attempted:
            places[deployment.place].append(deployment)
    return {place: Timeline(attempts) for place, attempts in places.items()}
