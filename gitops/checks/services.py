"""Services that others call by name: webhooks, APIs, rollouts; and what monitors scrape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitops.checks.backends import reached
from gitops.checks.unknown import is_open
from gitops.checks.world import World, is_same, ports
from gitops.findings import Finding
from gitops.labels import matches
from gitops.objects import Object, dig, select

HTTPS = 443  # the port of a webhook that names none


def called(world: World, thing: Object, service: Any, where: str) -> Iterator[Finding]:
    """Yield a finding if the Service that the API server is to call does not exist."""
    if isinstance(service, dict):
        name, namespace = service.get("name"), str(service.get("namespace", ""))
        yield from reached(world, thing, name, service.get("port", HTTPS), where, namespace)


def webhooks(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the Services of admission webhooks that do not exist."""
    for each in thing.data.get("webhooks") or []:
        yield from called(world, thing, dig(each, "clientConfig", "service"), "clientConfig")


def api(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding if the Service of an APIService does not exist."""
    yield from called(world, thing, thing.get("spec", "service"), "service")


def conversion(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding if the Service that converts a custom resource does not exist."""
    path = ("spec", "conversion", "webhook", "clientConfig", "service")
    yield from called(world, thing, thing.get(*path), "conversion")


def rollout(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the Services, workload and analyses of a Rollout that do not exist."""
    strategy = thing.get("spec", "strategy", default={})
    canary, blue_green = strategy.get("canary") or {}, strategy.get("blueGreen") or {}
    for key in ("stableService", "canaryService"):
        yield from world.reference(thing, "Service", canary.get(key), key)
    for key in ("activeService", "previewService"):
        yield from world.reference(thing, "Service", blue_green.get(key), key)
    workload = thing.get("spec", "workloadRef", default={})
    kind, name = str(workload.get("kind")), workload.get("name")
    yield from world.reference(thing, kind, name, "workloadRef")
    analyses = [canary.get("analysis"), *(blue_green.get(f"{when}PromotionAnalysis")
                for when in ("pre", "post"))]  # fmt: skip
    analyses += [each.get("analysis") for each in canary.get("steps") or []]
    for each in filter(None, analyses):
        for template in each.get("templates") or []:
            scope = "Cluster" if template.get("clusterScope") else ""
            name = template.get("templateName")
            yield from world.reference(thing, f"{scope}AnalysisTemplate", name, "analysis")


def service_monitor(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding for each port that none of a ServiceMonitor's Services has."""
    selector = thing.get("spec", "selector", default={})
    elsewhere = thing.get("spec", "namespaceSelector", default={})
    if not selector or elsewhere.get("any"):
        return
    names = elsewhere.get("matchNames") or [thing.namespace]
    near = [each for each in world.all if any(is_same(each.namespace, name) for name in names)]
    services = [each for each in near if each.kind == "Service"]
    chosen = [each for each in services if matches(selector, each.labels)]
    numbered = [port for each in chosen for port in each.get("spec", "ports", default=[])]
    named = {port.get("name") for port in numbered}
    for each in thing.get("spec", "endpoints", default=[]):
        port = each.get("port")
        unknown = is_open(port) or world.scope.in_broken(world.rendered, str(port))
        if port and chosen and port not in named and not unknown:
            yield world.finding(thing, f"endpoints: no Service has a port {port}", port)


def pod_monitor(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding for each port that none of a PodMonitor's pods has."""
    chosen = select(world.all, thing.get("spec", "selector", default={}))
    names = {name for each in chosen for name in ports(each)}
    if not all(each.is_whole for each in chosen):
        return
    for each in thing.get("spec", "podMetricsEndpoints", default=[]):
        port = each.get("port")
        if port and chosen and port not in names and not is_open(port):
            yield world.finding(thing, f"podMetricsEndpoints: no pod has a port {port}", port)


KINDS = {
    "APIService": api,
    "CustomResourceDefinition": conversion,
    "MutatingWebhookConfiguration": webhooks,
    "PodMonitor": pod_monitor,
    "Rollout": rollout,
    "ServiceMonitor": service_monitor,
    "ValidatingWebhookConfiguration": webhooks,
}
