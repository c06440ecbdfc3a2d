"""Recoveries: when a failed deployment was over, and by what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from api.domain.dora.failures import Link
from api.domain.dora.records import Deployment
from api.domain.dora.timelines import Timeline


@dataclass(frozen=True, slots=True)
class Recovery:
    """The end of a failure: the deployment that ended it, or None when its incidents did.

    `seconds` are negative when its incidents were resolved before it finished.
    """

    at: datetime
    seconds: float
    by_deployment: UUID | None


def recover(failed: Deployment, links: Sequence[Link], timeline: Timeline) -> Recovery | None:
    """Return what ended a failure first, or None when nothing has.

    Either all its incidents are resolved, or the next deployment there succeeds: a rollback, a
    hotfix or any other rollout, that finished after it and after its first incident was detected.
    A resync does not end it: the same thing once more mends nothing, and a controller that applies
    it every few minutes would recover from everything at once.
    """
    since = max([failed.moment, *(each.incident.detected_at for each in links[:1])])
    following = timeline.next_success(since)
    resolutions = [each.incident.resolved_at for each in links]
    resolved = max((at for at in resolutions if at is not None), default=None)
    if None in resolutions:
        resolved = None
    if following is not None and (resolved is None or following.moment <= resolved):
        return Recovery(following.moment, _seconds(failed, following.moment), following.id)
    return None if resolved is None else Recovery(resolved, _seconds(failed, resolved), None)


def _seconds(failed: Deployment, at: datetime) -> float:
    return (at - failed.moment).total_seconds()
