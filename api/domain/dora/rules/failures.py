"""Failures: what shows that a deployment failed, an incident or a rollback, and what ended it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from api.domain.dora.rules.records import Deployment, Incident, Place
from api.domain.dora.rules.timelines import Timeline
from api.domain.incidents.model import INFERENCE_WINDOW


@dataclass(frozen=True, slots=True)
class Attribution:
    """An incident, and whether somebody states that this deployment caused it."""

    incident: Incident
    stated: bool


@dataclass(frozen=True, slots=True)
class Recovery:
    """The end of a failure: the deployment that ended it, or None when its incidents did.

    `seconds` are negative when its incidents were resolved before it finished.
    """

    at: datetime
    seconds: float
    by_deployment: UUID | None


def attribute(
    incidents: Iterable[Incident], timelines: Mapping[Place, Timeline]
) -> tuple[dict[UUID, list[Attribution]], list[Incident]]:
    """Return the incidents of each deployment, by its id, and those of none.

    What is stated holds. Otherwise it is inferred: the latest deployment of the same service and
    environment, succeeded or failed and no resync, that finished at or before the detection and at
    most 72 hours before it.
    """
    attributions: dict[UUID, list[Attribution]] = defaultdict(list)
    unattributed: list[Incident] = []
    for incident in sorted(incidents, key=lambda each: (each.detected_at, each.id)):
        if incident.deployment_id is not None:
            attributions[incident.deployment_id].append(Attribution(incident, stated=True))
            continue
        timeline = timelines.get(incident.place)
        cause = timeline.latest_attempt(incident.detected_at) if timeline else None
        if cause is not None and incident.detected_at - cause.moment <= INFERENCE_WINDOW:
            attributions[cause.id].append(Attribution(incident, stated=False))
        else:
            unattributed.append(incident)
    return dict(attributions), unattributed


def rolled_back(timelines: Mapping[Place, Timeline]) -> dict[UUID, Deployment]:
    """Return the first successful rollback away from each deployment, by the deployment's id.

    The deployment blamed is the one that was live, that is, had last succeeded there, when the
    rollback began: of V1, V2, V3, back to V1, it is V3. Datadog blames V2, the first one after the
    target (dora_metrics/change_failure_detection); but what somebody rolls back is what runs, and
    V2 may have run well for weeks.
    """
    found: dict[UUID, Deployment] = {}
    for timeline in timelines.values():
        for rollback in timeline.rollbacks:
            live = timeline.latest_success(rollback.started_at)
            if live is not None and live is not rollback and _leaves(timeline, live, rollback):
                found.setdefault(live.id, rollback)
    return found


def recover(
    failed: Deployment, attributions: Sequence[Attribution], timeline: Timeline
) -> Recovery | None:
    """Return what ended a failure first, or None when nothing has.

    Either all its incidents are resolved, or the next deployment there succeeds: a rollback, a
    hotfix or any other rollout, that finished after it and after its first incident was detected.
    A resync does not end it: the same thing once more mends nothing, and a controller that applies
    it every few minutes would recover from everything at once.
    """
    since = max([failed.moment, *(each.incident.detected_at for each in attributions[:1])])
    following = timeline.next_success(since)
    resolutions = [each.incident.resolved_at for each in attributions]
    resolved = max((at for at in resolutions if at is not None), default=None)
    if None in resolutions:
        resolved = None
    if following is not None and (resolved is None or following.moment <= resolved):
        return Recovery(following.moment, _seconds(failed, following.moment), following.id)
    return None if resolved is None else Recovery(resolved, _seconds(failed, resolved), None)


def _leaves(timeline: Timeline, live: Deployment, rollback: Deployment) -> bool:
    """Say whether a rollback replaces what is live.

    Going back to what is live, after something else failed to replace it, does not: the failure is
    blamed already, even if the rollback has a configuration revision of its own.
    """
    if live.version != rollback.version or _differ(live.image_digest, rollback.image_digest):
        return True
    return _differ(live.config_revision, rollback.config_revision) and not timeline.failed_between(
        live.moment, rollback.started_at
    )


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _seconds(failed: Deployment, at: datetime) -> float:
    return (at - failed.moment).total_seconds()
