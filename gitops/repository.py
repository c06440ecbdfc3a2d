"""A Kustomize repository: its kustomizations, and which of them are overlays.

An overlay is a Kustomization that no other includes, or that something in the repository applies.
Its tree is everything it includes, at any depth: bases, components, and itself.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from yaml.nodes import MappingNode, Node

from gitops import applications, definitions, nodes
from gitops.deliveries.found import Deliveries
from gitops.deliveries.model import Delivery
from gitops.errors import GitopsError, UnreadableError
from gitops.kustomization import NAMES, Kustomization, refused
from gitops.overlays import Copy, Fault, Overlay
from gitops.revision import Clone

# A folder of such a name is applied, even if another one extends it.
ENVIRONMENTS = {
    *("dev", "development", "test", "testing", "qa", "uat", "int", "integration", "sandbox"),
    *("stage", "staging", "preprod", "canary", "prod", "production", "live"),
}


@dataclass(eq=False)
class Repository:
    """The kustomizations below a folder, and those outside of it that they include."""

    root: Path
    kustomizations: dict[Path, Kustomization] = field(default_factory=dict)
    faults: dict[Path, Fault] = field(default_factory=dict)  # of the files that were read
    prepare: Callable[[Overlay], Overlay] = field(default=lambda overlay: overlay)
    delivers: bool = False  # whether an overlay is what Argo CD and Flux make of its folder
    copy: Copy | None = None  # if it is not the clone itself
    _files: dict[Path, list[Node]] = field(default_factory=dict)
    _defining: dict[Path, bool] = field(default_factory=dict)
    _texts: dict[Kustomization, str] = field(default_factory=dict)

    @classmethod
    def open(cls, root: Path) -> Repository:
        """Read every kustomization. Raises GitopsError without an overlay, or for a bad file."""
        found = cls.read(root)
        for fault in found.faults.values():
            raise GitopsError(f"{fault.file}:{fault.line}: {fault.message}")
        if not found.overlays:
            raise GitopsError(f"{root}: no overlay: no folder below it has a kustomization.yaml")
        return found

    @classmethod
    def read(cls, root: Path) -> Repository:
        """Read every kustomization; there may be none, and a bad one is among the faults."""
        found = cls(root.resolve())
        for folder, folders, files in os.walk(found.root):
            folders[:] = applications.own(folders)
            if any(name in files for name in NAMES):
                found.load(Path(folder))
        return found

    def load(self, folder: Path) -> Kustomization | None:
        """Read a folder's kustomization and what that includes; None if it has none to use."""
        if folder in self.kustomizations:
            return self.kustomizations[folder]
        file = next((folder / name for name in NAMES if (folder / name).is_file()), None)
        if file is None:
            for link in (folder / name for name in NAMES if (folder / name).is_symlink()):
                self.faults[link] = Fault(link, 1, f"a link to {link.readlink()}, which is no file")
            return None
        documents = self.documents(file)
        message = "" if file in self.faults else refused(documents)
        if message:
            line = nodes.line(documents[0]) if documents else 1
            self.faults[file] = Fault(file, line, message)
        if file in self.faults or not isinstance(documents[0], MappingNode):
            return None
        result = self.kustomizations[folder] = Kustomization(file, documents[0])
        for path in result.included():
            if path.is_dir():
                self.load(path)
        return result

    def documents(self, file: Path) -> list[Node]:
        """Return the documents of a file, which is read only once; none if it is no YAML."""
        if file not in self._files:
            try:
                self._files[file] = nodes.read(file)
            except UnreadableError as error:
                self._files[file] = []
                self.faults[file] = Fault(file, error.line or 1, error.problem)
        return self._files[file]

    def defines(self, file: Path) -> bool:
        """Tell whether a file has definitions of custom resources, and nothing else."""
        if file not in self._defining:
            self._defining[file] = definitions.are_all(file.read_text("utf-8", "replace"))
        return self._defining[file]

    def text(self, kustomization: Kustomization) -> str:
        """Return the text of all files of a kustomization, comments included."""
        if kustomization not in self._texts:
            files = {*kustomization.files()}
            if isinstance(kustomization, Delivery):
                own = nodes.write([kustomization.node])
            else:
                own, files = "", files | {*filter(Path.is_file, kustomization.folder.iterdir())}
            texts = (path.read_text("utf-8", "replace") for path in sorted(files))
            self._texts[kustomization] = "\n".join([own, *texts])
        return self._texts[kustomization]

    @cached_property
    def overlays(self) -> tuple[Overlay, ...]:
        """The overlays, by name."""
        includers: dict[Path, list[Path]] = {}
        for folder, kustomization in self.kustomizations.items():
            for path in kustomization.included():
                includers.setdefault(path, []).append(folder)
        own = {
            folder: each
            for folder, each in sorted(self.kustomizations.items())
            if not each.is_component and folder.is_relative_to(self.root)
        }
        applied = self.applied if own.keys() & includers.keys() else set[Path]()
        found = [
            overlay
            for folder, top in own.items()
            if folder not in includers
            or folder in applied
            or (is_environment(folder, includers[folder]) and any(self.includes(top)))
            for overlay in self.delivered(top)
        ]
        built = {*self.kustomizations, *includers, *(file.parent for file in self.faults)}
        return (*found, *self.applied_as_it_is(built))

    @cached_property
    def shared(self) -> frozenset[Path]:
        """The files that several overlays include or name."""
        its = ({f for part in each.tree for f in (part.file.resolve(), *part.files())}
               for each in self.overlays)  # fmt: skip
        counts = Counter(file for files in its for file in files)
        return frozenset(file for file, count in counts.items() if count > 1)

    def applied_as_it_is(self, built: set[Path]) -> Iterator[Overlay]:
        """Yield the folders whose files Argo CD or Flux applies, without what is built of them."""
        folders = self.deliveries.folders if self.delivers else set[Path]()
        for folder in sorted(folders - built):
            if folder.is_relative_to(self.root):
                delivery = self.deliveries.of(folder)[0].of_files(built)
                if delivery is not None:
                    self._files[delivery.source] = [delivery.node]
                    yield self.overlay(delivery)

    @cached_property
    def deliveries(self) -> Deliveries:
        """How Argo CD and Flux apply folders of it."""
        if self.copy:
            return Deliveries(self.root, self.copy.top, self.copy.remotes)
        return Deliveries(self.root, self.top, Clone(self.top).remotes())

    @cached_property
    def applied(self) -> set[Path]:
        """The folders that an object of Argo CD's or Flux's applies, or a script."""
        return self.deliveries.folders | {*applications.scripted(self.root)}

    @property
    def parts(self) -> list[Kustomization]:
        """The kustomizations, and what deliveries add to them."""
        found = {overlay.top: None for overlay in self.overlays}
        return [*self.kustomizations.values(), *(e for e in found if isinstance(e, Delivery))]

    def named(self, name: str) -> Overlay | None:
        """Return the overlay of a name, or what is in a folder of that name, if anything is."""
        found = {
            self.relative(folder): each
            for folder, each in self.kustomizations.items()
            if not each.is_component
        }
        known = next((each for each in self.overlays if each.name == name), None)
        return known or (self.overlay(found[name]) if name in found else None)

    def delivered(self, top: Kustomization) -> Iterator[Overlay]:
        """Yield the overlay of a kustomization, or one for each way in which it is applied."""
        found = self.deliveries.of(top.folder) if self.delivers else []
        several = len(found) > 1
        if not found or any(each.is_plain for each in found):
            yield self.overlay(top)
        for each in found:
            if not each.is_plain:
                delivery = each.of(top)
                self._files[delivery.source] = [delivery.node]
                for path in delivery.included():
                    if path.is_dir():
                        self.load(path)
                overlay = self.overlay(delivery)
                name = f"{overlay.name} by {delivery.name}"
                yield replace(overlay, name=name) if several else overlay

    def overlay(self, top: Kustomization) -> Overlay:
        """Return a kustomization as what is rendered."""
        return self.prepare(Overlay(self.relative(top.folder), top, tuple(self.tree(top))))

    @property
    def top(self) -> Path:
        """The folder of the clone that it is in, or its own."""
        folders = (self.root, *self.root.parents)
        return next((each for each in folders if (each / ".git").exists()), self.root)

    def tree(self, top: Kustomization) -> Iterator[Kustomization]:
        """Yield a kustomization and everything that it includes, at any depth, once."""
        pending, visited = [top], set[Kustomization]()
        while pending:
            each = pending.pop(0)
            if each not in visited:
                visited.add(each)
                yield each
                pending += self.includes(each)

    def includes(self, each: Kustomization) -> Iterator[Kustomization]:
        """Yield the kustomizations that one includes itself."""
        for path in each.included():
            if path in self.kustomizations:
                yield self.kustomizations[path]

    def relative(self, path: Path) -> str:
        """Return a path relative to the repository's folder."""
        return os.path.relpath(path, self.root) if path != self.root else self.root.name


def is_environment(folder: Path, includers: list[Path]) -> bool:
    """Tell whether a folder has the name of an environment, and extends to those beside it."""
    words = re.split(r"[-_.]", folder.name.lower())
    beside = any(each.parent == folder.parent for each in includers)
    return beside and not ENVIRONMENTS.isdisjoint(words)
