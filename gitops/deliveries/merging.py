"""Put what a delivery adds into a kustomization.

Argo CD runs `kustomize edit` in the folder (argo-cd, util/kustomize); Flux writes the same fields
of the file (fluxcd/pkg, kustomize). Both add to lists and mappings, and replace names.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gitops import nodes

TEXT, LIST = "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq"
KEEP = "*"  # in an image of Argo CD's: as the kustomization has it
VERSION = {"newTag", "digest"}


def merged(top: MappingNode, added: MappingNode, *, replaces_images: bool) -> MappingNode:
    """Return a kustomization with what a delivery adds."""
    result = copy(top)
    for key, value in nodes.items(added):
        old = nodes.get(result, key)
        if key == "images":
            new = images(old, value, replaces=replaces_images)
        elif key == "replicas":
            new = listed([*kept(old, value), *entries(value)])
        elif isinstance(value, SequenceNode):
            new = listed([*entries(old), *entries(value)])
        elif isinstance(value, MappingNode):
            new = mapping(old, value)
        else:
            new = value
        result = with_key(result, str(key), new)
    return result


def images(old: Node | None, added: Node, *, replaces: bool) -> Node:
    """Return the entries of `images`: each that is added takes the place of the same image's."""
    new = {name(each): each for each in entries(added)}
    found: list[Node] = []
    for each in entries(old):
        its = new.pop(name(each), None)
        found.append(each if its is None else image(each, its, replaces=replaces))
    return listed([*found, *(image(None, each, replaces=replaces) for each in new.values())])


def image(old: Node | None, new: Node, *, replaces: bool) -> Node:
    """Return the entry of one image: a new tag or digest drops both of the old one."""
    had, has = dict(nodes.items(old)), dict(nodes.items(new))
    for key, value in list(has.items()):
        if nodes.text(value) == KEEP:
            del has[key]
            has |= {key: had[key]} if key in had else {}
    if not replaces:
        drops = VERSION if VERSION & has.keys() else set()
        has = {key: value for key, value in had.items() if key not in drops} | has
    pairs = [(ScalarNode(TEXT, str(key)), value) for key, value in has.items()]
    return MappingNode(new.tag, pairs)


def kept(old: Node | None, added: Node) -> list[Node]:
    """Return the entries that none of the same name takes the place of."""
    names = {name(each) for each in entries(added)}
    return [each for each in entries(old) if name(each) not in names]


def mapping(old: Node | None, added: MappingNode) -> MappingNode:
    """Return a mapping with the keys of both; what is added wins."""
    keys = {key for key, _ in nodes.items(added)}
    had = old.value if isinstance(old, MappingNode) else []
    pairs = [pair for pair in had if pair[0].value not in keys]
    return MappingNode(added.tag, [*pairs, *added.value])


def with_key(node: MappingNode, key: str, value: Node) -> MappingNode:
    """Return a copy with another value for a key, at its place or at the end."""
    result = copy(node)
    result.value = [(k, value if k.value == key else v) for k, v in node.value]
    if nodes.get(node, key) is None:
        result.value.append((ScalarNode(TEXT, key), value))
    return result


def entries(node: Node | None) -> list[Node]:
    """Return the entries of a list; none of anything else."""
    return list(node.value) if isinstance(node, SequenceNode) else []


def listed(values: Iterable[Node]) -> SequenceNode:
    """Return a list."""
    return SequenceNode(LIST, list(values))


def name(entry: Node) -> str:
    """Return the name in an entry."""
    return nodes.text(nodes.get(entry, "name"))
