"""The folders that Argo CD's and Flux's objects in a repository apply."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from yaml.nodes import Node

from gitops import nodes
from gitops.errors import GitopsError

# The kinds that apply a folder, and a text that is in every file with one.
KINDS = {
    "Application": b"argoproj.io/",
    "ApplicationSet": b"argoproj.io/",
    "Kustomization": b"kustomize.toolkit.fluxcd.io/",
}


def applied(root: Path) -> set[Path]:
    """Return the folders that are applied by an object in a file below a folder.

    Their paths begin where the clone does: at this folder, or at one above it.
    """
    tops = (root, *root.parents)
    found: set[Path] = set()
    for file in files(root):
        for path in paths(file):
            found |= {(top / path).resolve() for top in tops if (top / path).is_dir()}
    return found


def files(root: Path) -> Iterator[Path]:
    """Yield the files of YAML below a folder, without hidden folders."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder) / name for name in names if name.endswith((".yaml", ".yml")))


def paths(file: Path) -> Iterator[str]:
    """Yield the paths that the objects of a file apply."""
    try:
        text = file.read_bytes()
        documents = nodes.read(file) if any(mark in text for mark in KINDS.values()) else []
    except (GitopsError, OSError):
        return  # what cannot be read is told if a kustomization names it
    for document in documents:
        kind = nodes.text(nodes.get(document, "kind"))
        version = nodes.text(nodes.get(document, "apiVersion"))
        if kind in KINDS and version.startswith(KINDS[kind].decode()):
            yield from named(document)


def named(document: Node) -> Iterator[str]:
    """Yield the paths in an Application, an ApplicationSet or a Flux Kustomization."""
    spec = nodes.get(document, "spec")
    template = nodes.get(spec, "template", "spec")
    sources = [spec]
    for holder in (spec, template):
        sources.append(nodes.get(holder, "source"))
        sources += [source for _, source in nodes.items(nodes.get(holder, "sources"))]
    for source in sources:
        path = nodes.text(nodes.get(source, "path")).lstrip("/")
        if path and "{{" not in path:
            yield path
