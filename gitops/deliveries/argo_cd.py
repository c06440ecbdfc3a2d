"""What Argo CD's Applications apply, and with which overrides of their own.

They are those of `kustomize edit` in the folder: argo-cd, util/kustomize.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gitops import images, nodes
from gitops.deliveries.folders import Selection
from gitops.deliveries.model import MAP, Delivery
from gitops.deliveries.results import Result
from gitops.errors import GitopsError
from gitops.nodes import Path_
from gitops.releases import Place, identity

TEXT, LIST, BOOL, INT = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "bool", "int"))
Pair = tuple[Node, Node]
PLAIN = ("namePrefix", "nameSuffix", "namespace", "commonAnnotations", "patches")
# `kustomize edit add` refuses a label or an annotation that is there, unless it is forced.
FORCES = {
    "commonLabels": "forceCommonLabels",
    "commonAnnotations": "forceCommonAnnotations",
}
# Files in the folder that Argo CD reads over the Application's own; its Image Updater writes them.
OVERRIDES = (".argocd-source.yaml", ".argocd-source-{name}.yaml")


def sources(application: Node) -> Iterator[tuple[Path_, Node]]:
    """Yield the sources of an Application: if there are several, `source` is ignored."""
    several = [*nodes.items(nodes.get(application, "spec", "sources"))]
    single = nodes.get(application, "spec", "source")
    if single is not None and not several:
        yield ("spec", "source"), single
    yield from ((("spec", "sources", number), source) for number, source in several)


def delivery(file: Path, application: Node, at_: Path_, folder: Path) -> Delivery:
    """Return how an Application applies a folder that the source at a path of it names."""
    name = nodes.text(nodes.get(application, "metadata", "name"))
    source = nodes.get(application, *at_)
    assert source is not None  # noqa: S101 - it was found there
    its, where = nodes.get(source, "kustomize"), file
    pins: Place | None = Place((*at_, "kustomize", "images"), identity(application))
    for pattern in OVERRIDES:
        own = folder / pattern.format(name=name)
        if name and own.is_file() and (found := overriding(own)) is not None:
            rest = without(its, found)
            if rest.value:  # both have lines: those of the Application are told
                its = MappingNode(MAP, [*rest.value, *at(found, source).value])
                pins = None
            else:
                its, where, pins = found, own, Place(("kustomize", "images"))
    namespace = nodes.get(application, "spec", "destination", "namespace")
    node = MappingNode(MAP, [*settings(its)])
    node.start_mark = source.start_mark
    said = (namespace,) if namespace is not None and where == file else ()
    text = nodes.text(namespace)
    result = Result(text if is_known(text) else "")
    others = any(nodes.get(source, key) is not None for key in ("chart", "helm", "plugin"))
    selection = None if others else Selection.of(nodes.get(source, "directory"))
    demands = {key: option for key, option in FORCES.items() if not is_true(its, option)}
    return Delivery(
        *(where, node, name, folder, result, said),
        demands=demands,
        pins=pins,
        selection=selection,
    )


def overriding(file: Path) -> MappingNode | None:
    """Return the settings in a file of overrides; None if it has none."""
    try:
        documents = nodes.read(file)
    except GitopsError:
        return None
    found = nodes.get(documents[0], "kustomize") if documents else None
    return found if isinstance(found, MappingNode) else None


def without(settings: Node | None, others: MappingNode) -> MappingNode:
    """Return what others leave of settings: they replace lists as a whole."""
    keys = {key for key, _ in nodes.items(others)}
    had = settings.value if isinstance(settings, MappingNode) else []
    return MappingNode(MAP, [pair for pair in had if pair[0].value not in keys])


def at(node: Any, near: Node) -> Any:
    """Return a copy of a node at the line of another one."""
    result = copy(node)
    result.start_mark, result.end_mark = near.start_mark, near.end_mark
    if isinstance(node, MappingNode):
        result.value = [(at(key, near), at(value, near)) for key, value in node.value]
    elif isinstance(node, SequenceNode):
        result.value = [at(item, near) for item in node.value]
    return result


def settings(given: Node | None) -> Iterator[Pair]:
    """Yield the fields of a kustomization that the settings of an Application add."""
    for key, value in given.value if isinstance(given, MappingNode) else ():
        if key.value == "commonLabels":
            yield from labels(given, key, known(value))
        elif key.value == "images":
            every = [image(each) for _, each in nodes.items(value) if is_known(nodes.text(each))]
            yield key, SequenceNode(LIST, [each for each in every if each])
        elif key.value == "components" and is_true(given, "ignoreMissingComponents"):
            continue  # it names what need not be there
        elif key.value == "replicas":
            yield key, counted(value)
        elif key.value in (*PLAIN, "components") and (value := known(value)) is not None:
            yield key, value


def counted(replicas: Node) -> Node:
    """Return the entries of `replicas` that are known; a number may be written as a text here."""
    entries: list[Node] = []
    for _, entry in nodes.items(known(replicas)):
        its = copy(entry)
        its.value = [
            (key, ScalarNode(INT, value.value, value.start_mark, value.end_mark))
            if key.value == "count" and nodes.text(value).isdecimal()
            else (key, value)
            for key, value in (entry.value if isinstance(entry, MappingNode) else ())
        ]
        entries.append(its)
    return SequenceNode(LIST, entries, replicas.start_mark, replicas.end_mark)


def labels(given: Node | None, key: Node, value: Node | None) -> Iterator[Pair]:
    """Yield the labels, as selectors have them or not."""
    if value is None:
        return
    if not is_true(given, "labelWithoutSelector"):
        yield key, value
        return
    pairs: list[Pair] = [(marked("pairs", key), value)]
    if is_true(given, "labelIncludeTemplates"):
        pairs.append((marked("includeTemplates", key), ScalarNode(BOOL, "true")))
    entry = MappingNode(MAP, pairs, key.start_mark, key.end_mark)
    yield marked("labels", key), SequenceNode(LIST, [entry])


def image(text: Node) -> MappingNode | None:
    """Return the entry of `images` for a text such as `name=new:tag@digest`; None for no image."""
    name, equals, value = nodes.text(text).partition("=")
    new, tag, digest = images.split(value if equals else name)
    fields = {
        "name": name if equals else new,
        "newName": new if equals else "",
        "newTag": tag,
        "digest": digest,
    }
    if not any(fields[key] for key in ("newName", "newTag", "digest")):
        return None
    pairs = [(marked(key, text), marked(value, text)) for key, value in fields.items() if value]
    return MappingNode(MAP, pairs, text.start_mark, text.end_mark)


def marked(text: str, near: Node) -> ScalarNode:
    """Return a text at the place of a node."""
    return ScalarNode(TEXT, text, near.start_mark, near.end_mark)


def is_true(node: Node | None, key: str) -> bool:
    """Tell whether a mapping says `true` for a key."""
    return nodes.text(nodes.get(node, key)).lower() == "true"


def is_known(text: str) -> bool:
    """Tell whether a text is what reaches the cluster: no generator or build fills it in."""
    return "{{" not in text and "${" not in text and "$ARGOCD" not in text


def known(value: Node) -> Node | None:
    """Return what is known of a value; None if that is nothing."""
    if isinstance(value, ScalarNode):
        return value if is_known(value.value) and value.value else None
    kept = [
        entry
        for entry, (_, below) in zip(value.value, nodes.items(value), strict=True)
        if all(is_known(scalar.value) for scalar in nodes.scalars(below))
    ]
    if isinstance(value, SequenceNode):
        return SequenceNode(LIST, kept, value.start_mark, value.end_mark) if kept else None
    return MappingNode(MAP, kept, value.start_mark, value.end_mark) if kept else None
