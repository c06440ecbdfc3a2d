"""The objects of a repository that apply folders of it, and how each of them does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from yaml.nodes import MappingNode, Node

from gitops import applications, nodes, remotes
from gitops.deliveries import argo_cd, flux
from gitops.deliveries.application_sets import Generators
from gitops.deliveries.config_maps import ConfigMaps, Document, read
from gitops.deliveries.model import Delivery
from gitops.kustomization import NAMES

# The kinds that apply a folder, and a text that is in every file with one.
KINDS = {
    "Application": b"argoproj.io/",
    "ApplicationSet": b"argoproj.io/",
    "GitRepository": b"source.toolkit.fluxcd.io/",
    "Kustomization": b"kustomize.toolkit.fluxcd.io/",
}
PATCHING = "kustomization.yaml"  # which may patch objects of these kinds, if it has such a text
TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")


@dataclass(eq=False)
class Deliveries:
    """The deliveries that the files below a folder of a clone describe."""

    root: Path
    top: Path  # of the clone
    remotes: Sequence[str] = ()

    def of(self, folder: Path) -> list[Delivery]:
        """Return the deliveries of a folder, one for those that build the same.

        It has the namespace of these, unless they have several.
        """
        same: dict[tuple[object, ...], list[Delivery]] = {}
        for delivery in self._by_folder.get(folder, []):
            same.setdefault(delivery.build, []).append(delivery)
        return [together(deliveries) for deliveries in same.values()]

    def each(self, folder: Path) -> list[Delivery]:
        """Return the deliveries of a folder, each of them."""
        return self._by_folder.get(folder, [])

    def files(self, folder: Path) -> set[Path]:
        """Return the files that say how a folder is applied."""
        return {
            file
            for delivery in self._by_folder.get(folder, [])
            for file in (delivery.file, *delivery.others)
        }

    @cached_property
    def folders(self) -> set[Path]:
        """The folders that are applied."""
        return set(self._by_folder)

    @cached_property
    def by_flux(self) -> set[Path]:
        """The folders that Flux applies."""
        return {delivery.path for delivery in self._flux()}

    @cached_property
    def _by_folder(self) -> dict[Path, list[Delivery]]:
        found: dict[Path, list[Delivery]] = {}
        for delivery in (*self._argo_cd(), *self._flux()):
            found.setdefault(delivery.path, []).append(delivery)
        return found

    def _argo_cd(self) -> Iterator[Delivery]:
        generators = Generators(self.top, self.is_own)
        for file, document in self._documents("Application", "ApplicationSet"):
            is_set = nodes.text(nodes.get(document, "kind")) == "ApplicationSet"
            for application in generators.applications(document) if is_set else [document]:
                for at, source in argo_cd.sources(application):
                    path = nodes.text(nodes.get(source, "path"))
                    if self.is_own(nodes.text(nodes.get(source, "repoURL"))):
                        for folder in self._folder(file, path):
                            yield argo_cd.delivery(file, application, at, folder)

    def _flux(self) -> Iterator[Delivery]:
        maps = ConfigMaps(self.root)
        # What applies them may patch variables into each of them.
        every = self._documents("Kustomization", PATCHING)
        is_patched = any(flux.patches_variables(document) for _, document in every)
        for file, document in self._documents("Kustomization"):
            url = self._sources.get(reference(document), "")
            path = nodes.text(nodes.get(document, "spec", "path"))
            # The root of a source that is not known may be that of anything.
            if self.is_own(url) and (url or path.strip("./")):
                for folder in self._folder(file, path):
                    found = flux.delivery(file, document, folder, partial(maps.nearest, file))
                    if is_patched and found.result.variables:
                        found = replace(found, result=replace(found.result, has_others=True))
                    yield found

    def _folder(self, file: Path, path: str) -> Iterator[Path]:
        """Yield the folder that a path means, if there is one.

        It begins where the clone does, or where an artifact does that is made of a part of it: at
        one above the file.
        """
        relative = path.lstrip("/")
        found = (top / relative for top in (self.top, *file.parents) if relative)
        there = (each.resolve() for each in found if "{{" not in path and each.is_dir())
        yield from [*there][:1]

    def is_own(self, url: str) -> bool:
        """Tell whether a URL means this repository, or may: a template is filled in elsewhere."""
        return url in self._own or "{{" in url or "$" in url or not url

    @cached_property
    def _own(self) -> set[str]:
        named: dict[str, set[str]] = {}
        for _, document in self._documents("Application", "ApplicationSet"):
            for source in below(document):
                if url := nodes.text(nodes.get(source, "repoURL")):
                    named.setdefault(url, set()).update(patterns(source))
        for _, document in self._documents("Kustomization"):
            if url := self._sources.get(reference(document), ""):
                path = nodes.text(nodes.get(document, "spec", "path"))
                named.setdefault(url, set()).add(path)
        return remotes.own(named, self.remotes, partial(self._has_any, named))

    def _has_any(self, named: dict[str, set[str]], url: str) -> bool:
        return any(self._is_there(each.removeprefix("./").strip("/")) for each in named[url])

    def _is_there(self, path: str) -> bool:
        # What a generator fills in may be anything, beside what is written.
        pattern = TEMPLATE.sub("*", path)
        is_known = bool(path if pattern == path else pattern.strip("*/"))
        try:
            return is_known and next(self.top.glob(pattern), None) is not None
        except (ValueError, NotImplementedError):
            return False

    @cached_property
    def _sources(self) -> dict[tuple[str, str], str]:
        """The URLs of Flux's sources, by kind and name."""
        return {
            ("GitRepository", nodes.text(nodes.get(document, "metadata", "name"))): nodes.text(
                nodes.get(document, "spec", "url")
            )
            for _, document in self._documents("GitRepository")
        }

    def _documents(self, *kinds: str) -> Iterator[Document]:
        for kind in kinds:
            yield from self._by_kind.get(kind, [])

    @cached_property
    def _by_kind(self) -> dict[str, list[Document]]:
        found: dict[str, list[Document]] = {}
        for file in applications.files(self.root):
            for document in read(file, *KINDS.values()):
                kind = nodes.text(nodes.get(document, "kind"))
                version = nodes.text(nodes.get(document, "apiVersion"))
                if kind in KINDS and version.startswith(KINDS[kind].decode()):
                    found.setdefault(kind, []).append((file, document))
                elif file.name in NAMES:
                    found.setdefault(PATCHING, []).append((file, document))
        return found


def together(deliveries: list[Delivery]) -> Delivery:
    """Return one of several deliveries that differ in namespaces at most."""
    spaces = {each.result.namespace: each for each in deliveries if each.result.namespace}
    first = next(iter(spaces.values()), deliveries[0])
    if len(spaces) <= 1:
        return first
    return replace(first, result=replace(first.result, namespace=""), values=())


def reference(document: Node) -> tuple[str, str]:
    """Return kind and name of the source of a Kustomization."""
    source = nodes.get(document, "spec", "sourceRef")
    return nodes.text(nodes.get(source, "kind")), nodes.text(nodes.get(source, "name"))


def below(node: Node) -> Iterator[Node]:
    """Yield the mappings below a node, and the node itself."""
    if isinstance(node, MappingNode):
        yield node
    for _, value in nodes.items(node):
        yield from below(value)


def patterns(source: Node) -> Iterator[str]:
    """Yield the paths, and the patterns of paths, that a source or a generator names."""
    yield nodes.text(nodes.get(source, "path"))
    for key in ("directories", "files"):
        for _, entry in nodes.items(nodes.get(source, key)):
            yield nodes.text(nodes.get(entry, "path"))
