"""Objects that are valid, and do not go together: two owners of one field, or one name twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from gitops.checks.context import Context, Rendered
from gitops.checks.unknown import is_open
from gitops.findings import Finding, Severity
from gitops.objects import Object, dig, select

SCALERS = {"HorizontalPodAutoscaler": "scaleTargetRef", "ScaledObject": "scaleTargetRef"}
Found = Iterator[tuple[str, Object, Any, str]]  # message, object, value, hint


def check(context: Context) -> Iterator[Finding]:
    """Yield what does not go together in an overlay."""
    for rendered in context.rendered:
        for each in rendered.objects:
            for finder, severity in SEVERITIES.items():
                try:
                    found = list(finder(rendered, each))
                except (AttributeError, TypeError, ValueError):
                    continue  # a malformed object is another rule's
                for message, thing, value, hint in found:
                    yield rendered.finding("conflict", message, thing, value, hint, severity)


def replicas(rendered: Rendered, thing: Object) -> Found:
    """Yield a workload whose replicas an autoscaler changes and its manifest changes back."""
    target = thing.get("spec", SCALERS.get(thing.kind, "-"), default={})
    kind, name = target.get("kind", "Deployment"), target.get("name")
    for each in rendered.objects if target else ():
        same = (each.kind, each.name, each.namespace) == (kind, name, thing.namespace)
        count = each.get("spec", "replicas")
        if same and count is not None and not is_open(count):
            message = f"{each.title}: replicas is {count}, and {thing.title} changes it"
            hint = "remove `replicas`: whenever it is applied, it undoes what the autoscaler did"
            yield message, each, count, hint


def budget(rendered: Rendered, thing: Object) -> Found:
    """Yield a budget that never allows an eviction: no node can be drained."""
    if thing.kind != "PodDisruptionBudget":
        return
    least, most = thing.get("spec", "minAvailable"), thing.get("spec", "maxUnavailable")
    hint = "no node with such a pod can be drained: allow one pod to be unavailable"
    if str(most) in ("0", "0%"):
        yield f"{thing.title}: maxUnavailable is {most}", thing, most, hint
    if str(least) == "100%":
        yield f"{thing.title}: minAvailable is {least}", thing, least, hint
    if not isinstance(least, int):
        return
    near = [each for each in rendered.objects if each.namespace == thing.namespace]
    chosen = select(near, thing.get("spec", "selector", default={}))
    counts = [fewest(rendered, each) for each in chosen]
    if counts and None not in counts and least >= sum(filter(None, counts)):
        total = sum(filter(None, counts))
        pods = f"{total} pod{'s' * (total != 1)}"
        yield f"{thing.title}: minAvailable is {least}, of {pods}", thing, least, hint


def fewest(rendered: Rendered, workload: Object) -> int | None:
    """Return the fewest pods that a workload has when all is well; None if that is not known."""
    if workload.kind not in ("Deployment", "StatefulSet", "Rollout"):
        return None
    for each in rendered.objects:
        field = SCALERS.get(each.kind)
        target = each.get("spec", field, default={}) if field else {}
        named = (target.get("kind", "Deployment"), target.get("name"))
        if field and named == (workload.kind, workload.name):
            key = "minReplicas" if each.kind == "HorizontalPodAutoscaler" else "minReplicaCount"
            least = each.get("spec", key, default=1 if key == "minReplicas" else 0)
            return least if isinstance(least, int) else None
    count = workload.get("spec", "replicas")  # without it, anybody may scale it
    return count if isinstance(count, int) else None


# Lists in a container or a pod that are merged by a key: a second item of one key is lost.
MERGED: tuple[tuple[str, Callable[[dict[str, Any]], Any], str], ...] = (
    ("env", lambda item: item.get("name"), "environment variable"),
    ("ports", lambda item: item.get("name"), "port"),
    ("volumeMounts", lambda item: item.get("mountPath"), "mount"),
)


def names(_: Rendered, thing: Object) -> Found:
    """Yield what a container or a pod has twice: only one of them counts."""
    for container in thing.containers():
        for field, key, what in MERGED:
            for name in twice(container.get(field), key):
                message = f"{thing.title}, container {container.get('name')}: {what} {name} twice"
                yield message, thing, name, HINT
    for template in thing.pods:
        spec = template.get("spec") or {}
        every = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
        for name in twice(every, lambda item: item.get("name")):
            yield f"{thing.title}: container {name} twice", thing, name, HINT
        for name in twice(spec.get("volumes"), lambda item: item.get("name")):
            yield f"{thing.title}: volume {name} twice", thing, name, HINT
    if thing.kind == "Service":
        for name in twice(dig(thing.data, "spec", "ports"), lambda item: item.get("name")):
            yield f"{thing.title}: port {name} twice", thing, name, HINT


def numbers(_: Rendered, thing: Object) -> Found:
    """Yield the ports that a container has under two names, of which a merge keeps one."""
    for container in thing.containers():
        for number, _protocol in twice(container.get("ports"), port):
            where = f"{thing.title}, container {container.get('name')}"
            yield f"{where}: container port {number} twice", thing, number, HINT


HINT = "remove one of them: only one counts, or the cluster refuses both"
SEVERITIES = {
    replicas: Severity.WARNING,
    budget: Severity.WARNING,
    names: Severity.ERROR,
    numbers: Severity.WARNING,
}


def port(item: dict[str, Any]) -> tuple[Any, str]:
    """Return what a port of a container is known by when two lists are merged."""
    return item.get("containerPort"), item.get("protocol", "TCP")


def twice(items: Any, key: Callable[[dict[str, Any]], Any]) -> list[Any]:
    """Return the keys that several items of a list have."""
    found = [key(each) for each in items or [] if isinstance(each, dict)]
    counts = Counter(each for each in found if each and each != (None, "TCP"))
    return [each for each, count in counts.items() if count > 1]
