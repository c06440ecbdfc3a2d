"""A notification by a template of people's own, with an Application's fields under other names.

`{"app": "checkout", "phase": "Succeeded", "health_status": "Healthy", …}`, or in groups, such as
`{"application": {"name": …}, "sync": {"status": …}}`. Case, `_` and `-` in a name do not matter,
and the names of its groups are part of it: `app.name`, `app_name` and `appName` are the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from api.domain.events.adapter import UnmappedError
from api.domain.events.adapters.argocd.application import MISSING, sync_of
from api.domain.events.adapters.argocd.sync import Phase, Sync

NAMES = {
    "name": ("app", "application", "appname", "applicationname", "name"),
    "uid": ("uid", "appuid", "applicationuid"),
    "namespace": ("namespace", "destinationnamespace", "appnamespace", "applicationnamespace"),
    "cluster": ("destinationname", "destinationcluster", "cluster", "clustername"),
    "server": ("destinationserver", "server", "clusterserver"),
    "phase": ("phase", "operationphase", "operationstatephase", "operationstate", "syncphase"),
    "health": ("healthstatus", "health", "apphealth", "apphealthstatus", "applicationhealth"),
    "healthchanged": (
        "healthchangedat",
        "healthlasttransitiontime",
        "apphealthlasttransitiontime",
        "applicationhealthlasttransitiontime",
    ),
    "sync": ("syncstatus", "sync", "appsyncstatus", "applicationsyncstatus"),
    "started": ("startedat", "operationstartedat", "operationstatestartedat", "starttime"),
    "finished": ("finishedat", "operationfinishedat", "operationstatefinishedat", "endtime"),
    "deleted": ("deletedat", "deletiontimestamp", "appdeletiontimestamp"),
    "revision": ("revision", "gitrevision", "syncrevision", "commit", "commitid", "commitsha"),
    "revisions": ("revisions", "syncrevisions"),  # of several sources
    "user": ("initiatedby", "initiatedbyusername", "user", "username", "triggeredby"),
    "automated": ("automated", "initiatedbyautomated"),
    "images": ("images", "image", "summaryimages"),
}
TIMESTAMP, STATUS = "timestamp", "status"
MAX_NAME = max(len(name) for names in (*NAMES.values(), (TIMESTAMP, STATUS)) for name in names)


def parse(body: Mapping[str, Any]) -> Sync:
    """Return the sync that a body describes.

    Raises UnmappedError without an Application's name, a phase or a time, and ValueError, TypeError
    or AttributeError if a field has a value of another type.
    """
    return sync_of(_application(body), body)


def _application(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an Application in its own shape with the fields of a body."""
    given: dict[str, Any] = {}
    _flatten(body, "", given)

    def field(kind: str) -> Any:
        return next((given[name] for name in NAMES[kind] if name in given), None)

    deleted_at = field("deleted")
    finished_at = field("finished") or given.get(TIMESTAMP) or deleted_at
    phase = field("phase") or (given.get(STATUS) if given.get(STATUS) in Phase else None)
    if phase is None and finished_at and (field("sync") == "Synced" or deleted_at):
        phase = Phase.SUCCEEDED
    if field("name") is None or phase is None:
        raise UnmappedError(
            "The app or the phase of its sync is missing: add both to the notification template."
        )
    if phase in (Phase.RUNNING, Phase.TERMINATING):
        finished_at = None
    initiated_by = {
        "username": field("user"),
        "automated": str(field("automated")).lower() == "true",
    }
    return {
        "metadata": {
            "name": field("name"),
            "uid": field("uid"),
            "labels": {},
            "deletionTimestamp": deleted_at,
        },
        "spec": {
            "destination": {
                "namespace": field("namespace"),
                "name": field("cluster"),
                "server": field("server"),
            }
        },
        "status": {
            "health": {"status": field("health"), "lastTransitionTime": field("healthchanged")},
            "summary": {"images": _listed(field("images"))},
            "operationState": {
                "phase": phase,
                "startedAt": field("started"),
                "finishedAt": finished_at,
                "operation": {"initiatedBy": initiated_by},
                "syncResult": {
                    "revision": field("revision"),
                    "revisions": _listed(field("revisions")),
                },
            },
        },
    }


def _listed(value: Any) -> Any:
    """Return the texts in a list, or in a text as Go prints one: `[a:1 b:2]`, or with commas."""
    if not isinstance(value, str):
        return value or []
    return [
        text.strip("\"'")
        for text in re.split(r"[\s,]+", value.strip().removeprefix("[").removesuffix("]"))
        if text.strip("\"'")
    ]


def _flatten(body: Mapping[str, Any], group: str, into: dict[str, Any]) -> None:
    for name, value in body.items():
        path = group + re.sub(r"[^a-z0-9]", "", name.lower())
        if len(path) > MAX_NAME:  # none of NAMES, nor is what is below it
            continue
        if isinstance(value, dict):
            _flatten(value, path, into)
        elif value is not None and value not in MISSING:
            into[path] = value
