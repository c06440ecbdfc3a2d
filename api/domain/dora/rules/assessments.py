"""Assessments: a deployment with its incidents, failure, changes and verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from api.domain.dora.rules import failures, timelines, verdicts
from api.domain.dora.rules.failures import Attribution, Recovery, recover
from api.domain.dora.rules.first_deliveries import FirstDelivery
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.reasons import Reason
from api.domain.dora.rules.records import Change, Deployment, History
from api.domain.dora.rules.verdicts import Lead, Verdicts

# Changes by service name and version.
Changes = Mapping[tuple[str, str], Sequence[Change]]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a deployment counts as failed, and how that ended.

    `reason` is None for a rollback, which is not counted, that was itself rolled back.
    """

    deployment: Deployment
    reason: Reason | None
    rolled_back_by: UUID | None
    recovery: Recovery | None


@dataclass(frozen=True, slots=True)
class Assessment:
    """A deployment with its incidents, failure, changes and verdicts."""

    deployment: Deployment
    attributions: Sequence[Attribution]
    failure: Failure | None
    delivery: FirstDelivery | None
    leads: Sequence[Lead]
    verdicts: Verdicts

    @property
    def recovery(self) -> Recovery | None:
        """Return the end of its failure, or None."""
        return self.failure.recovery if self.failure else None


def failures_in(history: History, window: Window) -> Iterator[Failure]:
    """Yield the failures of the deployments that finished in a window.

    The history must have all that they depend on: what follows until they ended.
    """
    places = timelines.by_place(history.deployments)
    attributions, _ = failures.attribute(history.incidents, places)
    rollbacks = failures.rolled_back(places)
    for deployment in history.deployments:
        if not deployment.attempted or deployment.moment not in window:
            continue
        attributed = attributions.get(deployment.id, [])
        rollback = rollbacks.get(deployment.id)
        verdict = verdicts.change_failure(deployment, attributed, rollback)
        if verdict.numerator:
            recovery = recover(deployment, attributed, places[deployment.place])
            yield Failure(deployment, verdict.reason, rollback.id if rollback else None, recovery)
        elif rollback is not None:
            yield Failure(deployment, None, rollback.id, None)


def assess(
    deployment: Deployment,
    attributions: Sequence[Attribution],
    failure: Failure | None,
    delivery: FirstDelivery | None,
    leads: Iterable[Lead],
    window: Window,
) -> Assessment:
    """Assess a deployment of a window, or one that failed before it and recovered in it."""
    ordered = sorted(leads, key=lambda lead: (lead.change.committed_at, lead.change.commit))
    if deployment.moment in window:
        reason = failure.reason if failure else None
        recovery = failure.recovery if failure else None
        counted = verdicts.failed(deployment.kind, deployment.status, reason)
        found = verdicts.judge(deployment, counted, delivery, ordered, recovery, window)
    else:
        found = verdicts.recovery_alone()
    return Assessment(deployment, attributions, failure, delivery, ordered, found)
