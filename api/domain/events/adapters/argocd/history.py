"""The sync of a whole Application, where a later sync of some of its resources hides it.

Argo CD keeps one operation, and heals what differs: that may begin within the second in which a
sync has ended, before anybody was told. `status.history` remembers whole syncs, and only those
that succeeded (argoproj/argo-cd, controller/sync.go).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.domain.events.adapter import NotOursError
from api.domain.events.adapters.argocd.operation import applied_images, asked, is_partial

# The kinds that have pods, for an Argo CD that does not say which images it has applied.
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


def hides_whole_sync(operation: Mapping[str, Any]) -> bool:
    """Say whether only some resources were synced, and none of them has pods."""
    kinds = {each.get("kind") for each in asked(operation, "sync").get("resources") or []}
    return is_partial(operation) and not applied_images(operation) and WORKLOADS.isdisjoint(kinds)


def whole_sync(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an Application's status as the last whole sync has left it.

    Raises NotOursError where that is not known, or where what runs may be something else: because
    the later sync was of another revision, or because there are differences.
    """
    operation = status["operationState"]
    synced = (status.get("sync") or {}).get("status") or "Synced"
    last = (status.get("history") or [{}])[-1]
    if (
        operation["phase"] != "Succeeded"
        or synced != "Synced"
        or not last.get("deployStartedAt")
        or _revisions(last) != _revisions(operation.get("syncResult") or {})
    ):
        raise NotOursError("It has synced some resources, and none of them has an image.")
    whole = {
        "phase": "Succeeded",
        "startedAt": last["deployStartedAt"],
        "finishedAt": last["deployedAt"],
        "operation": {"initiatedBy": last.get("initiatedBy")},
        "syncResult": {name: last.get(name) for name in ("revision", "revisions")},
    }
    return {**status, "operationState": whole}


def _revisions(of: Mapping[str, Any]) -> tuple[Any, ...]:
    return of.get("revision") or None, *(of.get("revisions") or ())
