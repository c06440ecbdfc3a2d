"""The overrides of a kustomization: every entry that is meant to change something.

An override can be removed: `edit` has the text of its file without it. Strategic-merge patches and
generators that merge are split into their leaves, so that each value is tried by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gitops import nodes
from gitops.nodes import Path_
from gitops.repository import Kustomization, Repository


@dataclass(frozen=True)
class Override:
    """An entry, its place, and the text of its file without it."""

    what: str
    file: Path
    line: int
    edit: tuple[Path, str]
    part_of: Override | None = None  # the whole patch, of which this is a leaf
    tag_alone: bool = False  # a new tag without a digest
    mark: tuple[str, str] | None = None  # "key" or "image", and what it puts there


@dataclass(frozen=True)
class Patch:
    """A patch's own documents: in a file, or inside the kustomization."""

    label: str
    file: Path
    documents: list[Node]
    first_line: int
    rewrite: Callable[[list[Node]], tuple[Path, str]]
    whole: Override


def overrides(repository: Repository, each: Kustomization) -> Iterator[Override]:
    """Yield the overrides of a kustomization."""
    yield from entries(each)
    for patch in patches(repository, each):
        parts = list(leaves(patch))
        if not parts:
            yield patch.whole
        yield from parts


def taken(each: Kustomization, path: Path_, what: str, at: Node | None = None) -> Override:
    """Return the override at a path of a kustomization."""
    left = nodes.without(each.node, path)
    line = nodes.line(at) if at else nodes.key_line(nodes.get(each.node, *path[:-1]), path[-1])
    if left is None or only_identity(left):
        # Kustomize refuses a kustomization that says nothing.
        (left,) = nodes.compose(nodes.write([left] if left else []) + "resources: []\n", "")
    return Override(what, each.file, line, (each.file, nodes.write([left])))


def entries(each: Kustomization) -> Iterator[Override]:
    """Yield the overrides in a kustomization's own file, without patches."""
    for key in ("namespace", "namePrefix", "nameSuffix"):
        if nodes.get(each.node, key):
            yield taken(each, (key,), f"{key} {nodes.text(nodes.get(each.node, key))}")
    for key in ("commonLabels", "commonAnnotations"):
        for name, _ in nodes.items(nodes.get(each.node, key)):
            yield taken(each, (key, name), f"{key} {name}")
    for path, what in listed(each.node):
        tag_alone = path[0] == "images" and path[-1] == "newTag"
        if tag_alone and nodes.get(each.node, *path[:-1], "digest"):
            tag_alone = False
        yield replace(taken(each, path, what), tag_alone=tag_alone, mark=mark(each.node, path))


def mark(node: Node, path: Path_) -> tuple[str, str] | None:
    """Return the text that an entry must leave in the rendering, if there is one to look for."""
    value = nodes.text(nodes.get(node, *path))
    if path[0] == "images" and path[-1] in ("newTag", "digest"):
        return "image", value
    return ("key", value.partition("=")[0]) if "literals" in path else None


def listed(node: Node) -> Iterator[tuple[Path_, str]]:
    """Yield the path and the description of each override in a kustomization's lists."""
    yield from image_parts(node)
    for i, count in nodes.items(nodes.get(node, "replicas")):
        yield ("replicas", i), f"replicas of {nodes.text(nodes.get(count, 'name'))}"
    for i, label in nodes.items(nodes.get(node, "labels")):
        yield from label_parts(i, label)
    for key in ("configMapGenerator", "secretGenerator"):
        for i, generator in nodes.items(nodes.get(node, key)):
            if nodes.text(nodes.get(generator, "behavior")) in ("merge", "replace"):
                yield from generated(key, i, generator)
    for i, replacement in nodes.items(nodes.get(node, "replacements")):
        for j, target in nodes.items(nodes.get(replacement, "targets")):
            for k, path in nodes.items(nodes.get(target, "fieldPaths")):
                at: Path_ = ("replacements", i, "targets", j, "fieldPaths", k)
                yield at, f"replacement of {nodes.text(path)}"


def image_parts(node: Node) -> Iterator[tuple[Path_, str]]:
    """Yield the new name, the new tag and the digest of each image."""
    for i, image in nodes.items(nodes.get(node, "images")):
        for key, value in nodes.items(image):
            if key != "name":
                name = nodes.text(nodes.get(image, "name"))
                yield ("images", i, key), f"{key} {nodes.text(value)} for image {name}"


def label_parts(i: str | int, label: Node) -> Iterator[tuple[Path_, str]]:
    """Yield the labels of an entry, and the fields that it puts them into."""
    for name, value in nodes.items(nodes.get(label, "pairs")):
        yield ("labels", i, "pairs", name), f"label {name}={nodes.text(value)}"
    for j, spec in nodes.items(nodes.get(label, "fields")):
        kind, path = nodes.text(nodes.get(spec, "kind")), nodes.text(nodes.get(spec, "path"))
        yield ("labels", i, "fields", j), f"label field {kind} {path}".replace("  ", " ")
    for key in ("includeSelectors", "includeTemplates"):
        if nodes.text(nodes.get(label, key)) == "true":
            yield ("labels", i, key), f"label {key}"


