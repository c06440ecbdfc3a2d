"""The summary of a difference: the few lines that a reviewer decides from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gitops.diff.objects import GENERATED, ObjectDiff, OverlayDiff
from gitops.diff.values import ABSENT, Change, spelled
from gitops.images import split
from gitops.objects import Object

# In the order in which they are shown.
GROUPS = (
    *("image", "replicas", "resources", "probes", "security context", "network policy", "RBAC"),
    *("selectors", "configuration", "objects", "other"),
)
PROBES = {"livenessProbe", "readinessProbe", "startupProbe"}
RBAC = {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "ServiceAccount"}
SECURITY = {
    *("securityContext", "hostNetwork", "hostPID", "hostIPC", "hostUsers", "hostPath"),
    *("serviceAccountName", "automountServiceAccountToken", "runtimeClassName"),
}
SELECTORS = {"selector", "labelSelector", "podSelector", "namespaceSelector"}
RANGE = {("spec", "minReplicas"), ("spec", "maxReplicas")}
POD = ("spec", "template", "spec")
PRODUCTION = {"prod", "production", "live"}


@dataclass(frozen=True)
class Entry:
    """A line of the summary: what changed, with the old and the new value where they help."""

    group: str
    what: str
    old: Any = ABSENT
    new: Any = ABSENT


def summary(overlay: OverlayDiff) -> list[Entry]:
    """Return the summary of an overlay, in the order of the groups."""
    entries = [entry for each in overlay.objects for entry in of_object(each)]
    return sorted(entries, key=lambda entry: GROUPS.index(entry.group))


def of_object(each: ObjectDiff) -> Iterator[Entry]:
    """Yield the entries of the summary about an object."""
    if each.state != "changed":
        yield Entry("objects", f"{each.state} {each.title}")
        kind = kind_group(each.object)
        if kind:
            yield Entry(kind, f"{each.state} {each.title}")
    elif any(is_of_range(each, change) for change in each.changes):
        yield Entry("replicas", each.title, replica_range(each.old), replica_range(each.new))
    for change in each.changes:
        group = group_of(each.object, change)
        if group == "image":
            yield Entry(group, f"{each.title}, {container(change)}", change.old, change.new)
        elif each.state == "changed" and not is_of_range(each, change):
            what = f"{each.title}, {short(change)}"
            yield Entry(group, what, change.old, change.new)


def group_of(thing: Object, change: Change) -> str:
    """Return the group of a change."""
    steps = change.steps
    of_pod = thing.template is not None
    tests = {
        "image": of_pod and is_image(steps),
        kind_group(thing): True,
        "probes": of_pod and bool(PROBES & {*steps}),
        "security context": bool(SECURITY & {*steps})
        or any(step.startswith("pod-security.kubernetes.io/") for step in steps),
        "resources": "resources" in steps or thing.kind in ("ResourceQuota", "LimitRange"),
        "selectors": bool(SELECTORS & {*steps})
        or (of_pod and steps[-3:-1] == ("metadata", "labels") and "template" in steps),
        "replicas": steps == ("spec", "replicas") or thing.kind == "HorizontalPodAutoscaler",
        "configuration": (thing.kind in GENERATED and steps[0] != "metadata")
        or (of_pod and bool({"env", "envFrom"} & {*steps})),
    }
    return next((group for group, meets in tests.items() if group and meets), "other")


def kind_group(thing: Object) -> str:
    """Return the group that everything in an object of its kind belongs to, if there is one."""
    if thing.kind.endswith("NetworkPolicy"):
        return "network policy"
    return "RBAC" if thing.kind in RBAC else ""


def is_image(steps: tuple[str, ...]) -> bool:
    """Tell whether a path leads to the image of a container."""
    return steps[-1] == "image" and bool({"containers", "initContainers"} & {*steps[-3:]})


def container(change: Change) -> str:
    """Return the name of the container that a change of an image is in."""
    return change.steps[-2].strip("[]")


def short(change: Change) -> str:
    """Return a change's path, without what leads to the pod of a workload."""
    steps = change.steps
    return spelled(steps[3:]) if steps[:3] == POD and steps[3:] else change.path


def is_of_range(each: ObjectDiff, change: Change) -> bool:
    """Tell whether a change is in the replica range of a HorizontalPodAutoscaler."""
    return each.object.kind == "HorizontalPodAutoscaler" and change.steps in RANGE


def replica_range(each: Object | None) -> str:
    """Return the range of replicas of a HorizontalPodAutoscaler."""
    if each is None:
        return ""
    least = each.get("spec", "minReplicas", default=1)  # the API's own default
    return f"{least} to {each.get('spec', 'maxReplicas')}"


def brief(image: Any, other: Any) -> str:
    """Return the tag and digest of an image, with its name if the other one's differs."""
    if image is ABSENT:
        return "none"
    name, tag, digest = split(str(image))
    text = f"{tag or 'no tag'}, {digest[:19] or 'no digest'}"
    renamed = other is ABSENT or split(str(other))[0] != name
    return f"{name}, {text}" if renamed else text


def production(overlays: Iterable[OverlayDiff]) -> list[str]:
    """Return the production overlays that change together with others."""
    # Where a side does not render, what changes is not known: that is reported by itself.
    changing = [each.name for each in overlays if each.state != "unknown"]
    found = [name for name in changing if is_production(name)]
    return found if len(found) < len(changing) else []


def is_production(name: str) -> bool:
    """Tell whether an overlay is one of production, by the words of its path."""
    return bool(PRODUCTION & {*re.split(r"[^a-z0-9]+", name.lower())})
