"""What autoscalers and canaries change: workloads that exist, of the version that is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitops.checks.unknown import is_open
from gitops.checks.world import World
from gitops.findings import Finding, Severity
from gitops.objects import WORKLOADS, Object


def scaled(world: World, thing: Object, field: str, default: str = "") -> Iterator[Finding]:
    """Yield a finding if the target that a field names is missing, or has another API version."""
    target: dict[str, Any] = thing.get("spec", field, default={})
    kind, name = str(target.get("kind", default)), str(target.get("name"))
    version = target.get("apiVersion")
    found = world.find(kind, name, thing.namespace)
    if found and version in (None, found.data.get("apiVersion")):
        return
    if found is None and (is_open(kind) or world.is_there(kind, name, thing.namespace)):
        return
    if world.is_external(f"{kind}/{name}"):
        return
    message = f"{field}: there is no {kind} {name}"
    value, severity = name, world.certainty(thing, kind, name)
    if found:
        message += f" of {version}: it is of {found.data.get('apiVersion')}"
        value, severity = str(version), Severity.ERROR
    elif kind not in WORKLOADS and not any(each.kind == kind for each in world.all):
        value, severity = kind, Severity.ERROR
    yield world.finding(thing, message, value, severity)


def horizontal(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding if the target of a HorizontalPodAutoscaler is missing."""
    yield from scaled(world, thing, "scaleTargetRef")


def vertical(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding if the target of a VerticalPodAutoscaler is missing."""
    yield from scaled(world, thing, "targetRef")


def keda(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the target and the authentications of a ScaledObject that are missing."""
    yield from scaled(world, thing, "scaleTargetRef", "Deployment")
    yield from authenticated(world, thing)


def canary(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the workload and the autoscaler of Flagger's Canary that are missing."""
    yield from scaled(world, thing, "targetRef")
    if thing.get("spec", "autoscalerRef"):
        yield from scaled(world, thing, "autoscalerRef")


def authenticated(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the authentications of KEDA's triggers that are missing."""
    for trigger in thing.get("spec", "triggers", default=[]):
        each = trigger.get("authenticationRef") or {}
        kind = str(each.get("kind", "TriggerAuthentication"))
        yield from world.reference(thing, kind, each.get("name"), "authenticationRef")


def authentication(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the Secrets of a TriggerAuthentication that are missing."""
    for each in thing.get("spec", "secretTargetRef", default=[]):
        yield from world.reference(thing, "Secret", each.get("name"), "secretTargetRef")


KINDS = {
    "HorizontalPodAutoscaler": horizontal,
    "VerticalPodAutoscaler": vertical,
    "ScaledObject": keda,
    "Canary": canary,
    "ScaledJob": authenticated,
    "TriggerAuthentication": authentication,
}
