"""NetworkPolicies: the pods that they apply to, their peers, and the ports of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitops.checks import cluster
from gitops.checks.matching import Selector, nothing, selected
from gitops.checks.unknown import is_misspelt, is_open
from gitops.checks.world import World, is_same, ports
from gitops.findings import Finding
from gitops.labels import matches, words
from gitops.objects import Object

# The label that every namespace has, with its name.
NAMESPACE = "kubernetes.io/metadata.name"


def policy(world: World, thing: Object) -> Iterator[Finding]:
    """Yield the selectors of a NetworkPolicy that select nothing, and its unknown ports."""
    selector = thing.get("spec", "podSelector", default={})
    found = selected(world, thing, selector)
    if selector and not found:
        yield from nothing(world, thing, "podSelector", selector)
    for direction, key in (("ingress", "from"), ("egress", "to")):
        for rule in thing.get("spec", direction, default=[]):
            reached: list[Object] = []
            for peer in rule.get(key) or []:
                if "ipBlock" in peer:
                    continue
                pods = list(peer_pods(world, thing, peer))
                reached += pods
                if not pods:
                    yield from no_peer(world, thing, f"{direction} {key}", peer)
            to = found if direction == "ingress" else reached
            given = [each.get("port") for each in rule.get("ports") or []]
            # What an address reaches need not be a pod of this repository.
            numbered = direction == "ingress"
            missing = absent(given, to, numbered=numbered) if all(e.is_whole for e in to) else ()
            for port in missing:
                message = f"{direction}: no pod that it applies to has a port {port}"
                number = isinstance(port, int)
                yield (world.number if number else world.finding)(thing, message, port)


def absent(given: list[Any], to: list[Object], *, numbered: bool) -> Iterator[Any]:
    """Yield the ports that no pod has.

    A container need not declare its ports: a number is wrong if none of the rule's is declared.
    """
    for port in given:
        is_name = isinstance(port, str) and not is_open(port)
        if is_name and to and not any(port in ports(each) for each in to):
            yield port
    declared = [ports(each, named=False) for each in to]
    known = {number for each in declared for number in each}
    numbers = [port for port in given if isinstance(port, int) and numbered]
    if numbers and declared and all(declared) and numbers == given and known.isdisjoint(numbers):
        yield from numbers[:1]


def no_peer(world: World, thing: Object, where: str, peer: dict[str, Any]) -> Iterator[Finding]:
    """Yield a finding for a peer without pods, unless nobody can tell what its namespace has."""
    selector, elsewhere = joined(peer), peer.get("namespaceSelector")
    labels = (elsewhere or {}).get("matchLabels") or {}
    namespace = str(labels.get(NAMESPACE, thing.namespace))
    pods = (peer.get("podSelector") or {}).get("matchLabels") or {}
    if world.is_external(f"Pods/{words(selector)}") or cluster.has_pods(pods, namespace):
        return
    by_name = labels.keys() == {NAMESPACE}
    if by_name and not pods and namespace in world.namespaces | set(cluster.NAMESPACES):
        return  # all of its pods, whatever they are
    if elsewhere is not None and not is_known(world, labels):
        return
    yield from nothing(world, thing, where, selector, namespace)


def is_known(world: World, labels: dict[str, Any]) -> bool:
    """Tell whether the labels that select namespaces are those of one that is known, or nearly."""
    if labels.keys() == {NAMESPACE}:
        name, known = str(labels[NAMESPACE]), world.known_namespaces
        return name in known or is_misspelt(name, known)
    spaces = [each for each in world.all if each.kind == "Namespace"]
    keys = {NAMESPACE, *(key for each in spaces for key in each.labels)}
    if any(is_misspelt(key, keys) for key in labels.keys() - keys):
        return True
    return any(labels.keys() <= each.labels.keys() for each in spaces)


def peer_pods(world: World, thing: Object, peer: dict[str, Any]) -> Iterator[Object]:
    """Yield the workloads that a peer of a NetworkPolicy selects."""
    wanted = peer.get("namespaceSelector")
    for each in world.all:
        if not each.makes(peer.get("podSelector") or {}):
            continue
        found = world.find("Namespace", each.namespace, "")
        labels = {**(found.labels if found else {}), NAMESPACE: each.namespace}
        near = is_same(each.namespace, thing.namespace)
        if matches(wanted, labels) if wanted is not None else near:
            yield each


def joined(peer: dict[str, Any]) -> Selector:
    """Return the two selectors of a peer as one, for messages."""
    both = [peer.get(key) or {} for key in ("namespaceSelector", "podSelector")]
    return {
        "matchLabels": {k: v for each in both for k, v in (each.get("matchLabels") or {}).items()},
        "matchExpressions": [e for each in both for e in each.get("matchExpressions") or []],
    }
