"""A notification with an Application in Argo CD's own shape, whole or in part.

Either `{"app": APPLICATION, …}`, as our template (`k8s/argocd/`) and Datadog's send it, or the
Application itself. Fields: argoproj/argo-cd, pkg/apis/application/v1alpha1/types.go.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from api.domain.events.adapter import NotOursError, UnmappedError
from api.domain.events.adapters.argocd.sync import Phase, Sync
from api.domain.events.links import web_url
from api.domain.events.texts import in_ascii, line
from api.domain.kit.times import parse_instant, parse_time
from api.domain.kit.types import ACTOR_LENGTH

MAX_REVISION = 128
FINALIZER = re.compile(r"resources-finalizer\.argocd\.argoproj\.io")
PRUNED = "Pruned"  # and not PruneSkipped
RESOURCE_VERSION = re.compile("[1-9][0-9]{0,17}")
# What Go's templates make of a field that does not exist, and of a time that was never set.
MISSING = ("", "<no value>", "<nil>", "0001-01-01T00:00:00Z", "0001-01-01 00:00:00 +0000 UTC")
OWN_CLUSTER = {"in-cluster", "kubernetes.default.svc", *MISSING}


def parse(body: Mapping[str, Any]) -> Sync | None:
    """Return the latest sync of the Application in a body, or None if the body has none.

    Raises what `sync_of` raises.
    """
    for app in (body.get("app"), body):
        if isinstance(app, dict) and "metadata" in app and "status" in app:
            return sync_of(app, body)
    return None


def sync_of(app: Mapping[str, Any], body: Mapping[str, Any]) -> Sync:
    """Return the latest sync of an Application, with what the rest of the body adds.

    Raises NotOursError if nothing was ever synced, UnmappedError without the time of the sync, and
    ValueError, KeyError, TypeError or AttributeError if it is not an Application.
    """
    metadata, status = app["metadata"], app["status"]
    operation = status.get("operationState")
    if not operation:
        raise NotOursError("The Application has never been synced.")
    requested = operation.get("operation") or {}
    request, result = requested.get("sync") or {}, operation.get("syncResult") or {}
    if request.get("dryRun"):
        raise NotOursError("A dry run changes nothing.")
    started_at = _given(operation, "startedAt") or _given(operation, "finishedAt")
    if not started_at:
        raise UnmappedError(
            "The start of the sync is missing: add startedAt to the notification template."
        )
    phase = Phase(operation["phase"])
    selected = request.get("resources") or []
    applied_images = _applied_images(result)
    may_hide_another = selected and not applied_images
    synced = status if phase is Phase.SUCCEEDED else {}
    health = synced.get("health") or {}
    revision = _revision(result) or _revision(request)
    deleted_at = _given(metadata, "deletionTimestamp")
    return Sync(
        id=f"{_application_id(metadata)}/{started_at}",
        sequence=_sequence(metadata.get("resourceVersion")),
        phase=phase,
        started_at=_time("startedAt", started_at),
        finished_at=_optional_time(operation, "finishedAt") if phase.ended else None,
        actor=_actor(requested.get("initiatedBy") or {}),
        revision=revision,
        commit=body.get("application_commit") or None,
        selected_kinds=frozenset(resource.get("kind") or "" for resource in selected),
        applied_images=applied_images,
        pruned_images=_pruned_images(result),
        running_images=_images(status.get("summary") or {}),
        health=health.get("status") or None,
        health_changed_at=_optional_time(health, "lastTransitionTime"),
        reconciled_at=_optional_time(synced, "reconciledAt"),
        url=web_url(body.get("url")),
        deleted_at=parse_time(deleted_at) if deleted_at else None,
        takes_along=_takes_along(metadata),
        last_whole_sync=_last_whole_sync(app, body) if may_hide_another else None,
        fields={**_placed(app, without_missing(body)), "app": app, "revision": revision},
    )


def _placed(app: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with `cluster` and `place`, the namespace in a cluster.

    The cluster is what a template says it is, or else the destination if that is not the cluster of
    Argo CD itself: its name, or the host of its server.
    """
    destination = (app.get("spec") or {}).get("destination") or {}
    name, server = str(destination.get("name") or ""), str(destination.get("server") or "")
    remote = name or urlsplit(server).hostname or server
    cluster = fields.get("cluster") or ("" if remote in OWN_CLUSTER else remote)
    namespace = destination.get("namespace")
    place = f"{namespace}-{cluster}" if namespace and cluster else namespace
    return {**fields, "cluster": cluster, "place": place}


