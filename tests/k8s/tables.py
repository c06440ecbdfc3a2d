"""Policies held against two tables of flows, and with each of their parts taken away in turn."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.k8s.network import Flow, Policy, allowed, permits

Path = tuple[str | int, ...]
# Kubernetes or the evaluator wants these to be there; TCP is what no protocol means.
NEEDED = {("podSelector",), ("policyTypes",)}


@dataclass(frozen=True)
class Tables:
    """The flows that a namespace's policies must let through, and those that they must not."""

    namespace: str
    passing: dict[str, Flow]
    refused: dict[str, Flow]

    def misjudged(self, by: list[Policy]) -> list[str]:
        """Return the flows that these policies judge differently."""
        lost = [name for name, flow in self.passing.items() if not allowed(by, flow)]
        leaked = [name for name, flow in self.refused.items() if not self.is_refused(flow, by)]
        return [f"lost: {name}" for name in lost] + [f"leaked: {name}" for name in leaked]

    def is_refused(self, flow: Flow, by: list[Policy]) -> bool:
        """Tell whether every end of a flow that is in the namespace refuses it, not only one."""
        ends = {"Egress": flow.source, "Ingress": flow.destination}
        inside = [where for where, end in ends.items() if end.namespace == self.namespace]
        return not any(permits(by, flow, direction) for direction in inside)

    def idle_parts(self, one: Policy, every: list[Policy]) -> tuple[list[str], int]:
        """Return the parts of a policy without which it means the same, and how many there are."""
        rest = [each for each in every if each is not one]
        tried = [
            path
            for path, value in parts(one["spec"])
            if path not in NEEDED and path[-1] != "cidr" and value != "TCP"
        ]
        idle = [path for path in tried if not self.misjudged([*rest, without(one, path)])]
        return [f"{one['metadata']['name']}: {path}" for path in idle], len(tried)


def parts(node: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every field and element of a policy's specification, with the path to it."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield (*path, key), value
            yield from parts(value, (*path, key))


def without(policy: Policy, path: Path) -> Policy:
    mutant = copy.deepcopy(policy)
    node: Any = mutant["spec"]
    for key in path[:-1]:
        node = node[key]
    del node[path[-1]]
    return mutant
