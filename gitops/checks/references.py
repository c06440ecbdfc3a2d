"""References by name: to objects, keys and ports that exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitops.checks import backends
from gitops.checks.context import Context
from gitops.checks.world import World, shaped
from gitops.findings import Finding
from gitops.objects import WORKLOADS, Object, dig

# What a volume or `envFrom` takes: its key, the kind, and the field with the name.
VOLUMES = (
    ("configMap", "ConfigMap", "name"),
    ("secret", "Secret", "secretName"),
    ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"),
)
ENVIRONMENT = (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))
# https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
RESOURCES = ("cpu", "memory", "ephemeral-storage")
KEYS = (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret"))


def check(context: Context) -> Iterator[Finding]:
    """Yield each reference to something that does not exist."""
    for rendered in context.rendered:
        world = World(context, rendered)
        for each in rendered.objects:
            if each.template:
                yield from shaped(pod, world, each)
            if finder := KINDS.get(each.kind):
                yield from shaped(finder, world, each)


def pod(world: World, thing: Object) -> Iterator[Finding]:
    """Yield what the pods of a workload refer to and does not exist."""
    spec = dig(thing.template, "spec", default={})
    account = spec.get("serviceAccountName")
    if account != "default":
        yield from world.reference(thing, "ServiceAccount", account, "serviceAccountName")
    for each in spec.get("imagePullSecrets") or []:
        yield from world.reference(thing, "Secret", each.get("name"), "imagePullSecrets")
    for volume in spec.get("volumes") or []:
        yield from volume_sources(world, thing, volume)
    claims = thing.get("spec", "volumeClaimTemplates", default=[])
    volumes = {each.get("name") for each in spec.get("volumes") or []}
    volumes |= {dig(each, "metadata", "name") for each in claims}
    for container in thing.containers():
        yield from container_references(world, thing, container)
        yield from resources(world, thing, container)
        for mount in container.get("volumeMounts") or []:
            if (name := mount.get("name")) not in volumes:
                where = f"container {container.get('name')}"
                yield world.finding(thing, f"{where}: there is no volume {name}", name)


def volume_sources(world: World, thing: Object, volume: dict[str, Any]) -> Iterator[Finding]:
    """Yield the sources of a volume that do not exist."""
    where = f"volume {volume.get('name')}"
    sources = [(volume, key, kind, field) for key, kind, field in VOLUMES]
    for each in dig(volume, "projected", "sources", default=[]):
        sources += [(each, "configMap", "ConfigMap", "name"), (each, "secret", "Secret", "name")]
    for holder, key, kind, field in sources:
        source = holder.get(key) or {}
        if not source.get("optional"):
            name = source.get(field)
            yield from world.reference(thing, kind, name, where)
            for item in source.get("items") or []:
                yield from its_key(world, thing, kind, name, item.get("key"), where)


def container_references(
    world: World, thing: Object, container: dict[str, Any]
) -> Iterator[Finding]:
    """Yield what the environment, probes and hooks of a container refer to and does not exist."""
    where = f"container {container.get('name')}"
    for source in container.get("envFrom") or []:
        for key, kind in ENVIRONMENT:
            reference = source.get(key) or {}
            if not reference.get("optional"):
                yield from world.reference(thing, kind, reference.get("name"), where)
    for variable in container.get("env") or []:
        for key, kind in KEYS:
            reference = dig(variable, "valueFrom", key, default={})
            if not reference.get("optional"):
                name = reference.get("name")
                yield from world.reference(thing, kind, name, where)
                yield from its_key(world, thing, kind, name, reference.get("key"), where)
    yield from handler_ports(world, thing, container)


def handler_ports(world: World, thing: Object, container: dict[str, Any]) -> Iterator[Finding]:
    """Yield each named port of a probe or hook that the container lacks."""
    where = f"container {container.get('name')}"
    handlers = [container.get(f"{each}Probe") for each in ("startup", "readiness", "liveness")]
    handlers += [dig(container, "lifecycle", each) for each in ("preStop", "postStart")]
    names = {port.get("name") for port in container.get("ports") or []}
    for handler in handlers:
        for how in ("httpGet", "tcpSocket"):
            port = dig(handler, how, "port")
            if isinstance(port, str) and not port.isdigit() and port not in names:
                yield world.finding(thing, f"{where}: the container has no port {port}", port)


def resources(world: World, thing: Object, container: dict[str, Any]) -> Iterator[Finding]:
    """Yield each requested resource that no node has; an extended resource has a domain."""
    for section in ("requests", "limits"):
        for name in dig(container, "resources", section, default={}):
            if not ("/" in name or name.startswith("hugepages-") or name in RESOURCES):
                where = f"container {container.get('name')}, {section}"
                yield world.finding(thing, f"{where}: there is no resource {name}", name)


def its_key(
    world: World, thing: Object, kind: str, name: Any, key: Any, where: str
) -> Iterator[Finding]:
    """Yield a finding if a rendered object lacks a key."""
    found = world.find(kind, str(name), thing.namespace)
    sections = ("data", "stringData", "binaryData")
    if found and key not in {each for part in sections for each in found.get(part, default={})}:
        yield world.finding(thing, f"{where}: {kind} {found.plain_name} has no key {key}", key)


def autoscaler(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding if the target of an autoscaler is missing, or has another API version."""
    target = thing.get("spec", "scaleTargetRef", default={})
    kind, name = str(target.get("kind")), str(target.get("name"))
    found = world.find(kind, name, thing.namespace)
    if found and target.get("apiVersion") in (None, found.data.get("apiVersion")):
        return
    if not world.is_external(f"{kind}/{name}"):
        version = target.get("apiVersion") if found else name
        message = f"scaleTargetRef: there is no {kind} {name}"
        if found:
            message += f" of {target.get('apiVersion')}: it is of {found.data.get('apiVersion')}"
        elif kind not in WORKLOADS and not any(e.kind == kind for e in world.rendered.objects):
            version = kind
        yield world.finding(thing, message, version)


