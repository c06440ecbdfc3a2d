"""How far a sync has come: its own phase, and then the health of what it has changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from api.domain.deployments.model import Status
from api.domain.events.adapter import NotOursError, UnmappedError
from api.domain.kit.times import parse_instant

PHASES = {
    "Running": Status.RUNNING,
    "Terminating": Status.RUNNING,
    "Succeeded": Status.SUCCEEDED,
    "Failed": Status.FAILED,
    "Error": Status.FAILED,
}
# Of what is synced; any other health may still become one of these.
HEALTH = {"Healthy": Status.SUCCEEDED, "Degraded": Status.FAILED}
# What happens to the health later than this after a sync is no longer the sync's doing.
SETTLING = timedelta(hours=1)


def progress(status: Mapping[str, Any]) -> tuple[Status, datetime | None]:
    """Return the status of the Application's latest sync, and when it was reached if it is final.

    Raises NotOursError for a change of health that is none of its doing, and UnmappedError if it
    does not say when the sync ended.
    """
    operation, health = status["operationState"], status.get("health") or {}
    phase = PHASES[operation["phase"]]
    if not phase.terminal:  # a sync that is tried again has a `finishedAt`, too
        return phase, None
    if not operation.get("finishedAt"):
        raise UnmappedError(
            "It does not say when the sync ended: let the template send finishedAt."
        )
    ended_at = parse_instant(operation["finishedAt"])
    if phase is Status.FAILED or not health.get("status"):
        return phase, ended_at
    reached = HEALTH.get(health["status"], Status.RUNNING)
    looked_at = status.get("reconciledAt")
    if not reached.terminal or (looked_at and parse_instant(looked_at) < ended_at):
        return Status.RUNNING, None
    changed_at = health.get("lastTransitionTime")
    reached_at = max(parse_instant(changed_at), ended_at) if changed_at else ended_at
    if reached_at <= ended_at + SETTLING:
        return reached, reached_at
    if reached is Status.FAILED:
        raise NotOursError("It degraded long after the sync: that is an incident, no deployment.")
    return reached, ended_at
