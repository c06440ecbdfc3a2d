"""Self-healing: a sync of some resources that hides the whole sync before it.

Argo CD keeps one operation. It may heal a Service within the second in which a whole sync has
ended, so that no notification is ever sent about that one; only the history still has it.
"""

from __future__ import annotations

from api.domain.events.adapter import NotOursError
from api.domain.events.adapters.argocd.sync import Phase, Sync

# The kinds that have pods: before Argo CD 3, nothing else shows that an image may have changed.
WORKLOADS = {
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Rollout",
    "Job",
    "CronJob",
    "Pod",
}


def hides_whole_sync(sync: Sync) -> bool:
    """Return whether a sync selected some resources, and none of them has pods."""
    return sync.partial and not sync.applied_images and WORKLOADS.isdisjoint(sync.selected_kinds)


def hidden_sync(sync: Sync) -> Sync:
    """Return the whole sync that a later one hides.

    Raises NotOursError if it is unknown, or if something else may be running since: because the
    later sync has not succeeded, or was of another revision.
    """
    whole = sync.last_whole_sync
    if sync.phase is not Phase.SUCCEEDED or whole is None or whole.revision != sync.revision:
        raise NotOursError("Only some resources were synced, and none of them has an image.")
    return whole
