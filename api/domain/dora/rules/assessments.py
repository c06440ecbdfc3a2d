"""Assessments: what follows from the history for each deployment, and the verdicts on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from api.domain.dora.rules import failures, timelines, verdicts
from api.domain.dora.rules.failures import Attribution, Recovery, recover
from api.domain.dora.rules.first_deliveries import FirstDelivery
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.records import Change, Deployment, History, Incident
from api.domain.dora.rules.verdicts import Lead, Verdicts

# The changes of each version, by service and version.
Changes = Mapping[tuple[str, str], Sequence[Change]]


@dataclass(frozen=True, slots=True)
class Assessment:
    """A deployment, what follows from the history for it, and the verdicts on it."""

    deployment: Deployment
    attributions: Sequence[Attribution]
    rolled_back_by: Deployment | None
    delivery: FirstDelivery | None
    leads: Sequence[Lead]
    recovery: Recovery | None
    verdicts: Verdicts


def assess(
    history: History, deliveries: Mapping[UUID, FirstDelivery], changes: Changes, window: Window
) -> tuple[list[Assessment], list[Incident]]:
    """Return the assessments of a window, newest first, and its incidents without a deployment.

    The assessments are those of what finished in it, what began in it and has not finished, and
    what failed before it and recovered in it.
    """
    cells = timelines.by_place(history.deployments)
    attributions, unattributed = failures.attribute(history.incidents, cells)
    rollbacks = failures.rolled_back(cells)

    def assessments() -> Iterator[Assessment]:
        for deployment in history.deployments:
            if deployment.moment >= window.until:
                continue
            blamed_for = attributions.get(deployment.id, [])
            rollback = rollbacks.get(deployment.id)
            failure = verdicts.change_failure(deployment, blamed_for, rollback)
            recovery = None
            if failure.numerator:
                recovery = recover(deployment, attributions, cells[deployment.place])
            delivery = deliveries.get(deployment.id)
            leads = _leads(deployment, delivery, changes)
            if deployment.moment in window:
                found = verdicts.judge(deployment, failure, delivery, leads, recovery, window)
            elif recovery is not None and recovery.at in window:
                found = verdicts.recovery_alone()
            else:
                continue
            yield Assessment(deployment, attributions, rollback, delivery, leads, recovery, found)

    assessed = sorted(
        assessments(), key=lambda each: (each.deployment.moment, each.deployment.id), reverse=True
    )
    return assessed, [each for each in unattributed if each.detected_at in window]


def _leads(deployment: Deployment, delivery: FirstDelivery | None, changes: Changes) -> list[Lead]:
    if delivery is None:
        return []
    brought = [
        change
        for version in delivery.versions
        for change in changes.get((deployment.place.service, version), ())
    ]
    brought.sort(key=lambda change: (change.committed_at, change.commit))
    return [
        Lead(change, (deployment.moment - change.committed_at).total_seconds())
        for change in brought
    ]
