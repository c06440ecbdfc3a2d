"""The ConfigMaps among the files of a repository, of which Flux takes variables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from yaml.nodes import Node

from gitops import applications, nodes
from gitops.errors import GitopsError

KIND = "ConfigMap"
Document = tuple[Path, Node]


@dataclass(eq=False)
class ConfigMaps:
    """Those below a folder; the files are read once for each name."""

    root: Path
    _found: dict[str, list[Document]] = field(default_factory=dict)

    def nearest(self, file: Path, name: str) -> Document | None:
        """Return the one of a name that is nearest to a file, with its file, if one alone is."""
        if name not in self._found:
            self._found[name] = [*self._named(name)]
        near: dict[int, list[Document]] = {}
        for other, document in self._found[name]:
            shared = len(Path(os.path.commonpath([file, other])).parts)
            near.setdefault(shared, []).append((other, document))
        found = near[max(near)] if near else []
        return found[0] if len(found) == 1 else None

    def _named(self, name: str) -> Iterator[Document]:
        for file in applications.files(self.root):
            for document in read(file, name.encode()):
                its = nodes.get(document, "kind"), nodes.get(document, "metadata", "name")
                if (KIND, name) == (nodes.text(its[0]), nodes.text(its[1])):
                    yield file, document


def read(file: Path, *marks: bytes) -> list[Node]:
    """Return the documents of a file that may have an object, by texts that are in it.

    What cannot be read is told if a kustomization names it.
    """
    try:
        text = file.read_bytes()
        return nodes.read(file) if any(mark in text for mark in marks) else []
    except (GitopsError, OSError):
        return []
