"""What a container refers to within its own pod: ports, volumes, and resources of a node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitops.checks.unknown import is_open
from gitops.checks.world import World
from gitops.findings import Finding
from gitops.objects import WORKLOADS, Object, dig

# https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
RESOURCES = ("cpu", "memory", "ephemeral-storage")


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


def resources(world: World, thing: Object, container: dict[str, Any]) -> Iterator[Finding]:
    """Yield each requested resource that no node has; an extended resource has a domain."""
    for section in ("requests", "limits"):
        for name in dig(container, "resources", section, default={}):
            if not ("/" in name or name.startswith("hugepages-") or name in RESOURCES):
                where = f"container {container.get('name')}, {section}"
                yield world.finding(thing, f"{where}: there is no resource {name}", name)
