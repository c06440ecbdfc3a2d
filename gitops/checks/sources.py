"""What the sources of a kustomization set, to tell where a rendered value may come from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from yaml.nodes import Node, SequenceNode

from gitops import nodes, paths, settings
from gitops.kustomization import NAMES, Kustomization
from gitops.patches import Patch, patches
from gitops.repository import Repository
from gitops.settings import EVERYWHERE, GENERATED, Scope, Setting

# What may make any values, beneath any keys.
COMPOSES = (
    *("transformers", "generators", "validators", "helmCharts", "helmChartInflationGenerator"),
)
# What may let kustomize tell the items of a list apart by something else, or name them.
CONFIGURES = ("openapi", "crds", "configurations")
MOVES = ("copy", "move")
RENAMES = ("allowNameChange", "allowKindChange")
# The paths of what decides which object a source is for.
IDENTITY = {("metadata",), ("metadata", "name"), ("kind",)}


@dataclass(eq=False)
class Sources:
    """What the sources of one kustomization set, without those of what it includes."""

    repository: Repository
    kustomization: Kustomization

    @cached_property
    def patches(self) -> list[Patch]:
        """Its patches."""
        return list(patches(self.repository, self.kustomization))

    @cached_property
    def composes(self) -> bool:
        """Whether a rendering may have values that no source has beneath the same key."""
        if self.kustomization.is_remote or not self.kustomization.data.keys().isdisjoint(COMPOSES):
            return True
        entries = [entry for _, entry in nodes.items(nodes.get(self.kustomization.node, "patches"))]
        if any(nodes.get(entry, "options", name) for entry in entries for name in RENAMES):
            return True
        return (
            self._has_unreadable
            or "" in self.renamed
            or any(
                nodes.text(nodes.get(operation, "op")) in MOVES
                for _, _, operation in self._operations()
            )
        )

    @property
    def _has_unreadable(self) -> bool:
        """Whether it has what kustomize may be able to read, and is not read here."""
        if not all(patch.documents for patch in self.patches):
            return True
        return any(
            not self.repository.documents(path) and path in self.repository.faults
            for path in self._files_of_objects()
        )

    @cached_property
    def renamed(self) -> set[str]:
        """The kinds of the objects that may get a name which no source of them has.

        It has an empty text if that may be any kind, or if a kind itself is changed.
        """
        found = set()
        for patch, document, operation in self._operations():
            path = tuple(filter(None, nodes.text(nodes.get(operation, "path")).split("/")))
            if path in IDENTITY:
                found.add(patch.scope(document).kind if path[-1] == "name" else "")
        for replacement in self.replacements:
            for _, target in nodes.items(nodes.get(replacement, "targets")):
                kind = Scope.of_target(nodes.get(target, "select")).kind
                fields = [field for _, field in nodes.items(nodes.get(target, "fieldPaths"))]
                paths = [tuple(settings.steps(nodes.text(field))) for field in fields]
                # Without fields, kustomize sets the name.
                found |= {
                    kind if path[-1] == "name" else ""
                    for path in paths or [("metadata", "name")]
                    if path in IDENTITY
                }
        return found

    @cached_property
    def renames_items(self) -> bool:
        """Whether an item of a list may get another name, which moves the values in it."""
        if not self.kustomization.data.keys().isdisjoint(CONFIGURES):
            return True
        operations = (operation for _, _, operation in self._operations())
        changed = [nodes.text(nodes.get(each, "path")).split("/") for each in operations]
        for replacement in self.replacements:
            for _, target in nodes.items(nodes.get(replacement, "targets")):
                fields = [field for _, field in nodes.items(nodes.get(target, "fieldPaths"))]
                changed += [settings.steps(nodes.text(field)) for field in fields]
        return any(
            settings.last(path) in paths.NAMED_BY.values()
            and tuple(filter(None, path)) not in IDENTITY
            for path in changed
        )

    @cached_property
    def configures_images(self) -> bool:
        """Whether it lets kustomize look for images in more fields."""
        files = self._files("configurations")
        return any(
            nodes.get(document, "images") is not None
            for file in files
            for document in self.repository.documents(file)
        )

    def _operations(self) -> Iterator[tuple[Patch, Node, Node]]:
        """Yield the operations of its JSON patches, with the documents that they are in."""
        for patch in self.patches:
            for document in patch.documents:
                if isinstance(document, SequenceNode):
                    yield from ((patch, document, operation) for operation in document.value)

    @cached_property
    def replacements(self) -> list[Node]:
        """Its replacements, those in files too."""
        listed = nodes.items(nodes.get(self.kustomization.node, "replacements"))
        found = [entry for _, entry in listed if nodes.get(entry, "path") is None]
        for file in self._files("replacements"):
            for document in self.repository.documents(file):
                is_list = isinstance(document, SequenceNode)
                found += document.value if is_list else [document]
        return found

    def _files(self, key: str) -> Iterator[Path]:
        for _, entry in nodes.items(nodes.get(self.kustomization.node, key)):
            name = nodes.text(entry) or nodes.text(nodes.get(entry, "path"))
            if name and "\n" not in name:
                yield self.kustomization.folder / name

    @cached_property
    def by_key(self) -> dict[str, list[Setting]]:
        """What it sets."""
        found: dict[str, list[Setting]] = defaultdict(list)
        for setting in (
            *(*self._own(), *self._generated()),
            *(*self._patched(), *self._resources()),
        ):
            found[setting.key].append(setting)
        return found

    def _own(self) -> Iterator[Setting]:
        node = self.kustomization.node
        for key, value in nodes.items(node):
            if key != "replicas":
                yield from settings.below(str(key), value, EVERYWHERE)
        for _, entry in nodes.items(nodes.get(node, "replicas")):
            yield settings.replicas(entry)
        for replacement in self.replacements:
            yield from settings.replaced(replacement)
        for path in self._files("configurations"):
            for document in self.repository.documents(path):
                yield from settings.configured(document)

    def _generated(self) -> Iterator[Setting]:
        node = self.kustomization.node
        for key in GENERATED:
            for _, generator in nodes.items(nodes.get(node, key)):
                name = nodes.text(nodes.get(generator, "name"))
                for source in ("literals", "files", "envs"):
                    for _, entry in nodes.items(nodes.get(generator, source)):
                        yield settings.generated(key, name, source, nodes.text(entry))
                if nodes.get(generator, "env") is not None:
                    yield settings.generated(key, name, "env", "")

    def _patched(self) -> Iterator[Setting]:
        for patch in self.patches:
            for document in patch.documents:
                if isinstance(document, SequenceNode):
                    for i, _ in nodes.items(document):
                        yield from patch.sets(document, (i,))
                else:
                    its = paths.top(document)
                    yield from settings.below("", document, patch.scope(document), its)

    def _resources(self) -> Iterator[Setting]:
        for path in self._files_of_objects():
            for document in self.repository.documents(path):
                scope = Scope.of_document(document)
                yield from settings.below("", document, scope, paths.top(document))

    def _files_of_objects(self) -> Iterator[Path]:
        for path in self.kustomization.included():
            if path.is_file() and path.name not in NAMES and not self.repository.defines(path):
                yield path
