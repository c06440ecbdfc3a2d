"""A delivery: a kustomization as an object of Argo CD's or Flux's applies it.

What the object adds is written like a kustomization, whose lines are those of the object. It is
merged into the kustomization of the folder, as the delivery tools do, and not laid over it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gitops import nodes
from gitops.deliveries import results
from gitops.deliveries.folders import Selection, is_plain
from gitops.deliveries.merging import merged
from gitops.deliveries.results import Result
from gitops.kustomization import NAMES, Kustomization
from gitops.releases import Place

MAP, LIST, TEXT = (f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str"))


@dataclass(frozen=True, eq=False)
class Delivery(Kustomization):
    """What an object adds to the kustomization of a folder, and does to what that renders to."""

    name: str  # the object's
    path: Path  # the folder that it applies
    result: Result = field(default_factory=Result)
    values: tuple[Node, ...] = ()  # that the result is made of
    words: Mapping[str, str] = field(default_factory=dict)  # what it calls fields of kustomizations
    replaces_images: bool = True  # an entry of the same image as a whole, or its fields
    demands: Mapping[str, str] = field(default_factory=dict)  # by what a key may be repeated
    pins: Place | None = None  # where the file says its images
    selection: Selection | None = None  # of its files, where no other program makes something
    others: tuple[Path, ...] = ()  # files of which the object takes values
    base: Kustomization | None = None  # none where a folder's files are applied as they are

    @property
    def folder(self) -> Path:
        """The folder that it applies."""
        return self.path

    @property
    def delivers(self) -> bool:
        """Whether it is what Argo CD or Flux adds to another one."""
        return True

    @property
    def own(self) -> Kustomization:
        """What is in the folder itself."""
        return self.base or self

    @property
    def said(self) -> tuple[Node, ...]:
        """What it says, to find the line of a value."""
        return self.node, *self.values

    @property
    def source(self) -> Path:
        """Where its text is among the files: no file of the disk has it."""
        return self.file / str(nodes.line(self.node)) / self.name

    @property
    def is_plain(self) -> bool:
        """Whether it applies what the folder renders to as it is."""
        return not self.node.value and self.result == Result()

    @property
    def build(self) -> tuple[object, ...]:
        """What tells it from another delivery of the same folder, but for the namespace."""
        return nodes.write([self.node]), repr(replace(self.result, namespace=""))

    def of(self, base: Kustomization) -> Delivery:
        """Return it as the delivery of a kustomization."""
        return replace(self, base=base)

    def refused(self) -> Iterator[tuple[int, str]]:
        """Yield line and reason of each key that may not be in the kustomization already."""
        for field_, option in self.demands.items():
            had = dict(nodes.items(nodes.get(self.own.node, field_)))
            for key, _ in nodes.items(nodes.get(self.node, field_)):
                if key in had:
                    line = nodes.key_line(nodes.get(self.node, field_), key)
                    yield line, f"{field_} {key}: the kustomization has it, too, without `{option}`"

    def of_files(self, built: Set[Path]) -> Delivery | None:
        """Return it as the delivery of a folder's files, if it applies any as they are.

        What is in a folder that is built is rendered with that: whether a patch or an image of the
        object matches anything there is not known, so that only its namespace is applied.
        """
        names = self.selection.files(self.path, built) if self.selection else []
        if not names or not is_plain(self.path):
            return None
        start = self.node.start_mark
        entries = [ScalarNode(TEXT, name, start, start) for name in names]
        listed = (ScalarNode(TEXT, "resources", start, start), SequenceNode(LIST, entries))
        is_all = not any(each.is_relative_to(self.path) for each in built)
        kept = [pair for pair in self.node.value if is_all or pair[0].value == "namespace"]
        node = MappingNode(MAP, [listed, *kept], start, start)
        return replace(self, node=node)

    def included(self) -> tuple[Path, ...]:
        """Return the folder that it applies, and the components that it adds."""
        return self.path, *super().included()

    def word(self, key: str) -> str:
        """Return what a field is called in the object."""
        return self.words.get(key, key)

    def merged(self, files: Mapping[Path, str]) -> Mapping[Path, str]:
        """Return the files with what it adds in the kustomization of the folder."""
        own = read(self, files)
        rest = {path: text for path, text in files.items() if path != self.source}
        if not own.value:
            return rest
        top = read(self.base, files) if self.base else MappingNode(MAP, [])
        file = self.base.file if self.base else self.path / NAMES[0]
        both = merged(top, own, replaces_images=self.replaces_images)
        return {**rest, file: nodes.write([both])}

    def delivered(self, objects: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the objects as they reach the cluster."""
        return [results.applied(each, self.result) for each in objects]

    def applied(self, document: Node) -> Node:
        """Return a document of a file as it is applied, at the same lines."""
        variables = self.result.variables
        found: Node = results.read(document, variables) if variables else document
        return found


def read(part: Kustomization, files: Mapping[Path, str]) -> MappingNode:
    """Return the document of a kustomization, as it is among some files."""
    if part.source not in files:
        return part.node
    found = nodes.compose(files[part.source], str(part.file))
    return found[0] if found and isinstance(found[0], MappingNode) else MappingNode(MAP, [])
