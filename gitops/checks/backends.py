"""Backends of Ingresses and HTTPRoutes: Services that exist, and ports that they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitops.checks.world import World
from gitops.findings import Finding
from gitops.objects import Object, dig


def ingress(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the Services, ports and certificates of an Ingress that do not exist."""
    paths = [
        path
        for rule in thing.get("spec", "rules", default=[])
        for path in dig(rule, "http", "paths", default=[])
    ]
    backends = [path.get("backend") for path in paths]
    for backend in [*backends, thing.get("spec", "defaultBackend")]:
        service = dig(backend, "service", default={})
        port = service.get("port") or {}
        key = "name" if port.get("name") else "port"
        wanted = port.get("name") or port.get("number")
        yield from reached(world, thing, service.get("name"), key, wanted)
    for each in thing.get("spec", "tls", default=[]):
        yield from world.reference(thing, "Secret", each.get("secretName"), "tls")


def route(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the Services and ports of an HTTPRoute, in its own namespace, that do not exist."""
    for rule in thing.get("spec", "rules", default=[]):
        for each in rule.get("backendRefs") or []:
            if each.get("kind", "Service") == "Service" and "namespace" not in each:
                yield from reached(world, thing, each.get("name"), "port", each.get("port"))


def reached(world: World, thing: Object, name: Any, key: str, wanted: Any) -> Iterator[Finding]:
    """Yield a finding if a Service does not exist, or lacks a port of this name or number."""
    yield from world.reference(thing, "Service", name, "backend")
    found = world.find("Service", str(name), thing.namespace)
    if found and wanted not in [each.get(key) for each in found.get("spec", "ports", default=[])]:
        yield world.finding(thing, f"backend: Service {name} has no port {wanted}", wanted)
