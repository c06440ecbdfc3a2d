"""Backends of Ingresses and routes: Services that exist, and ports that they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitops.checks.unknown import is_open
from gitops.checks.world import World, is_same
from gitops.findings import Finding
from gitops.objects import Object, dig

# The name of a Service in full, as Istio takes it.
SUFFIX = ".svc.cluster.local"
AUTH = "nginx.ingress.kubernetes.io/auth-secret"


def reached(
    world: World,
    thing: Object,
    name: Any,
    port: Any,
    where: str = "backend",
    namespace: str | None = None,
) -> Iterator[Finding]:
    """Yield a finding if a Service does not exist, or lacks a port of this name or number."""
    yield from world.reference(thing, "Service", name, where, namespace)
    there = thing.namespace if namespace is None else namespace
    found = world.find("Service", str(name), there) if name else None
    if found is None or port is None or is_open(port) or dig(found.data, "spec", "externalName"):
        return
    key = "name" if isinstance(port, str) and not port.isdigit() else "port"
    wanted = port if key == "name" else int(port)
    if wanted not in [each.get(key) for each in found.get("spec", "ports", default=[])]:
        yield world.finding(thing, f"{where}: Service {name} has no port {port}", port)


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
        # Controllers take `use-annotation` for what an annotation describes.
        if port.get("name") != "use-annotation":
            wanted = port.get("name") or port.get("number")
            yield from reached(world, thing, service.get("name"), wanted)
    for each in thing.get("spec", "tls", default=[]):
        yield from world.reference(thing, "Secret", each.get("secretName"), "tls")
    secret = str(dig(thing.data, "metadata", "annotations", AUTH, default=""))
    namespace, _, name = secret.rpartition("/")
    yield from world.reference(thing, "Secret", name, AUTH, namespace or None)


def route(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the Gateways, listeners, Services and ports that a route of the Gateway API lacks."""
    for each in thing.get("spec", "parentRefs", default=[]):
        if each.get("kind", "Gateway") == "Gateway":
            yield from attached(world, thing, each)
    for rule in thing.get("spec", "rules", default=[]):
        filters = rule.get("filters") or []
        mirrors = [dig(each, "requestMirror", "backendRef") for each in filters]
        for each in [*(rule.get("backendRefs") or []), *filter(None, mirrors)]:
            if each.get("kind", "Service") == "Service" and not each.get("group"):
                name, port, namespace = (each.get(key) for key in ("name", "port", "namespace"))
                yield from reached(world, thing, name, port, "backendRefs", namespace)


def attached(world: World, thing: Object, parent: dict[str, Any]) -> Iterator[Finding]:
    """Yield a finding if the Gateway of a route does not exist, or lacks a listener."""
    name, section = parent.get("name"), parent.get("sectionName")
    yield from world.reference(thing, "Gateway", name, "parentRefs", parent.get("namespace"))
    found = world.find("Gateway", str(name), str(parent.get("namespace", thing.namespace)))
    listeners = found.get("spec", "listeners", default=[]) if found else []
    known = [each.get("name") for each in listeners]
    if section and listeners and section not in known and not is_open(section):
        message = f"parentRefs: Gateway {name} has no listener {section}"
        yield world.finding(thing, message, section)


def gateway(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the certificates of a Gateway that do not exist."""
    for listener in thing.get("spec", "listeners", default=[]):
        for each in dig(listener, "tls", "certificateRefs", default=[]):
            if each.get("kind", "Secret") == "Secret":
                name, namespace = each.get("name"), each.get("namespace")
                yield from world.reference(thing, "Secret", name, "certificateRefs", namespace)


def traefik(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the Services, ports, middlewares and certificates that an IngressRoute lacks."""
    for each in thing.get("spec", "routes", default=[]):
        for service in each.get("services") or []:
            if service.get("kind", "Service") == "Service":
                name, port = service.get("name"), service.get("port")
                yield from reached(world, thing, name, port, "services", service.get("namespace"))
        for middleware in each.get("middlewares") or []:
            name, namespace = middleware.get("name"), middleware.get("namespace")
            if "@" not in str(name):
                yield from world.reference(thing, "Middleware", name, "middlewares", namespace)
    yield from world.reference(thing, "Secret", thing.get("spec", "tls", "secretName"), "tls")


def istio(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the Services, ports, subsets and gateways of a VirtualService that do not exist."""
    for name in thing.get("spec", "gateways", default=[]):
        namespace, _, short = str(name).rpartition("/")
        if short != "mesh":
            yield from world.reference(thing, "Gateway", short, "gateways", namespace or None)
    for protocol in ("http", "tcp", "tls"):
        for rule in thing.get("spec", protocol, default=[]):
            mirrors = [each.get("destination") for each in rule.get("mirrors") or []]
            routes = [each.get("destination") for each in rule.get("route") or []]
            for each in filter(None, [*routes, *mirrors, rule.get("mirror")]):
                port = dig(each, "port", "number")
                yield from hosted(world, thing, str(each.get("host", "")), port)
                yield from subset(world, thing, each)


def subset(world: World, thing: Object, target: dict[str, Any]) -> Iterator[Finding]:
    """Yield a finding if the DestinationRules of a host do not have the subset that is named."""
    name, host = target.get("subset"), str(target.get("host", ""))
    rules = [each for each in world.all if each.kind == "DestinationRule"]
    its = [each for each in rules if is_same_host(each, thing, host)]
    subsets = [each.get("name") for rule in its for each in rule.get("spec", "subsets", default=[])]
    if name and its and name not in subsets and not is_open(name):
        message = f"subset: no DestinationRule of {host} has a subset {name}"
        yield world.finding(thing, message, name)


def is_same_host(rule: Object, thing: Object, host: str) -> bool:
    """Tell whether a DestinationRule is for a host that a VirtualService names."""
    namespaces = (rule.namespace, thing.namespace)
    (one, here), (other, there) = (
        (*name.removesuffix(SUFFIX).removesuffix(".svc").partition(".")[::2],)
        for name in (str(rule.get("spec", "host", default="")), host)
    )
    return one == other and is_same(here or namespaces[0], there or namespaces[1])


def destination(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding if the Service of a DestinationRule does not exist."""
    yield from hosted(world, thing, str(thing.get("spec", "host", default="")), None)


def hosted(world: World, thing: Object, host: str, port: Any) -> Iterator[Finding]:
    """Yield a finding if a host is a Service's name, short or in full, and there is none."""
    name, _, namespace = host.removesuffix(SUFFIX).removesuffix(".svc").partition(".")
    in_full = host.endswith((SUFFIX, ".svc"))
    if "*" not in host and ("." not in host or in_full) and host:
        yield from reached(world, thing, name, port, "host", namespace if in_full else None)


KINDS = {
    "Ingress": ingress,
    "Gateway": gateway,
    "HTTPRoute": route,
    "GRPCRoute": route,
    "TCPRoute": route,
    "TLSRoute": route,
    "UDPRoute": route,
    "IngressRoute": traefik,
    "IngressRouteTCP": traefik,
    "IngressRouteUDP": traefik,
    "VirtualService": istio,
    "DestinationRule": destination,
}