def stateful(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding if the Service of a StatefulSet does not exist."""
    name = thing.get("spec", "serviceName")
    yield from world.reference(thing, "Service", name, "serviceName")


def binding(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the role and accounts of a role binding that do not exist."""
    role = thing.data.get("roleRef") or {}
    if not (role.get("kind") == "ClusterRole" and is_builtin(str(role.get("name")))):
        yield from world.reference(thing, str(role.get("kind")), role.get("name"), "roleRef")
    for each in thing.data.get("subjects") or []:
        name, namespace = str(each.get("name")), str(each.get("namespace", thing.namespace))
        if each.get("kind") != "ServiceAccount" or name == "default":
            continue
        if not world.is_there("ServiceAccount", name, namespace):
            message = f"subjects: there is no ServiceAccount {name} in {namespace}"
            yield world.finding(thing, message, name)


def admission(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding if the policy of a binding does not exist: the API server would admit all."""
    name = thing.get("spec", "policyName")
    yield from world.reference(thing, "ValidatingAdmissionPolicy", name, "policyName")


def is_builtin(role: str) -> bool:
    """Tell whether a ClusterRole is built in."""
    return role in ("admin", "cluster-admin", "edit", "view") or role.startswith("system:")


def monitor(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding for each port that none of a ServiceMonitor's Services has."""
    names = {
        port.get("name")
        for each in world.rendered.objects
        if each.kind == "Service"
        for port in each.get("spec", "ports", default=[])
    }
    for each in thing.get("spec", "endpoints", default=[]):
        if (port := each.get("port")) and port not in names:
            yield world.finding(thing, f"endpoints: no Service has a port {port}", port)


KINDS = {
    "HorizontalPodAutoscaler": autoscaler,
    "HTTPRoute": backends.route,
    "Ingress": backends.ingress,
    "StatefulSet": stateful,
    "RoleBinding": binding,
    "ClusterRoleBinding": binding,
    "ServiceMonitor": monitor,
    "ValidatingAdmissionPolicyBinding": admission,
}
