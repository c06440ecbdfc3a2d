"""Paths of values in objects: what sources set at different ones is never the same value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from yaml.nodes import Node

from gitops import nodes

# The keys from the top of an object, each beside the path above it; an item of a list by its name.
type Path = tuple[Path, str] | tuple[()]

# The lists that kustomize merges item by item, by what it tells the items apart.
NAMED_BY = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
}
ITEM = "[]"  # of any other list
ALIASES = "<<"  # in place of a key: what is below it is merged into the mapping


def top(document: Node) -> Path | None:
    """Return where a document begins: None for a list, whose items are the objects."""
    return None if nodes.text(nodes.get(document, "kind")).endswith("List") else ()


def entry(above: Path | None, key: str) -> Path | None:
    """Return the path of an entry of a mapping; None if it is not known."""
    return None if above is None or key == ALIASES else (above, key)


def item(above: Path | None, key: str, its: Node | dict[str, Any]) -> Path | None:
    """Return the path of a mapping in the list beneath a key; None if it has not got its name."""
    if above is None:
        return None
    if key not in NAMED_BY:
        return (above, ITEM)
    named_by = NAMED_BY[key]
    value = its.get(named_by, "") if isinstance(its, dict) else nodes.text(nodes.get(its, named_by))
    return (above, f"[{value}]") if value else None


def of(document: Node, steps: Iterable[str | int]) -> Path | None:
    """Return the path of what is somewhere in a document."""
    found, key, node = top(document), "", document
    for step in steps:
        node = nodes.get(node, step) or node
        if isinstance(step, int):
            found = item(found, key, node)
        else:
            found, key = entry(found, step), step
    return found
