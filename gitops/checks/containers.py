"""What a container refers to within its own pod: ports, volumes, and resources of a node."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gitops.checks.unknown import is_open
from gitops.checks.world import World
from gitops.findings import Finding, Severity
from gitops.objects import WORKLOADS, Object, dig

# https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
RESOURCES = ("cpu", "memory", "ephemeral-storage")
# https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
VARIABLE = re.compile(r"\$\(([A-Za-z_]\w*)\)")
SERVICE = re.compile(r"_SERVICE_HOST$|_SERVICE_PORT|_PORT$|_PORT_\d+_")


def mounts(
    world: World, thing: Object, container: dict[str, Any], volumes: set[Any]
) -> Iterator[Finding]:
    """Yield each mount of a volume that the pod has not, unless a controller adds volumes."""
    for mount in container.get("volumeMounts") or []:
        name = mount.get("name")
        certain = thing.kind in (*WORKLOADS, "Rollout") and name not in volumes
        if certain and not is_open(name):
            where = f"container {container.get('name')}"
            yield world.finding(thing, f"{where}: there is no volume {name}", name)


def handler_ports(world: World, thing: Object, container: dict[str, Any]) -> Iterator[Finding]:
    """Yield each port of a probe or hook that the container lacks, by name or by number.

    A container need not declare its ports: a number is wrong if that of another probe is declared,
    and neither a variable nor an argument has it.
    """
    where = f"container {container.get('name')}"
    handlers = [container.get(f"{each}Probe") for each in ("startup", "readiness", "liveness")]
    handlers += [dig(container, "lifecycle", each) for each in ("preStop", "postStart")]
    wanted = [dig(it, how, "port") for it in handlers for how in ("httpGet", "tcpSocket", "grpc")]
    names = {port.get("name") for port in container.get("ports") or []}
    numbers = {port.get("containerPort") for port in container.get("ports") or []}
    for port in filter(None, wanted):
        numeric = not isinstance(port, str) or port.isdigit() or is_open(port)
        if not numeric and port not in names and thing.is_whole:
            yield world.finding(thing, f"{where}: the container has no port {port}", port)
        if isinstance(port, int) and port not in numbers and not numbers.isdisjoint(wanted):
            given = [container.get(key) for key in ("env", "args", "command")]
            if str(port) not in str(given):
                yield world.number(thing, f"{where}: the container has no port {port}", port)


def variables(world: World, thing: Object, container: dict[str, Any]) -> Iterator[Finding]:
    """Yield each variable in a value of `env` that none before it has: it stays as it is written.

    Of Services there are variables, too, and of what `envFrom` names nobody need know all.
    """
    if container.get("envFrom") or not thing.is_whole:
        return
    known: set[Any] = set()
    for each in container.get("env") or []:
        for name in VARIABLE.findall(str(each.get("value") or "").replace("$$", "")):
            if name not in known and not SERVICE.search(name):
                where = f"container {container.get('name')}, variable {each.get('name')}"
                message = f"{where}: there is no variable {name} before it"
                yield world.finding(thing, message, each.get("value"), severity=Severity.WARNING)
        known.add(each.get("name"))


def resources(world: World, thing: Object, container: dict[str, Any]) -> Iterator[Finding]:
    """Yield each requested resource that no node has; an extended resource has a domain."""
    for section in ("requests", "limits"):
        for name in dig(container, "resources", section, default={}):
            if not ("/" in name or name.startswith("hugepages-") or name in RESOURCES):
                where = f"container {container.get('name')}, {section}"
                yield world.finding(thing, f"{where}: there is no resource {name}", name)
