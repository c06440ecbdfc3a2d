"""A kustomization file: what it includes, and the files that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from yaml.nodes import MappingNode, Node, SequenceNode

from gitops import nodes
from gitops.errors import GitopsError

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
# What is fetched, and not looked into: https://kubectl.docs.kubernetes.io/references/kustomize/
REMOTE = re.compile(
    r"^(?:https?|ssh|git|file|oci)://|^git::|^[\w.-]+@[\w.-]+[:/]|[?&](?:ref|version|timeout)="
    r"|^(?:github\.com|gitlab\.com|bitbucket\.org)[:/]|^gh:|\.git(?://|$)|^[\w-]+\.[\w.-]+/.+//"
)
# What names files of YAML: in an entry itself, or as its `path`.
FILES = (
    *("patches", "patchesJson6902", "patchesStrategicMerge", "replacements", "configurations"),
    *("transformers", "generators", "validators", "crds"),
)
# What makes objects, or includes them.
MAKING = (
    *("resources", "bases", "components", "generators", "helmCharts"),
    *("helmChartInflationGenerator", "configMapGenerator", "secretGenerator"),
)


@dataclass(frozen=True, eq=False)
class Kustomization:
    """A kustomization file, read with positions."""

    file: Path
    node: MappingNode

    @property
    def folder(self) -> Path:
        """The folder that it is in."""
        return self.file.parent

    @property
    def delivers(self) -> bool:
        """Whether it is what Argo CD or Flux adds to another one."""
        return False

    @property
    def own(self) -> Kustomization:
        """What is in the folder itself."""
        return self

    @property
    def said(self) -> tuple[Node, ...]:
        """What it says, to find the line of a value."""
        return (self.node,)

    @property
    def source(self) -> Path:
        """Where its text is among the files that are rendered."""
        return self.file

    @cached_property
    def data(self) -> dict[str, Any]:
        """Its content, as plain values."""
        found: dict[str, Any] = nodes.plain(self.node)
        return found

    @property
    def is_component(self) -> bool:
        """Whether it is a Component: it can be included, not built."""
        return self.data.get("kind") == "Component"

    @property
    def is_bare(self) -> bool:
        """Whether it neither includes nor makes anything."""
        return all(nodes.get(self.node, key, 0) is None for key in MAKING)

    def entries(self) -> Iterator[str]:
        """Yield the entries that it includes, as they are written, in order."""
        for node in self._listed("resources", "bases", "components"):
            entry = nodes.text(node)
            if entry and "\n" not in entry:
                yield entry

    def included(self) -> tuple[Path, ...]:
        """Return the paths that it includes, in order, without remote ones."""
        return self._included

    def files(self) -> tuple[Path, ...]:
        """Return the files of YAML that it names: resources, patches, transformers and so on."""
        return self._files

    @cached_property
    def _included(self) -> tuple[Path, ...]:
        entries = (entry for entry in self.entries() if not is_remote(self.folder, entry))
        return tuple((self.folder / entry).resolve() for entry in entries)

    @cached_property
    def _files(self) -> tuple[Path, ...]:
        local = (name for name in self.names() if not is_remote(self.folder, name))
        found = dict.fromkeys((self.folder / name).resolve() for name in local)
        return tuple(path for path in found if path.is_file())

    def names(self) -> Iterator[str]:
        """Yield what it includes and the files that it names, remote ones too."""
        yield from self.entries()
        for entry in self._listed(*FILES):
            name = nodes.text(entry) or nodes.text(nodes.get(entry, "path"))
            if name and "\n" not in name:
                yield name

    @property
    def is_remote(self) -> bool:
        """Whether it includes something remote, which each rendering fetches."""
        return any(is_remote(self.folder, name) for name in self.names())

    def merged(self, files: Mapping[Path, str]) -> Mapping[Path, str]:
        """Return the files that are read instead of the disk when it is rendered."""
        return files

    def delivered(self, objects: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return what becomes of rendered objects before they are applied."""
        return list(objects)

    def applied(self, document: Node) -> Node:
        """Return a document of a file as it is applied, at the same lines."""
        return document

    def word(self, key: str) -> str:
        """Return what a field is called in its file."""
        return key

    def _listed(self, *keys: str) -> Iterator[Node]:
        for key in keys:
            node = nodes.get(self.node, key)
            if isinstance(node, SequenceNode):
                yield from node.value


def is_remote(folder: Path, entry: str) -> bool:
    """Tell whether an entry of a kustomization in a folder names something to fetch."""
    return bool(REMOTE.search(entry)) and "\n" not in entry and not (folder / entry).exists()


def refused(documents: list[Node]) -> str:
    """Return why documents are no kustomization, or an empty text."""
    if not documents:
        return "it is empty: kustomize refuses to build it"
    if not isinstance(documents[0], MappingNode):
        return "not a kustomization: it must be one mapping"
    version = nodes.text(nodes.get(documents[0], "apiVersion"))
    if version and not version.startswith("kustomize.config.k8s.io/"):
        return f"not a kustomization: it is of {version}, and needs another file name"
    try:
        nodes.plain(documents[0])
    except GitopsError as error:
        return error.message.partition(": ")[2]
    return ""
