"""Sentinels: values that no repository has by chance, put in an override's place."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gitops import nodes
from gitops.nodes import Path_

Change = Callable[[Node], Node | None]
TEXT = "tag:yaml.org,2002:str"
SENTINEL = "gitops-sentinel"
DIGEST = "sha256:" + "5" * 64
NUMBER = "90210"


def put(node: Node, path: Path_, new: Node) -> Node:
    """Return a copy with another node at a path."""
    if not path:
        return new
    result = copy(node)
    result.value = []
    for index, (key, below) in enumerate(nodes.items(node)):
        entry = node.value[index]
        changed = put(below, path[1:], new) if key == path[0] else below
        result.value.append((entry[0], changed) if isinstance(node, MappingNode) else changed)
    return result


def other(node: Node | None) -> Node | None:
    """Return a value that is not there by chance, of the same type; None for a null."""
    if isinstance(node, SequenceNode):
        return SequenceNode(node.tag, [ScalarNode(TEXT, SENTINEL)])
    if isinstance(node, ScalarNode):
        kind = node.tag.rpartition(":")[2]
        if kind == "null":
            return None
        if kind in ("int", "float"):
            return ScalarNode(node.tag, NUMBER)
        if kind == "bool":
            return ScalarNode(node.tag, "false" if node.value.lower() == "true" else "true")
    return ScalarNode(TEXT, SENTINEL)


def at(path: Path_, text: str = "") -> Change:
    """Return the change that puts a sentinel at a path."""

    def change(document: Node) -> Node | None:
        new = ScalarNode(TEXT, text) if text else other(nodes.get(document, *path))
        return put(document, path, new) if new is not None else None

    return change


def literal(generator: Path_, path: Path_, key: str) -> Change:
    """Return the change that gives a generator a literal instead of a file."""

    def change(document: Node) -> Node | None:
        added = ScalarNode(TEXT, f"{key}={SENTINEL}")
        literals = nodes.get(document, *generator, "literals")
        values = list(literals.value) if isinstance(literals, SequenceNode) else []
        its = nodes.get(document, *generator)
        if not isinstance(its, MappingNode):
            return None
        changed = copy(its)
        changed.value = [pair for pair in its.value if pair[0].value != "literals"]
        sequence = SequenceNode("tag:yaml.org,2002:seq", [*values, added])
        changed.value.append((ScalarNode(TEXT, "literals"), sequence))
        return nodes.without(put(document, generator, changed), path)

    return change