def generated(key: str, i: str | int, generator: Node) -> Iterator[tuple[Path_, str]]:
    """Yield the sources of a generator that merges into another one's object."""
    name = nodes.text(nodes.get(generator, "name"))
    for source in ("literals", "files", "envs"):
        for j, value in nodes.items(nodes.get(generator, source)):
            name_alone = nodes.text(value).partition("=")[0] if key == "secretGenerator" else ""
            yield (key, i, source, j), f"{key} {name}: {name_alone or nodes.text(value)}"


def patches(repository: Repository, each: Kustomization) -> Iterator[Patch]:
    """Yield the patches of a kustomization, in each of the ways to write them."""
    for key in ("patches", "patchesJson6902", "patchesStrategicMerge"):
        for i, entry in nodes.items(nodes.get(each.node, key)):
            inline_at: Path_ = (key, i) if isinstance(entry, ScalarNode) else (key, i, "patch")
            at = nodes.get(entry, "path") if isinstance(entry, MappingNode) else entry
            inline = nodes.text(nodes.get(each.node, *inline_at))
            if isinstance(entry, ScalarNode) and "\n" not in inline:
                inline = ""
            if inline:
                yield inline_patch(each, (key, i), inline_at, inline)
            elif (file := (each.folder / nodes.text(at)).resolve()).is_file():
                label = repository.relative(file)
                whole = taken(each, (key, i), f"patch {nodes.text(at)}", entry)
                documents = repository.documents(file)
                yield Patch(label, file, documents, 0, file_writer(file), whole)


def file_writer(file: Path) -> Callable[[list[Node]], tuple[Path, str]]:
    """Return the function that writes the documents of a patch in a file."""
    return lambda documents: (file, nodes.write(documents))


def inline_patch(each: Kustomization, entry: Path_, at: Path_, text: str) -> Patch:
    """Return a patch that is written inside the kustomization."""

    def rewrite(documents: list[Node]) -> tuple[Path, str]:
        return each.file, nodes.write([nodes.replaced(each.node, at, nodes.write(documents))])

    node = nodes.get(each.node, *at)
    block = isinstance(node, ScalarNode) and node.style in ("|", ">")
    first = nodes.line(node) if block else nodes.line(node) - 1
    documents = nodes.compose(text, f"{each.file}:{first}")
    number = entry[1]
    whole = taken(each, entry, f"inline patch {number}", nodes.get(each.node, *entry))
    return Patch(f"inline patch {number}", each.file, documents, first, rewrite, whole)


def leaves(patch: Patch) -> Iterator[Override]:
    """Yield the operations of a JSON patch, or the leaves of a strategic-merge patch."""
    for number, document in enumerate(patch.documents):
        is_list = isinstance(document, SequenceNode)
        for path in operations(document) if is_list else values(document):
            left = nodes.without(document, path)
            if left is not None and only_identity(left):
                left = None
            rest = [each for each in patch.documents if each is not document]
            rest[number:number] = [left] if left else []
            node = nodes.get(document, *path)
            line = nodes.key_line(nodes.get(document, *path[:-1]), path[-1]) + patch.first_line
            what = f"patch {patch.label}: {described(document, node, path)}"
            edit = patch.rewrite(rest) if rest else patch.whole.edit
            is_data = not is_list and path[0] in ("data", "stringData")
            left_behind = ("key", str(path[-1])) if is_data else None
            yield Override(what, patch.file, line, edit, patch.whole, mark=left_behind)


def described(document: Node, node: Node | None, path: Path_) -> str:
    """Return a description of a leaf of a patch."""
    if isinstance(document, SequenceNode):
        return f"{nodes.text(nodes.get(node, 'op'))} {nodes.text(nodes.get(node, 'path'))}"
    kind, name = nodes.get(document, "kind"), nodes.get(document, "metadata", "name")
    steps: list[str] = []
    for i, step in enumerate(path):
        item = nodes.text(nodes.get(document, *path[: i + 1], "name"))
        steps.append(f"[{item or step}]" if isinstance(step, int) else f".{step}")
    return f"{nodes.text(kind)} {nodes.text(name)} {''.join(steps)[1:]}"


def operations(document: Node) -> Iterator[Path_]:
    """Yield the operations of a JSON patch, without `test`, which changes nothing."""
    for i, each in nodes.items(document):
        if nodes.text(nodes.get(each, "op")) != "test":
            yield (i,)


def values(document: Node, path: Path_ = ()) -> Iterator[Path_]:
    """Yield the leaves of a strategic-merge patch, without what identifies its object."""
    for key, value in nodes.items(document):
        here = (*path, key)
        if here in IDENTITY or (key == "name" and path and isinstance(path[-1], int)):
            continue
        below = isinstance(value, MappingNode) or is_of_mappings(value)
        if below and value.value:
            found = list(values(value, here))
            yield from found or ([here] if here != ("metadata",) else [])
        else:
            yield here


IDENTITY: set[Path_] = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")}


def is_of_mappings(node: Node) -> bool:
    """Tell whether a node is a list of mappings, which are merged one by one."""
    return isinstance(node, SequenceNode) and all(
        isinstance(each, MappingNode) for each in node.value
    )


def only_identity(document: Node) -> bool:
    """Tell whether a patch has nothing left but what identifies its object."""
    if not isinstance(document, MappingNode):
        return False
    paths: set[Path_] = {(key,) for key, _ in nodes.items(document) if key != "metadata"}
    paths |= {("metadata", key) for key, _ in nodes.items(nodes.get(document, "metadata"))}
    return paths <= IDENTITY
