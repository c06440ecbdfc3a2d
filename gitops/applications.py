"""The folders that Argo CD's and Flux's objects in a repository apply, and its scripts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
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

SCRIPT = re.compile(
    r"(?i)(?:GNU)?Makefile|Jenkinsfile|Taskfile\.ya?ml|\.gitlab-ci\.yml|.*\.(?:mk|sh|bash)"
)
# `kustomize build FOLDER`, by whatever path or variable, and `kubectl apply -k FOLDER`.
BUILD = re.compile(
    r"(?:kustomize[\"')}]*\s+build|\b(?:apply|create|diff|delete|replace)\b[^\n|;&]*?\s(?:-k|--kustomize))"
    r"[\s=](?P<words>[^\n|;&>]*)",
    re.IGNORECASE,
)


def applied(root: Path, kinds: Iterable[str] = KINDS) -> set[Path]:
    """Return the folders that are applied by an object of some kinds in a file below a folder.

    Their paths begin where the clone does, at this folder or at one above it, or where an artifact
    does that is made of a part of it: at one above the file.
    """
    found = {*scripted(root)} if kinds is KINDS else set[Path]()
    for file in files(root):
        tops = (*file.parents,)
        for path in paths(file, kinds):
            found |= {(top / path).resolve() for top in tops if (top / path).is_dir()}
    return found


def scripted(root: Path) -> Iterator[Path]:
    """Yield the folders that a Makefile, a script or a workflow builds or applies."""
    for file, text in scripts(root):
        for match in BUILD.finditer(text):
            for word in match["words"].split():
                for top in (root, file.parent):
                    if not word.startswith("-") and (folder := (top / word).resolve()).is_dir():
                        yield folder


def scripts(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the Makefiles, scripts and workflows below a folder, with their texts."""
    for file in script_files(root):
        try:
            yield file, file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue


def script_files(root: Path) -> Iterator[Path]:
    """Yield the Makefiles, scripts and workflows below a folder."""
    workflows = root / ".github" / "workflows"
    yield from sorted(workflows.iterdir()) if workflows.is_dir() else ()
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder) / name for name in sorted(names) if SCRIPT.fullmatch(name))


def files(root: Path) -> Iterator[Path]:
    """Yield the files of YAML below a folder, without hidden folders."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder) / name for name in names if name.endswith((".yaml", ".yml")))


def paths(file: Path, kinds: Iterable[str]) -> Iterator[str]:
    """Yield the paths that the objects of a file apply."""
    try:
        text = file.read_bytes()
        documents = nodes.read(file) if any(KINDS[kind] in text for kind in kinds) else []
    except (GitopsError, OSError):
        return  # what cannot be read is told if a kustomization names it
    for document in documents:
        kind = nodes.text(nodes.get(document, "kind"))
        version = nodes.text(nodes.get(document, "apiVersion"))
        if kind in kinds and version.startswith(KINDS[kind].decode()):
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
