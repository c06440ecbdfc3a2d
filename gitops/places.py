"""Where in the sources of an overlay its objects, and their values, come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from yaml.nodes import Node, ScalarNode

from gitops import definitions, nodes
from gitops.errors import GitopsError
from gitops.kustomization import NAMES, Kustomization
from gitops.objects import Object, without_hash
from gitops.overlays import Overlay
from gitops.repository import Repository


class Sources:
    """Finds the line of the sources that an overlay's object, or a value of it, comes from."""

    def __init__(self, repository: Repository, overlay: Overlay) -> None:
        self._repository = repository
        self._overlay = overlay
        self._filled: dict[Node, Node] = {}

    @cached_property
    def _documents(self) -> list[tuple[Path, Node]]:
        """Every document of the tree: kustomizations, resources and patches.

        Files of definitions of custom resources are left out: they are large, and read only to find
        a definition.
        """
        found: list[tuple[Path, Node]] = []
        for each in self._overlay.tree:
            found += [(each.file, node) for node in each.said]
            found += self._read(path for path in each.files() if not self._repository.defines(path))
        return found

    @cached_property
    def _definitions(self) -> list[tuple[Path, Node]]:
        files = dict.fromkeys(path for each in self._overlay.tree for path in each.files())
        return [*self._read(filter(self._repository.defines, files))]

    def _read(self, files: Iterable[Path]) -> Iterator[tuple[Path, Node]]:
        for path in files:
            if path.name not in NAMES:
                yield from ((path, node) for node in self._repository.documents(path))

    def _around(self, thing: Object) -> list[tuple[Path, Node]]:
        """Return the documents among which an object, or a value of it, is looked for."""
        return self._documents + (self._definitions if thing.kind == definitions.KIND else [])

    @cached_property
    def text(self) -> str:
        """The text of all its sources, comments included."""
        folders = {each.folder for each in self._overlay.tree}
        files = {path for folder in folders for path in folder.iterdir() if path.is_file()}
        files |= {path for each in self._overlay.tree for path in (each.file, *each.files())}
        return "\n".join(path.read_text("utf-8", "replace") for path in sorted(files))

    def find(self, thing: Object, value: object = None) -> tuple[Path, int]:
        """Return the file and line of an object, or of the first scalar in it with this value."""
        own = self._own(thing)
        around = {part.file for part in self.around(thing)}
        others = [each for each in self._around(thing) if each not in own]
        others.sort(key=lambda each: each[0] not in around)
        wanted = {str(value), without_hash(str(value))}
        for file, document in (*own, *others) if value is not None else ():
            for scalar in (*nodes.scalars(document), *nodes.keys(document)):
                # A literal of a generator is KEY=value.
                if wanted & {scalar.value, scalar.value.partition("=")[0]}:
                    return file, nodes.line(scalar)
                if "\n" in scalar.value and (line := inside(scalar, wanted)):
                    return file, line
        # What fills in a value need not be a file of the overlay.
        for file, document in own if value is not None else ():
            for scalar in nodes.scalars(self._applied(document)):
                if scalar.value in wanted:
                    return file, nodes.line(scalar)
        for file, document in own:
            return file, nodes.line(document)
        return self._overlay.top.own.file, 1

    def around(self, thing: Object) -> list[Kustomization]:
        """Return the kustomizations that change an object, the last to do so first.

        All of the overlay's, if no file has the object.
        """
        files = {file for file, _ in self._own(thing)}
        every = [*dict.fromkeys(self._last_first(self._overlay.top, set()))]
        every += [part for part in self._overlay.tree if part not in every]
        return [part for part in every if files & self._below.get(part, set())] or every

    def _last_first(
        self, part: Kustomization, visited: set[Kustomization]
    ) -> Iterator[Kustomization]:
        """Yield a kustomization, its components, and what it includes, as the last one changes."""
        if part not in visited:
            visited.add(part)
            yield part
            below = [*self._repository.includes(part)]
            components = [each for each in below if each.is_component]
            for each in (*reversed(components), *(e for e in below if not e.is_component)):
                yield from self._last_first(each, visited)

    @cached_property
    def _below(self) -> dict[Kustomization, set[Path]]:
        """The files that each kustomization can change; a component changes its includer's."""
        own = {part: {*part.files()} for part in self._overlay.tree}
        found: dict[Kustomization, set[Path]] = {}
        for part in self._overlay.tree:
            tree = [*self._repository.tree(part)]
            files = {path for below in tree for path in own.get(below, ())}
            for below in tree:
                if below is part or below.is_component:
                    found[below] = found.get(below, set()) | files
        return found

    def _own(self, thing: Object) -> list[tuple[Path, Node]]:
        """Return the documents that describe an object: of its name, or most of it."""
        every = ((file, node, self._applied(node)) for file, node in self._around(thing))
        named = [
            (name_of(applied), (file, node))
            for file, node, applied in every
            if is_of(applied, thing)
        ]
        longest = max((len(name) for name, _ in named if name in thing.plain_name), default=0)
        nearest = [
            each for name, each in named if len(name) == longest and name in thing.plain_name
        ]
        nearest = nearest or [each for _, each in named]
        if len({file for file, _ in nearest}) == 1:
            return nearest
        # Two bases may have objects of one name, and give them different ones.
        called = [
            (file, document)
            for file, document in nearest
            if thing.plain_name in self._names(file, name_of(document))
        ]
        return called or nearest

    def _applied(self, document: Node) -> Node:
        """Return a document of a file as it is applied: with what a delivery fills in."""
        if document not in self._filled:
            self._filled[document] = self._overlay.top.applied(document)
        return self._filled[document]

    def _names(self, file: Path, name: str) -> Iterator[str]:
        """Yield the names that an object of a file may be given by what includes it."""
        for part in self._overlay.tree:
            if file in part.files():
                yield from self._given(part, name, ())

    def _given(
        self, part: Kustomization, name: str, inner: tuple[Kustomization, ...]
    ) -> Iterator[str]:
        name = f"{part.data.get('namePrefix') or ''}{name}{part.data.get('nameSuffix') or ''}"
        if part is self._overlay.top:
            yield name
        for outer in self._overlay.tree:
            if part.folder in outer.included() and outer not in inner:
                yield from self._given(outer, name, (*inner, part))


