"""Templates that people write for themselves: the fields of an Application under other names.

`{"app": "checkout", "phase": "Succeeded", "health_status": "Healthy", …}`, or in groups, such as
`{"application": {"name": …}, "sync": {"status": …}}`. A name counts without case, `_` and `-`, and
with those of the groups around it: `app.name`, `app_name` and `appName` are one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from api.domain.events.adapter import UnmappedError

NAMES = {
    "name": ("app", "application", "appname", "applicationname", "name"),
    "uid": ("uid", "appuid", "applicationuid"),
    "namespace": ("namespace", "destinationnamespace", "appnamespace", "applicationnamespace"),
    "phase": ("phase", "operationphase", "operationstatephase", "operationstate", "syncphase"),
    "health": ("healthstatus", "health", "apphealth", "apphealthstatus", "applicationhealth"),
    "sync": ("syncstatus", "sync", "appsyncstatus", "applicationsyncstatus"),
    "started": ("startedat", "operationstartedat", "operationstatestartedat", "starttime"),
    "finished": ("finishedat", "operationfinishedat", "operationstatefinishedat", "endtime"),
    "revision": ("revision", "gitrevision", "syncrevision", "commit", "commitid", "commitsha"),
    "user": ("initiatedby", "initiatedbyusername", "user", "username", "triggeredby"),
    "automated": ("automated", "initiatedbyautomated"),
    "images": ("images", "image", "summaryimages"),
}
PHASES = ("Running", "Terminating", "Succeeded", "Failed", "Error")
# What Go's templates make of a field that is not there.
NOTHING = ("", "<no value>", "<nil>")


def application(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an Application that has what the body tells of one.

    Raises UnmappedError for a body that does not tell of which, or how far it has come.
    """
    told = dict(_flattened(body))

    def one(kind: str) -> Any:
        return next((told[name] for name in NAMES[kind] if name in told), None)

    finished_at = one("finished") or told.get("timestamp")
    phase = one("phase") or (told.get("status") if told.get("status") in PHASES else None)
    if phase is None and one("sync") == "Synced" and finished_at:
        phase = "Succeeded"
    if one("name") is None or phase is None:
        raise UnmappedError("It has no app, or no phase: let the template send both.")
    if phase in ("Running", "Terminating"):
        finished_at = None
    images = one("images") or []
    return {
        "metadata": {"name": one("name"), "uid": one("uid"), "labels": {}},
        "spec": {"destination": {"namespace": one("namespace")}},
        "status": {
            "health": {"status": one("health")},
            "summary": {"images": images if isinstance(images, list) else images.split()},
            "operationState": {
                "phase": phase,
                "startedAt": one("started"),
                "finishedAt": finished_at,
                "operation": {
                    "initiatedBy": {
                        "username": one("user"),
                        "automated": str(one("automated")).lower() == "true",
                    }
                },
                "syncResult": {"revision": one("revision")},
            },
        },
    }


def said(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body without the fields that a template had nothing to fill with."""
    return {name: value for name, value in body.items() if value not in NOTHING}


def _flattened(body: Mapping[str, Any], group: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        path = group + re.sub(r"[^a-z0-9]", "", name.lower())
        if isinstance(value, dict):
            yield from _flattened(value, path)
        elif value is not None and value not in NOTHING:
            yield path, value
