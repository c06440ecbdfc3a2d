"""Folders without a kustomization, of which Argo CD and Flux apply the files as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from yaml.nodes import Node

from gitops import nodes
from gitops.errors import GitopsError

SUFFIXES = (".yaml", ".yml", ".json")
BRACES = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Selection:
    """Which files of a folder are applied: `directory` of an Application; Flux takes all."""

    recurse: bool = True
    include: str = "*"
    exclude: str = ""

    @classmethod
    def of(cls, directory: Node | None) -> Selection:
        """Return what the source of an Application says."""
        texts = {str(key): nodes.text(value) for key, value in nodes.items(directory)}
        recurse = texts.get("recurse", "").lower() == "true"
        return cls(recurse, texts.get("include") or "*", texts.get("exclude", ""))

    def files(self, folder: Path, built: Set[Path]) -> list[str]:
        """Return the names of the files below a folder that are applied, without hidden ones.

        Those that a kustomization builds are not: `built` has such files and folders.
        """
        found = sorted(folder.rglob("*") if self.recurse else folder.iterdir())
        names = (path.relative_to(folder) for path in found if path.suffix in SUFFIXES)
        return [
            str(name)
            for name in names
            if built.isdisjoint(folder / part for part in (name, *name.parents[:-1]))
            and self._has(str(name))
            and is_applied(folder / name)
        ]

    def _has(self, name: str) -> bool:
        if any(part.startswith(".") for part in Path(name).parts):
            return False
        is_in = any(fnmatchcase(name, each) for each in alternatives(self.include))
        return is_in and not any(fnmatchcase(name, each) for each in alternatives(self.exclude))


def alternatives(pattern: str) -> Iterator[str]:
    """Yield the patterns that one with alternatives in braces stands for."""
    found = BRACES.search(pattern)
    if found is None:
        yield pattern
        return
    for each in found[1].split(","):
        yield from alternatives(pattern[: found.start()] + each + pattern[found.end() :])


def is_applied(file: Path) -> bool:
    """Tell whether a file has objects, and nothing else."""
    try:
        documents = nodes.read(file) if file.is_file() else []
    except GitopsError:
        return False  # a template, or of another program
    return bool(documents) and all(
        nodes.text(nodes.get(document, "apiVersion"))
        and nodes.text(nodes.get(document, "metadata", "name"))
        for document in documents
    )


def is_plain(folder: Path) -> bool:
    """Tell whether no other program makes something of a folder first."""
    others = ("Chart.yaml", "*.jsonnet", "*.cue", "kpt.yaml", "Kptfile")
    return not any(next(folder.rglob(name), None) for name in others)
