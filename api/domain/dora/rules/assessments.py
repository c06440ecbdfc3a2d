"""Assessments: a deployment with its incidents, changes, recovery and verdicts."""

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

# Changes by service name and version.
Changes = Mapping[tuple[str, str], Sequence[Change]]


@dataclass(frozen=True, slots=True)
class Assessment:
    """A deployment with its incidents, changes, recovery and verdicts."""

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
    """Assess the deployments of a window, newest first; also return its unattributed incidents.

    Assessed are deployments that finished in the window, those that started in it and have not
    finished, and those that failed before it and recovered in it.
    """
    places = timelines.by_place(history.deployments)
    attributions, unattributed = failures.attribute(history.incidents, places)
    rollbacks = failures.rolled_back(places)

    def assessments() -> Iterator[Assessment]:
        for deployment in history.deployments:
            if deployment.moment >= window.until:
                continue
            attributed = attributions.get(deployment.id, [])
            rollback = rollbacks.get(deployment.id)
            failure = verdicts.change_failure(deployment, attributed, rollback)
            recovery = None
            if failure.numerator:
                recovery = recover(deployment, attributed, places[deployment.place])
            delivery = deliveries.get(deployment.id)
            leads = _leads(deployment, delivery, changes)
            if deployment.moment in window:
                found = verdicts.judge(deployment, failure, delivery, leads, recovery, window)
            elif recovery is not None and recovery.at in window:
                found = verdicts.recovery_alone()
            else:
                continue
            yield Assessment(deployment, attributed, rollback, delivery, leads, recovery, found)

    newest_first = sorted(
        assessments(),
        key=lambda assessment: (assessment.deployment.moment, assessment.deployment.id),
        reverse=True,
    )
    return newest_first, [incident for incident in unattributed if incident.detected_at in window]


def _leads(deployment: Deployment, delivery: FirstDelivery | None, changes: Changes) -> list[Lead]:
    if delivery is None:
        return []
    delivered = [
        change
        for version in delivery.versions
        for change in changes.get((deployment.place.service, version), ())
    ]
    delivered.sort(key=lambda change: (change.committed_at, change.commit))
    return [
        Lead(change, (deployment.moment - change.committed_at).total_seconds())
        for change in delivered
    ]
