"""The status of a deployment: the phase of its sync, and then the health of what was synced."""

from __future__ import annotations

from datetime import datetime, timedelta

from api.domain.deployments.model import Status
from api.domain.events.adapter import NotOursError, UnmappedError
from api.domain.events.adapters.argocd.sync import Phase, Sync

# After a successful sync; any other health may still change to one of these.
HEALTH = {"Healthy": Status.SUCCEEDED, "Degraded": Status.FAILED}
# A later change of health was not caused by the sync.
SETTLING = timedelta(hours=1)


def progress(sync: Sync) -> tuple[Status, datetime | None]:
    """Return the status of a sync, and when it was reached if it is final.

    Raises NotOursError for a later change of health that the sync did not cause, and UnmappedError
    if the end of the sync is unknown.
    """
    if not sync.phase.ended:
        return Status.RUNNING, None
    ended_at = sync.finished_at
    if ended_at is None:
        raise UnmappedError(
            "The end of the sync is missing: add finishedAt to the notification template."
        )
    if sync.phase is not Phase.SUCCEEDED:
        return Status.FAILED, ended_at
    if sync.health is None:
        return Status.SUCCEEDED, ended_at
    status = HEALTH.get(sync.health, Status.RUNNING)
    outdated = sync.reconciled_at is not None and sync.reconciled_at < ended_at
    if not status.terminal or outdated:
        return Status.RUNNING, None
    reached_at = max(sync.health_changed_at or ended_at, ended_at)
    if reached_at <= ended_at + SETTLING:
        return status, reached_at
    if status is Status.FAILED:
        raise NotOursError(
            "It degraded more than an hour after the sync: an incident, not a failed deployment."
        )
    return status, ended_at
