"""The patches of a kustomization, in each of the ways to write them, and their leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gitops import nodes, paths, settings
from gitops.errors import GitopsError
from gitops.findings import Severity
from gitops.kustomization import Kustomization
from gitops.nodes import Path_
from gitops.overrides import IDENTITY, Files, FileSource, Override, entry
from gitops.repository import Repository
from gitops.sentinels import TEXT, Change, at, other, put
from gitops.settings import EVERYWHERE, Scope, Setting


@dataclass(frozen=True, eq=False)
class PatchSource:
    """The documents of an entry of `patches`: changed, they are written inside the kustomization.

    So a file that two entries name is changed for one of them alone.
    """

    kustomization: FileSource
    at: Path_
    file: Path | None  # that has them, unless they are inside

    def read(self, files: Files) -> list[Node]:
        """Return the documents."""
        (document, *_) = self.kustomization.read(files)
        found = nodes.get(document, *self.at)
        inline = found if isinstance(found, ScalarNode) else nodes.get(found, "patch")
        if inline is not None and (self.file is None or "\n" in nodes.text(inline)):
            return nodes.compose(nodes.text(inline), str(self.kustomization.file))
        assert self.file  # noqa: S101 - it has documents in one of the two places
        return FileSource(self.kustomization.repository, self.file).read(files)

    def write(self, files: Files, documents: list[Node]) -> Files:
        """Return the files with these documents instead."""
        (document, *_) = self.kustomization.read(files)
        found = nodes.get(document, *self.at)
        inline: Node = ScalarNode(TEXT, nodes.write(documents), style="|")
        if isinstance(found, MappingNode):
            kept = [pair for pair in found.value if pair[0].value not in ("path", "patch")]
            pair = (ScalarNode(TEXT, "patch"), inline)
            inline = MappingNode(found.tag, [*kept, pair])
        return self.kustomization.write(files, [put(document, self.at, inline)])


@dataclass(frozen=True, eq=False)
class Patch:
    """A patch's own documents: in a file, or inside the kustomization."""

    label: str
    file: Path
    documents: list[Node]
    first_line: int
    source: PatchSource
    whole: Override
    target: Node | None

    def scope(self, document: Node) -> Scope:
        """Return which objects a document of it is for."""
        return aimed(self.target, [document])

    def sets(self, document: Node, path: Path_) -> Iterator[Setting]:
        """Yield what is set by an operation, or by a leaf of a strategic-merge patch."""
        node, scope = nodes.get(document, *path), self.scope(document)
        if isinstance(document, SequenceNode) and node is not None:
            yield from settings.operated(node, scope)
        else:
            names = [str(step) for step in path if isinstance(step, str)]
            its = paths.of(document, path)
            yield from settings.below(names[-1] if names else "", node, scope, its)


def patches(repository: Repository, kustomization: Kustomization) -> Iterator[Patch]:
    """Yield the patches of a kustomization."""
    source = FileSource(repository, kustomization.source)
    for key in ("patches", "patchesJson6902", "patchesStrategicMerge"):
        for i, found in nodes.items(nodes.get(kustomization.node, key)):
            path: Path_ = (key, i)
            target = nodes.get(found, "target")
            on = aim(target)
            inline = found if isinstance(found, ScalarNode) else nodes.get(found, "patch")
            name = nodes.get(found, "path") if isinstance(found, MappingNode) else found
            if isinstance(found, ScalarNode) and "\n" not in nodes.text(found):
                inline = None
            if inline is not None and nodes.text(inline):
                label, its = f"inline patch {i}", kustomization.file
                whole = entry(repository, kustomization, path, f"{label}{on}", "patch")
                block = isinstance(inline, ScalarNode) and inline.style in ("|", ">")
                first = nodes.line(inline) if block else nodes.line(inline) - 1
                documents = read(kustomization.file, nodes.text(inline), first)
                where = PatchSource(source, path, None)
                whole = replace(whole, scope=aimed(target, documents))
                yield Patch(label, its, documents, first, where, whole, target)
            elif (file := (kustomization.folder / nodes.text(name)).resolve()).is_file():
                whole = entry(
                    repository, kustomization, path, f"patch {nodes.text(name)}{on}", "patch"
                )
                documents = repository.documents(file)
                where = PatchSource(source, path, file)
                whole = replace(whole, scope=aimed(target, documents))
                label = repository.relative(file)
                yield Patch(label, file, documents, 0, where, whole, target)


