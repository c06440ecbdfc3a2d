"""Selectors: each selects something, and the ports that go with it exist there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitops.checks.context import Context
from gitops.checks.world import World, ports, shaped
from gitops.findings import Finding
from gitops.objects import Object, dig, matches, select, words

Selector = dict[str, Any]
OWNERS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")


def check(context: Context) -> Iterator[Finding]:
    """Yield each selector that selects nothing."""
    for rendered in context.rendered:
        world = World(context, rendered)
        for each in rendered.objects:
            if each.template:
                yield from shaped(workload, world, each)
            if finder := KINDS.get(each.kind):
                yield from shaped(finder, world, each)


def here(world: World, thing: Object) -> list[Object]:
    """Return the workloads in the namespace of an object."""
    return [e for e in world.rendered.objects if e.template and e.namespace == thing.namespace]


def nothing(world: World, thing: Object, where: str, selector: Selector) -> Iterator[Finding]:
    """Yield a finding for a selector that selects nothing, unless such pods are external."""
    labels_text = words(selector)
    if not world.is_external(f"Pods/{labels_text}"):
        yield world.finding(thing, f"{where} selects nothing: {labels_text}", odd(world, selector))


def odd(world: World, selector: Selector) -> str:
    """Return a value of a selector that no pod has, to find its line; else any of its values."""
    labels = [each.pod_labels for each in world.rendered.objects if each.template]
    wanted = selector.get("matchLabels") or {}
    for key, value in wanted.items():
        if not any(key in each for each in labels):
            return str(value)
        if not any(each.get(key) == value for each in labels):
            return str(value)
    return str(next(iter(wanted.values()), ""))


def workload(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the selectors of a workload that match none of the pods that they should."""
    selector = thing.get("spec", "selector", default={})
    if thing.kind in OWNERS and not matches(selector, thing.pod_labels):
        message = f"selector does not select its own pods: {words(selector)}"
        yield world.finding(thing, message, odd(world, selector))
    spec = dig(thing.template, "spec", default={})
    for each in spec.get("topologySpreadConstraints") or []:
        wanted = each.get("labelSelector")
        if wanted and not matches(wanted, thing.pod_labels):
            yield from nothing(world, thing, "topologySpreadConstraints", wanted)
    for each in affinity_terms(spec):
        wanted = each.get("labelSelector")
        others = each.get("namespaces") or each.get("namespaceSelector") is not None
        if wanted and not others and not select(here(world, thing), wanted):
            yield from nothing(world, thing, "affinity", wanted)


def affinity_terms(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the terms of a pod's affinity and anti-affinity to other pods."""
    for kind in ("podAffinity", "podAntiAffinity"):
        found = dig(spec, "affinity", kind, default={})
        yield from found.get("requiredDuringSchedulingIgnoredDuringExecution") or []
        for each in found.get("preferredDuringSchedulingIgnoredDuringExecution") or []:
            yield each.get("podAffinityTerm") or {}


def service(world: World, thing: Object) -> Iterator[Finding]:
    """Yield what is wrong with a Service: it selects no pods, or they lack the target port."""
    wanted = thing.get("spec", "selector", default={})
    if not wanted:
        return
    selector = {"matchLabels": wanted}
    found = select(here(world, thing), selector)
    if not found:
        yield from nothing(world, thing, "selector", selector)
    for port in thing.get("spec", "ports", default=[]):
        target = port.get("targetPort")
        if found and isinstance(target, str) and not all(target in ports(e) for e in found):
            names = ", ".join(each.title for each in found)
            yield world.finding(thing, f"targetPort: {names} has no port {target}", target)


def budget(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding for a PodDisruptionBudget that protects no pods."""
    selector = thing.get("spec", "selector", default={})
    if selector and not select(here(world, thing), selector):
        yield from nothing(world, thing, "selector", selector)


def policy(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the selectors of a NetworkPolicy that select nothing, and its unknown ports."""
    selector = thing.get("spec", "podSelector", default={})
    found = select(here(world, thing), selector)
    if selector and not found:
        yield from nothing(world, thing, "podSelector", selector)
    for direction, key in (("ingress", "from"), ("egress", "to")):
        for rule in thing.get("spec", direction, default=[]):
            reached: list[Object] = []
            for peer in rule.get(key) or []:
                pods = list(peer_pods(world, thing, peer))
                reached += pods
                if "ipBlock" not in peer and not pods:
                    yield from nothing(world, thing, f"{direction} {key}", joined(peer))
            to = found if direction == "ingress" else reached
            for port in rule.get("ports") or []:
                name = port.get("port")
                if isinstance(name, str) and to and not any(name in ports(e) for e in to):
                    message = f"{direction}: no pod that it applies to has a port {name}"
                    yield world.finding(thing, message, name)


def peer_pods(world: World, thing: Object, peer: dict[str, Any]) -> Iterator[Object]:
    """Yield the rendered workloads that a peer of a NetworkPolicy selects."""
    for each in world.rendered.objects:
        if not each.template or not matches(peer.get("podSelector") or {}, each.pod_labels):
            continue
        wanted = peer.get("namespaceSelector")
        found = world.find("Namespace", each.namespace, "")
        labels = {**(found.labels if found else {}), "kubernetes.io/metadata.name": each.namespace}
        if matches(wanted, labels) if wanted is not None else each.namespace == thing.namespace:
            yield each


def joined(peer: dict[str, Any]) -> Selector:
    """Return the two selectors of a peer as one, for messages."""
    both = [peer.get(key) or {} for key in ("namespaceSelector", "podSelector")]
    return {
        "matchLabels": {k: v for each in both for k, v in (each.get("matchLabels") or {}).items()},
        "matchExpressions": [e for each in both for e in each.get("matchExpressions") or []],
    }


def monitor(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding for a ServiceMonitor that selects no Service."""
    selector = thing.get("spec", "selector", default={})
    services = [each for each in world.rendered.objects if each.kind == "Service"]
    elsewhere = thing.get("spec", "namespaceSelector")
    if selector and not elsewhere and not any(matches(selector, e.labels) for e in services):
        yield world.finding(thing, f"selector selects no Service: {words(selector)}", None)


KINDS = {
    "Service": service,
    "PodDisruptionBudget": budget,
    "NetworkPolicy": policy,
    "ServiceMonitor": monitor,
}
