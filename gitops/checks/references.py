"""References by name: to objects, keys and ports that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from gitops.checks import backends, delivery, hashes, scaling, services
from gitops.checks.containers import handler_ports, mounts, resources, variables
from gitops.checks.context import Context
from gitops.checks.scope import Scope
from gitops.checks.unknown import is_misspelt, is_open
from gitops.checks.world import World, shaped
from gitops.findings import Finding, Severity
from gitops.objects import Object, dig

# What a volume or `envFrom` takes: its key, the kind, and the field with the name.
VOLUMES = (
    ("configMap", "ConfigMap", "name"),
    ("secret", "Secret", "secretName"),
    ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"),
)
ENVIRONMENT = (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))
# Annotations and labels by which a controller fills an object: from another one, or a bundle.
FILLED = re.compile(r"replicat|reflect|inject|sync-from|vault|avp\.")
KEYS = (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret"))


def check(context: Context) -> Iterator[Finding]:
    """Yield each reference to something that does not exist."""
    scope = Scope(context)
    for rendered in context.rendered:
        world = World(context, rendered, scope)
        for each in rendered.objects:
            if each.pods:
                yield from shaped(pods, world, each)
            if finder := KINDS.get(each.kind):
                yield from shaped(finder, world, each)
        yield from hashes.check(world)


def pods(world: World, thing: Object) -> Iterator[Finding]:
    """Yield what the pods of a workload refer to and does not exist."""
    for template in thing.pods:
        spec = template.get("spec") or {}
        account = spec.get("serviceAccountName")
        yield from world.reference(thing, "ServiceAccount", account, "serviceAccountName")
        for each in spec.get("imagePullSecrets") or []:
            yield from world.reference(thing, "Secret", each.get("name"), "imagePullSecrets")
        for volume in spec.get("volumes") or []:
            yield from volume_sources(world, thing, volume)
        claims = thing.get("spec", "volumeClaimTemplates", default=[])
        volumes = {each.get("name") for each in spec.get("volumes") or []}
        volumes |= {dig(each, "metadata", "name") for each in claims}
        for key in ("initContainers", "containers"):
            for container in spec.get(key) or []:
                yield from container_references(world, thing, container)
                yield from resources(world, thing, container)
                yield from mounts(world, thing, container, volumes)
                yield from variables(world, thing, container)


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


def its_key(
    world: World, thing: Object, kind: str, name: Any, key: Any, where: str
) -> Iterator[Finding]:
    """Yield a finding if a rendered object lacks a key."""
    found = world.find(kind, str(name), thing.namespace)
    is_one_of_several = len(world.scope.by_name[kind, str(name)]) > 1 or world.is_made(
        kind, str(name), thing.namespace
    )
    if found and found not in world.rendered.objects and is_one_of_several:
        return  # which of them it is with is not known
    opened = [why.opens for why in world.rendered.overlay.aside if why.opens]
    if found and any(each in found.plain_name for each in opened):
        return  # some of its keys are in a file that is made before the build
    if found and not is_open(key) and not is_filled(found) and key not in found.keys:
        yield world.finding(thing, f"{where}: {kind} {found.plain_name} has no key {key}", key)


def is_filled(thing: Object) -> bool:
    """Tell whether a controller, a job or a person fills a ConfigMap or Secret in the cluster."""
    annotations = {**thing.get("metadata", "annotations", default={}), **thing.labels}
    if thing.data.get("type") == "kubernetes.io/service-account-token" or not thing.keys:
        return True
    return any(FILLED.search(key) for key in annotations)


def stateful(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding if the Service of a StatefulSet does not exist."""
    name = thing.get("spec", "serviceName")
    for found in world.reference(thing, "Service", name, "serviceName"):
        services = [each.name for each in world.all if each.kind == "Service"]
        # Without it, its pods run, and have no names of their own.
        severity = Severity.ERROR if is_misspelt(str(name), services) else Severity.WARNING
        yield replace(found, severity=severity)


def binding(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the role and accounts of a role binding that do not exist.

    One of several accounts may be that of a part which is not installed here.
    """
    role = thing.data.get("roleRef") or {}
    yield from world.reference(thing, str(role.get("kind")), role.get("name"), "roleRef")
    subjects = thing.data.get("subjects") or []
    missing: list[Finding] = []
    for each in subjects:
        if each.get("kind") == "ServiceAccount":
            namespace = str(each.get("namespace", thing.namespace))
            name = each.get("name")
            missing += world.reference(thing, "ServiceAccount", name, "subjects", namespace)
    for found in missing:
        is_one_of_them = found.severity is Severity.WARNING and len(missing) < len(subjects)
        yield replace(found, severity=Severity.NOTE) if is_one_of_them else found


def admission(world: World, thing: Object) -> Iterator[Finding]:
    """Yield a finding if the policy of a binding does not exist: the API server would admit all."""
    name = thing.get("spec", "policyName")
    yield from world.reference(thing, "ValidatingAdmissionPolicy", name, "policyName")


KINDS = {
    **backends.KINDS,
    **delivery.KINDS,
    **scaling.KINDS,
    **services.KINDS,
    "StatefulSet": stateful,
    "RoleBinding": binding,
    "ClusterRoleBinding": binding,
    "ValidatingAdmissionPolicyBinding": admission,
}