def read(file: Path, text: str, first: int) -> list[Node]:
    """Return the documents of an inline patch; none if it is no YAML, which kustomize tells."""
    try:
        return nodes.compose(text, f"{file}:{first}")
    except GitopsError:
        return []


def aimed(target: Node | None, documents: list[Node]) -> Scope:
    """Return which objects the documents of a patch are for."""
    if target is not None:
        return Scope.of_target(target)
    return Scope.of_document(documents[0]) if len(documents) == 1 else EVERYWHERE


def aim(target: Node | None) -> str:
    """Return what a patch is for, by its target."""
    words = [nodes.text(value) for _, value in nodes.items(target)]
    return f" on {' '.join(word for word in words if word)}" if any(words) else ""


def leaves(patch: Patch) -> Iterator[Override]:
    """Yield the operations of a JSON patch, or the leaves of a strategic-merge patch."""
    for number, document in enumerate(patch.documents):
        is_list = isinstance(document, SequenceNode)
        for path in operations(document) if is_list else values(document):
            node = nodes.get(document, *path)
            line = nodes.key_line(nodes.get(document, *path[:-1]), path[-1]) + patch.first_line
            what = f"patch {patch.label}: {described(document, node, path)}"
            subject = last(nodes.text(nodes.get(node, "path"))) if is_list else str(path[-1])
            yield Override(
                *(what, patch.file, line, patch.source, number, path),
                subject=subject,
                sentinel=operation(path, node) if is_list else leaf(path),
                severity=Severity.WARNING if removes(path, node) else Severity.ERROR,
                part_of=patch.whole,
                delivers=patch.whole.delivers,
                scope=patch.scope(document),
                gives=tuple(it for it in patch.sets(document, path) if it.texts),
            )


def last(pointer: str) -> str:
    """Return the last step of a JSON pointer."""
    return pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")


def removes(path: Path_, node: Node | None) -> bool:
    """Tell whether a leaf takes something away: where that is not, all is as it is meant to be."""
    if path[-1] == "$patch":
        return nodes.text(node) in ("delete", "replace")
    return not isinstance(path[-1], int) and nodes.is_null(node)


def leaf(path: Path_) -> Change | None:
    """Return the change of a leaf of a strategic-merge patch; a directive has no other value."""
    return None if str(path[-1]).startswith("$") else at(path)


def operation(path: Path_, node: Node | None) -> Change:
    """Return the change of an operation: another value, or a path that no object has."""

    def change(document: Node) -> Node | None:
        value = nodes.get(node, "value")
        if value is not None:
            return put(document, (*path, "value"), other(value) or ScalarNode(TEXT, "null"))
        key = "from" if nodes.get(node, "from") is not None else "path"
        return put(document, (*path, key), ScalarNode(TEXT, "/gitops/sentinel"))

    return change


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
    for i, item in nodes.items(document):
        if nodes.text(nodes.get(item, "op")) != "test":
            yield (i,)


def values(document: Node, path: Path_ = ()) -> Iterator[Path_]:
    """Yield the leaves of a strategic-merge patch, without what identifies its object.

    Of what it deletes, everything else says what that is.
    """
    if nodes.text(nodes.get(document, "$patch")) == "delete":
        yield (*path, "$patch")
        return
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


def is_of_mappings(node: Node) -> bool:
    """Tell whether a node is a list of mappings, which are merged one by one."""
    return isinstance(node, SequenceNode) and all(
        isinstance(item, MappingNode) for item in node.value
    )


def overrides(repository: Repository, kustomization: Kustomization) -> Iterator[Override]:
    """Yield the overrides in the patches of a kustomization."""
    for patch in patches(repository, kustomization):
        parts = list(leaves(patch))
        # One that says nothing is not a mistake of its target.
        yield from parts or [replace(patch.whole, severity=Severity.NOTE)]
