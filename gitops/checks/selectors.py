"""Selectors: each selects something, and the ports that go with it exist there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitops.checks import policies
from gitops.checks.context import Context
from gitops.checks.matching import nothing, odd, selected
from gitops.checks.scope import Scope
from gitops.checks.unknown import is_misspelt, is_open
from gitops.checks.world import World, is_same, ports, shaped
from gitops.findings import Finding, Severity
from gitops.labels import matches, words
from gitops.objects import Object, dig, select

JOBS = ("Job", "CronJob")
# The domain of labels that people write.
COMMON = ("kubernetes.io", "k8s.io")
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
OWNERS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")


def check(context: Context) -> Iterator[Finding]:
    """Yield each selector that selects nothing."""
    scope = Scope(context)
    for rendered in context.rendered:
        world = World(context, rendered, scope)
        for each in rendered.objects:
            if each.pods:
                yield from shaped(workload, world, each)
            if finder := KINDS.get(each.kind):
                yield from shaped(finder, world, each)


def workload(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the selectors of a workload that match none of the pods that they should."""
    yield from own(world, thing)
    for template in thing.pods:
        spec = template.get("spec") or {}
        for each in spec.get("topologySpreadConstraints") or []:
            wanted = each.get("labelSelector")
            if wanted and not thing.makes(wanted):
                yield from nothing(world, thing, "topologySpreadConstraints", wanted)
        # Without such a pod, this one is never scheduled.
        attracted = dig(spec, "affinity", "podAffinity", REQUIRED, default=[])
        for each in affinity_terms(spec):
            wanted = each.get("labelSelector")
            others = each.get("namespaces") or each.get("namespaceSelector") is not None
            if wanted and not others and not selected(world, thing, wanted):
                where, needed = "affinity", each in attracted
                severity = Severity.ERROR if needed else Severity.WARNING
                yield from nothing(world, thing, where, wanted, severity=severity)


def own(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding for a selector of a workload that does not select its own pods."""
    selector = thing.get("spec", "selector", default={})
    given = [*(selector.get("matchLabels") or {}).values(), *thing.pod_labels.values()]
    fits = matches(selector, thing.pod_labels) or any(map(is_open, given))
    if thing.kind in OWNERS and not fits:
        message = f"selector does not select its own pods: {words(selector)}"
        yield world.finding(thing, message, odd(world, selector))


def affinity_terms(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the terms of a pod's affinity and anti-affinity to other pods."""
    for kind in ("podAffinity", "podAntiAffinity"):
        found = dig(spec, "affinity", kind, default={})
        yield from found.get(REQUIRED) or []
        for each in found.get("preferredDuringSchedulingIgnoredDuringExecution") or []:
            yield each.get("podAffinityTerm") or {}


def service(world: World, thing: Object) -> Iterator[Finding]:
    """Yield what is wrong with a Service: it selects no pods, or none of them has its ports."""
    wanted = thing.get("spec", "selector", default={})
    if not wanted or thing.get("spec", "type") == "ExternalName":
        return
    selector = {"matchLabels": wanted}
    found = selected(world, thing, selector)
    if not found:
        is_sure = is_served_here(world, thing, selector) and not may_be_given(world, thing, wanted)
        severity = Severity.ERROR if is_sure else Severity.WARNING
        yield from nothing(world, thing, "selector", selector, severity=severity)
    # The pods of a Job serve nothing: it is chosen by a label that it shares with what does.
    serving = [each for each in found if each.kind not in JOBS] or found
    if serving and all(each.is_whole for each in serving):
        yield from targets(world, thing, serving)


def is_served_here(world: World, thing: Object, selector: dict[str, Any]) -> bool:
    """Tell whether the pods of a Service should be here.

    They come from elsewhere if its overlay has none in its namespace. Those of another namespace
    that it would select are out of its reach.
    """
    near = (each for each in world.rendered.objects if is_same(each.namespace, thing.namespace))
    return any(each.pods for each in near) or bool(select(world.all, selector))


def may_be_given(world: World, thing: Object, wanted: dict[str, Any]) -> bool:
    """Tell whether a program may give its pods a label that is selected, as a leader does.

    No template has the key of such a label: the others select pods, or its domain is the program's.
    """
    keys = {key for each in world.all for key in each.pod_labels}
    rest = {key: value for key, value in wanted.items() if key in keys}
    if rest:
        return len(rest) < len(wanted) and bool(selected(world, thing, {"matchLabels": rest}))
    domains = {key.partition("/")[0] for key in wanted if "/" in key}
    return bool(domains) and not any(each.endswith(COMMON) for each in domains)


def targets(world: World, thing: Object, serving: list[Object]) -> Iterator[Finding]:
    """Yield the target ports of a Service that none of its pods has.

    A container need not declare its ports: a number is wrong if none of the Service's is declared.
    """
    names = ", ".join(each.title for each in serving)
    given = thing.get("spec", "ports", default=[])
    every = [port.get("targetPort", port.get("port")) for port in given]
    for target in every:
        named = not str(target).isdigit() and not is_open(target)
        if named and not any(target in ports(each) for each in serving):
            yield world.finding(thing, f"targetPort: {names} has no port {target}", target)
    numbers = {int(target) for target in every if str(target).isdigit()}
    declared = [ports(each, named=False) for each in serving]
    known = {number for each in declared for number in each}
    certain = all(declared) and all(str(target).isdigit() for target in every)
    if numbers and certain and numbers.isdisjoint(known):
        text = ", ".join(map(str, sorted(numbers)))
        yield world.number(thing, f"targetPort: {names} has no port {text}", min(numbers))
    for port in given:
        # Two ports lead to one, and the pods have one of this name that none leads to.
        name, target = port.get("name"), port.get("targetPort")
        is_twice = every.count(target) > 1 and name not in every and name != target
        if name and target and is_twice and any(name in ports(each) for each in serving):
            message = f"port {name} leads to {target}, as another does: {names} has a port {name}"
            yield world.finding(thing, message, name, Severity.WARNING)


def budget(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding for a PodDisruptionBudget that protects no pods."""
    selector = thing.get("spec", "selector", default={})
    if selector and not selected(world, thing, selector):
        yield from nothing(world, thing, "selector", selector)


def service_monitor(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding for a ServiceMonitor that selects no Service."""
    selector = thing.get("spec", "selector", default={})
    services = [each for each in world.all if each.kind == "Service"]
    elsewhere = thing.get("spec", "namespaceSelector")
    found = any(matches(selector, each.labels) for each in services)
    if selector and not (elsewhere or found or world.has_pods(selector, thing.namespace)):
        message = f"selector selects no Service: {words(selector)}"
        values = [value for each in services for value in each.labels.values()]
        wanted = (selector.get("matchLabels") or {}).values()
        misspelt = any(is_misspelt(str(value), map(str, values)) for value in wanted)
        severity = Severity.ERROR if misspelt else Severity.WARNING
        yield world.finding(thing, message, odd(world, selector), severity)


def pod_monitor(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding for a PodMonitor that selects no pods."""
    selector = thing.get("spec", "selector", default={})
    elsewhere = thing.get("spec", "namespaceSelector")
    if selector and not elsewhere and not selected(world, thing, selector):
        yield from nothing(world, thing, "selector", selector)


KINDS = {
    "Service": service,
    "PodDisruptionBudget": budget,
    "NetworkPolicy": policies.policy,
    "PodMonitor": pod_monitor,
    "ServiceMonitor": service_monitor,
}
