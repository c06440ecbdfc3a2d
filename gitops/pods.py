"""The pods that an object makes, of whatever kind: found by the shape of their template."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# Where Kubernetes' own kinds have the template of their pods.
PATHS = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}
GROUPS = ("", "apps", "batch", "extensions")
# Kinds that contain what looks like a pod, and make none, or others elsewhere, as policies do.
NOT_PODS = ("PodTemplate", "CustomResourceDefinition", "ClusterPolicy", "Policy")
# How deep a custom resource may have its templates, such as a job in a set of jobs.
DEEPEST = 8
POD_NAME = "statefulset.kubernetes.io/pod-name"
# Labels that a controller adds to the pods, beside those of the template.
ADDED = {
    "StatefulSet": (POD_NAME, "apps.kubernetes.io/pod-index"),
    "Job": ("job-name", "batch.kubernetes.io/job-name", "controller-uid"),
    "CronJob": ("job-name", "batch.kubernetes.io/job-name"),
    "Deployment": ("pod-template-hash",),
    "DaemonSet": ("controller-revision-hash",),
    "Rollout": ("rollouts-pod-template-hash", "role"),
}


def templates(data: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Return the templates of the pods that an object makes: mappings with metadata and spec."""
    kind, group = str(data.get("kind")), str(data.get("apiVersion", "")).rpartition("/")[0]
    if kind in NOT_PODS:
        return ()
    if kind not in PATHS or group not in GROUPS:
        return tuple(found(data.get("spec"), DEEPEST))
    value: Any = data
    for step in PATHS[kind]:
        value = value.get(step) if isinstance(value, dict) else None
    return (value,) if isinstance(value, dict) else ()


def found(value: Any, deep: int) -> Iterator[dict[str, Any]]:
    """Yield the pod templates below a value: each has a spec with named containers."""
    below: list[Any] = []
    if isinstance(value, dict):
        spec = value.get("spec")
        containers = spec.get("containers") if isinstance(spec, dict) else None
        if isinstance(containers, list) and containers and all(map(is_named, containers)):
            yield value
            return
        below = list(value.values())
    elif isinstance(value, list):
        below = value
    for each in below if deep else ():
        yield from found(each, deep - 1)


def is_named(container: Any) -> bool:
    """Tell whether something may be a container."""
    return isinstance(container, dict) and isinstance(container.get("name", ""), str)


def added(kind: str, name: str, selected: dict[str, Any]) -> dict[str, str]:
    """Return the labels, of those that a selector asks for, that a controller adds to the pods."""
    extra = {key: str(value) for key, value in selected.items() if key in ADDED.get(kind, ())}
    pod = extra.get(POD_NAME)
    if pod is not None and not re.fullmatch(rf"{re.escape(name)}-\d+", pod):
        del extra[POD_NAME]
    return extra