def without_missing(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body without the fields that its template had no value for."""
    return {name: value for name, value in body.items() if value not in MISSING}


def _last_whole_sync(app: Mapping[str, Any], body: Mapping[str, Any]) -> Sync | None:
    """Return the newest entry of the history, which has only whole syncs that succeeded.

    None if the Application has drifted since: what runs may then be something else.
    Source: argoproj/argo-cd, controller/sync.go.
    """
    status = app["status"]
    compared = (status.get("sync") or {}).get("status") or "Synced"
    entry = (status.get("history") or [{}])[-1]
    if compared != "Synced" or not _given(entry, "deployStartedAt"):
        return None
    operation = {
        "phase": "Succeeded",
        "startedAt": entry["deployStartedAt"],
        "finishedAt": entry.get("deployedAt"),
        "operation": {"initiatedBy": entry.get("initiatedBy")},
        "syncResult": {name: entry.get(name) for name in ("revision", "revisions")},
    }
    return sync_of({**app, "status": {**status, "operationState": operation}}, body)


def _takes_along(metadata: Mapping[str, Any]) -> bool:
    """Return whether Argo CD deletes what an Application has deployed: it does for a finalizer."""
    finalizers = metadata.get("finalizers")
    return not finalizers or any(map(FINALIZER.match, finalizers))


def _application_id(metadata: Mapping[str, Any]) -> str:
    return metadata.get("uid") or f"{metadata.get('namespace') or 'argocd'}/{metadata['name']}"


def _sequence(version: Any) -> int | None:
    """Return a resource version as a number: Argo CD's own times are whole seconds.

    Those of one object can be compared (Kubernetes' KEP-5504, stable since 1.35).
    """
    if isinstance(version, str) and RESOURCE_VERSION.fullmatch(version):
        return int(version)
    return None


def _revision(of: Mapping[str, Any]) -> str | None:
    """Return the revision of a sync's request or result; a hash if it is too long to store.

    Not `status.sync.revision`, which is what the Application is compared with by now.
    """
    several = [revision for revision in of.get("revisions") or [] if revision]
    revision = in_ascii(str(",".join(several) or of.get("revision") or ""))
    if len(revision) > MAX_REVISION:
        return f"sha256:{hashlib.sha256(revision.encode()).hexdigest()}"
    return revision or None


def _actor(initiated_by: Mapping[str, Any]) -> str | None:
    username = initiated_by.get("username")
    return None if initiated_by.get("automated") else line(username, ACTOR_LENGTH)


def _applied_images(result: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        image
        for resource in result.get("resources") or []
        if "Prune" not in (resource.get("status") or "")
        for image in _images(resource)
    )


def _pruned_images(result: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        image
        for resource in result.get("resources") or []
        if resource.get("status") == PRUNED
        for image in _images(resource)
    )


def _images(of: Mapping[str, Any]) -> tuple[str, ...]:
    images = of.get("images") or []
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        raise ValueError("images must be a list of texts")
    return tuple(images)


def _optional_time(of: Mapping[str, Any], name: str) -> datetime | None:
    value = _given(of, name)
    return None if value is None else _time(name, value)


def _given(of: Mapping[str, Any], name: str) -> Any:
    """Return the value of a field, or None if it has none."""
    value = of.get(name)
    return None if not value or value in MISSING else value


def _time(name: str, value: Any) -> datetime:
    try:
        return parse_instant(value)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from error
