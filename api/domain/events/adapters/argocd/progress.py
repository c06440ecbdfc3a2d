"""The status of a deployment: the phase of its sync, and then the health of what was synced."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from api.domain.deployments.model import Status
from api.domain.events.adapter import NotOursError, UnmappedError
from api.domain.events.adapters.argocd.sync import Sync

# After a successful sync; any other health may still change to one of these.
HEALTH = {"Healthy": Status.SUCCEEDED, "Degraded": Status.FAILED}
# Health that may stay as it is forever; any other is about to change.
RESTING = {*HEALTH, "Suspended"}
# A canary may be paused for days. A later change of health was not caused by the sync.
SETTLING = timedelta(days=7)


class Progress(NamedTuple):
    """The status of a deployment, when it was reached if it is final, and its place in an order.

    Of two statuses reached at the same time, the one with the greater `sequence` holds.
    """

    status: Status
    finished_at: datetime | None
    sequence: int | None


def progress(sync: Sync) -> Progress:
    """Return how far the deployment of a sync has come.

    Raises NotOursError for a later change of health that the sync did not cause, and UnmappedError
    if the end of the sync is unknown.
    """
    if not sync.phase.ended:
        return Progress(Status.RUNNING, None, sync.sequence)
    ended_at = sync.finished_at
    if ended_at is None:
        raise UnmappedError(
            "The end of the sync is missing: add finishedAt to the notification template."
        )
    if sync.phase.failed:
        return Progress(Status.FAILED, ended_at, sync.sequence)
    if sync.health is None:
        return Progress(Status.SUCCEEDED, ended_at, sync.sequence)
    outdated = sync.reconciled_at is not None and sync.reconciled_at < ended_at
    if outdated or sync.health not in RESTING:
        return Progress(Status.RUNNING, None, sync.sequence)
    return _settled(sync, sync.health, ended_at)


def _settled(sync: Sync, health: str, ended_at: datetime) -> Progress:
    """Return what health that may stay as it is says of a sync that has succeeded."""
    status = HEALTH.get(health, Status.RUNNING)
    changed_at = sync.health_changed_at
    if changed_at is None:
        return _undated(sync, status, ended_at)
    if changed_at < sync.started_at:  # the sync has changed nothing about it
        return Progress(Status.SUCCEEDED, ended_at, sync.sequence)
    if not status.terminal:
        return Progress(status, None, sync.sequence)
    if changed_at <= ended_at + SETTLING:
        return Progress(status, max(changed_at, ended_at), sync.sequence)
    if status is Status.FAILED:
        raise NotOursError(
            "It degraded more than a week after the sync: an incident, not a failed deployment."
        )
    return Progress(status, ended_at, sync.sequence)


def _undated(sync: Sync, status: Status, ended_at: datetime) -> Progress:
    """Return what health without a time says (Argo CD before 2.14, and most templates of others).

    It may have degraded at once or days later, so a failure comes before any success in the order.
    """
    if not status.terminal:
        return Progress(status, None, sync.sequence)
    sequence = None if status is Status.FAILED else sync.sequence or 0
    return Progress(status, ended_at, sequence)