def inside(block: ScalarNode, wanted: set[str]) -> int:
    """Return the line of a value in a block of YAML, such as an inline patch; 0 if it is in none.

    A text that is no mapping and no list is prose.
    """
    if block.style not in ("|", ">") or not any(text in block.value for text in wanted):
        return 0
    try:
        documents = nodes.compose(block.value, "")
    except GitopsError:
        return 0
    for document in documents:
        if not isinstance(document, ScalarNode):
            for scalar in nodes.scalars(document):
                if scalar.value in wanted:
                    return nodes.line(block) + nodes.line(scalar)
    return 0


def name_of(document: Node) -> str:
    """Return the name of the object that a document describes."""
    return nodes.text(nodes.get(document, "metadata", "name"))


def is_of(document: Node, thing: Object) -> bool:
    """Tell whether a document describes an object; a prefix or suffix of the name may be added."""
    name = name_of(document)
    return (
        bool(name)
        and nodes.text(nodes.get(document, "kind")) == thing.kind
        and (name in thing.plain_name or thing.kind == "Namespace")
    )


def parts(repository: Repository, overlay: Overlay) -> Iterator[Node]:
    """Yield the documents of the resources that an overlay is made of, and its generators."""
    for each in overlay.tree:
        for path in each.included():
            if path.is_file():
                yield from repository.documents(path)
        for key in ("configMapGenerator", "secretGenerator", "generators", "helmCharts"):
            yield from (node for _, node in nodes.items(nodes.get(each.node, key)))
