"""Failures: incidents and rollbacks that show that a deployment failed, and its recovery."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from api.domain.deployments.model import Status
from api.domain.dora.rules.records import Deployment, Incident, Place
from api.domain.dora.rules.timelines import Timeline
from api.domain.incidents.model import INFERENCE_WINDOW
from api.domain.kit import versions


@dataclass(frozen=True, slots=True)
class Attribution:
    """An incident that a deployment caused, as somebody stated or as was inferred."""

    incident: Incident
    stated: bool


@dataclass(frozen=True, slots=True)
class Recovery:
    """The end of a failure, by a deployment or, if None, by the resolution of its incidents.

    `seconds` is the time since the failed deployment finished; it is negative if the incidents were
    resolved before that.
    """

    at: datetime
    seconds: float
    by_deployment: UUID | None


def attribute(
    incidents: Iterable[Incident], timelines: Mapping[Place, Timeline]
) -> tuple[dict[UUID, list[Attribution]], list[Incident]]:
    """Attribute incidents to deployments, by their ids; also return the unattributed ones.

    A stated cause is taken as it is. Otherwise the cause is the latest deployment in the same
    service and environment that succeeded or failed, is not a resync, and finished at most 72 hours
    before the detection.
    """
    attributions: dict[UUID, list[Attribution]] = defaultdict(list)
    unattributed: list[Incident] = []
    for incident in sorted(incidents, key=lambda incident: (incident.detected_at, incident.id)):
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
    """Return the first successful rollback of each deployment, by the deployment's id.

    The deployment rolled back is the one that was live, that is, had succeeded last, when the
    rollback began: after V1, V2, V3 and back to V1, it is V3. Datadog blames V2, the first one
    after the target (dora_metrics/change_failure_detection), but V2 may have run well for weeks.
    """
    found: dict[UUID, Deployment] = {}
    for timeline in timelines.values():
        for rollback in timeline.rollbacks:
            live = timeline.live_before(rollback)
            if live is not None and _leaves(timeline, live, rollback):
                found.setdefault(live.id, rollback)
    return found


def recover(
    failed: Deployment, attributions: Sequence[Attribution], timeline: Timeline
) -> Recovery | None:
    """Return the recovery from a failed deployment, or None if there is none yet.

    A failure ends when all its incidents are resolved or the next deployment succeeds, whichever is
    first: a rollback, a hotfix or any rollout that finishes after the failure and after its first
    incident was detected. A resync does not count: it applies the same release again, and
    controllers do so every few minutes.
    """
    since = max([failed.moment, *(first.incident.detected_at for first in attributions[:1])])
    following = timeline.next_success(failed, since)
    resolutions = [attribution.incident.resolved_at for attribution in attributions]
    resolved = max((at for at in resolutions if at is not None), default=None)
    if None in resolutions:
        resolved = None
    # An incident that ended before the deployment failed did not end that failure.
    if resolved is not None and failed.status == Status.FAILED and resolved < failed.moment:
        resolved = None
    if following is not None and (resolved is None or following.moment <= resolved):
        return Recovery(following.moment, _seconds(failed, following.moment), following.id)
    return None if resolved is None else Recovery(resolved, _seconds(failed, resolved), None)


def _leaves(timeline: Timeline, live: Deployment, rollback: Deployment) -> bool:
    """Return whether a rollback replaces the live deployment.

    A rollback to the live release, after another deployment failed to replace it, does not: that
    failure is counted already, even if the rollback has a different configuration revision.
    """
    if not versions.alike(live, rollback) or _differ(live.image_digest, rollback.image_digest):
        return True
    return _differ(live.config_revision, rollback.config_revision) and not timeline.failed_between(
        live.moment, rollback.started_at
    )


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _seconds(failed: Deployment, at: datetime) -> float:
    return (at - failed.moment).total_seconds()
