"""What rendered NetworkPolicies let through, judged as Kubernetes documents it.

An address block is compared with pods' addresses too. Kubernetes leaves that open; assuming it is
the strict reading for a table of what must be denied.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

Policy = dict[str, Any]


@dataclass(frozen=True)
class End:
    """One end of a flow: a pod, or without a namespace an address outside the cluster."""

    address: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Flow:
    """A connection that somebody tries to open."""

    source: End
    destination: End
    port: int
    protocol: str = "TCP"


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Tell whether a label selector selects something with these labels."""
    if unknown := selector.keys() - {"matchLabels", "matchExpressions"}:
        raise NotImplementedError(f"label selectors with {sorted(unknown)}")
    wanted = {key: [value] for key, value in selector.get("matchLabels", {}).items()}
    for each in selector.get("matchExpressions", []):
        if each["operator"] != "In" or each["key"] in wanted:
            raise NotImplementedError(f"label selectors with {each}")
        wanted[each["key"]] = each["values"]
    return all(labels.get(key) in values for key, values in wanted.items())


def is_peer(peer: Mapping[str, Any], end: End, namespace: str) -> bool:
    """Tell whether one end of a flow is what a policy of this namespace names."""
    if block := peer.get("ipBlock"):
        address = ip_address(end.address)
        excepted = [ip_network(each) for each in block.get("except", [])]
        return address in ip_network(block["cidr"]) and not any(address in e for e in excepted)
    if not end.namespace:
        return False
    if (wanted := peer.get("namespaceSelector")) is None:
        near = end.namespace == namespace
    else:
        near = selects(wanted, {"kubernetes.io/metadata.name": end.namespace})
    return near and selects(peer.get("podSelector", {}), end.labels)


def is_port(port: Mapping[str, Any], flow: Flow) -> bool:
    """Tell whether a flow goes to a port that a rule names, by number or by the pod's own name."""
    if port.get("protocol", "TCP") != flow.protocol:
        return False
    if (named := port.get("port")) is None:
        return True
    first = flow.destination.ports.get(named) if isinstance(named, str) else named
    return first is not None and first <= flow.port <= port.get("endPort", first)


def permits(policies: list[Policy], flow: Flow, direction: str) -> bool:
    """Tell whether the policies that isolate one end of a flow in a direction let it through."""
    here, there, peers = (
        (flow.destination, flow.source, "from")
        if direction == "Ingress"
        else (flow.source, flow.destination, "to")
    )
    isolating = [
        each["spec"]
        for each in policies
        if each["metadata"]["namespace"] == here.namespace
        and selects(each["spec"]["podSelector"], here.labels)
        and direction in each["spec"]["policyTypes"]
    ]
    rules = [rule for spec in isolating for rule in spec.get(direction.lower(), [])]
    return not isolating or any(
        # A rule without peers or without ports is about all of them.
        (not rule.get(peers) or any(is_peer(each, there, here.namespace) for each in rule[peers]))
        and (not rule.get("ports") or any(is_port(each, flow) for each in rule["ports"]))
        for rule in rules
    )


def allowed(policies: list[Policy], flow: Flow) -> bool:
    """Tell whether a flow passes: out of where it starts and into where it ends."""
    return permits(policies, flow, "Egress") and permits(policies, flow, "Ingress")
