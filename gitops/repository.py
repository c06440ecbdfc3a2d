"""A Kustomize repository: its kustomizations, and which of them are overlays.

An overlay is a Kustomization that no other includes. Its tree is everything it includes, at any
depth: bases, components, and itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from yaml.nodes import MappingNode, Node

from gitops import nodes
from gitops.errors import GitopsError

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
# Whatever a file begins with it: a remote base, which is not looked into.
REMOTE = ("http://", "https://", "ssh://", "git@", "git::", "github.com/", "gitlab.com/")


@dataclass(frozen=True, eq=False)
class Kustomization:
    """A kustomization file, read with positions."""

    file: Path
    node: MappingNode

    @property
    def folder(self) -> Path:
        """The folder that it is in."""
        return self.file.parent

    @cached_property
    def data(self) -> dict[str, Any]:
        """Its content, as plain values."""
        found: dict[str, Any] = nodes.plain(self.node)
        return found

    @property
    def is_component(self) -> bool:
        """Whether it is a Component: it can be included, not built."""
        return self.data.get("kind") == "Component"

    def entries(self) -> Iterator[str]:
        """Yield the entries that it includes, as they are written, in order."""
        for key in ("resources", "bases", "components"):
            for entry in self.data.get(key) or []:
                if isinstance(entry, str) and "\n" not in entry:
                    yield entry

    def included(self) -> Iterator[Path]:
        """Yield the paths that it includes, in order, without remote ones."""
        for entry in self.entries():
            if not entry.startswith(REMOTE):
                yield (self.folder / entry).resolve()

    @property
    def is_remote(self) -> bool:
        """Whether it includes something remote, which each rendering fetches."""
        return any(entry.startswith(REMOTE) for entry in self.entries())


@dataclass(frozen=True, eq=False)
class Overlay:
    """What is applied to one environment."""

    name: str
    top: Kustomization
    tree: tuple[Kustomization, ...]
    # Of one that is rendered to check a component that no overlay includes (gitops.optional): what
    # is read instead of the disk, and that component.
    files: Mapping[Path, str] = field(default_factory=dict)
    component: Kustomization | None = None

    @property
    def folder(self) -> Path:
        """The folder that is rendered."""
        return self.top.folder

    @property
    def environment(self) -> str:
        """The name of its folder, which is that of the environment."""
        return self.top.folder.name

    def is_named(self, name: str) -> bool:
        """Tell whether this is the overlay of a name: that of its folder, or its path."""
        return name in (self.name, self.environment)


@dataclass(eq=False)
class Repository:
    """The kustomizations below a folder, and those outside of it that they include."""

    root: Path
    kustomizations: dict[Path, Kustomization] = field(default_factory=dict)
    _files: dict[Path, list[Node]] = field(default_factory=dict)

    @classmethod
    def open(cls, root: Path) -> Repository:
        """Read every kustomization. Raises GitopsError without an overlay, or for invalid YAML."""
        found = cls.read(root)
        if not found.overlays:
            raise GitopsError(f"{root}: no overlay: no folder below it has a kustomization.yaml")
        return found

    @classmethod
    def read(cls, root: Path) -> Repository:
        """Read every kustomization; there may be none. Raises GitopsError if a file is not YAML."""
        found = cls(root.resolve())
        for folder, folders, files in os.walk(found.root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            if any(name in files for name in NAMES):
                found.load(Path(folder))
        return found

    def load(self, folder: Path) -> Kustomization | None:
        """Read a folder's kustomization and what that includes; None if it has none."""
        if folder in self.kustomizations:
            return self.kustomizations[folder]
        file = next((folder / name for name in NAMES if (folder / name).is_file()), None)
        if file is None:
            return None
        documents = self.documents(file)
        if len(documents) != 1 or not isinstance(documents[0], MappingNode):
            raise GitopsError(f"{self.relative(file)}: not a kustomization: it must be one mapping")
        result = self.kustomizations[folder] = Kustomization(file, documents[0])
        for path in result.included():
            if path.is_dir():
                self.load(path)
        return result

    def documents(self, file: Path) -> list[Node]:
        """Return the documents of a file, which is read only once."""
        if file not in self._files:
            self._files[file] = nodes.read(file)
        return self._files[file]

    @cached_property
    def overlays(self) -> tuple[Overlay, ...]:
        """The overlays, by name."""
        taken = {path for each in self.kustomizations.values() for path in each.included()}
        return tuple(
            Overlay(self.relative(folder), top, tuple(self.tree(top)))
            for folder, top in sorted(self.kustomizations.items())
            if folder not in taken and not top.is_component and folder.is_relative_to(self.root)
        )

    def tree(self, top: Kustomization) -> Iterator[Kustomization]:
        """Yield a kustomization and everything that it includes, at any depth, once."""
        pending, visited = [top.folder], set[Path]()
        while pending:
            folder = pending.pop(0)
            each = self.kustomizations.get(folder)
            if each is not None and folder not in visited:
                visited.add(folder)
                yield each
                pending += each.included()

    def relative(self, path: Path) -> str:
        """Return a path relative to the repository's folder."""
        return os.path.relpath(path, self.root) if path != self.root else self.root.name
