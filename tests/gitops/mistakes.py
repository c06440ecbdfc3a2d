"""Mistakes that people make in Kustomize repositories, planted one at a time.

Files are taken for what the kustomizations name them as: resources, patches, or kustomizations
themselves.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from yaml.nodes import MappingNode, Node, SequenceNode

from gitops import nodes
from gitops.patches import patches
from gitops.repository import ENVIRONMENTS, Repository
from tests.gitops.kinds import CHANGES, KINDS, Kinds
from tests.gitops.planting import Edit, Place, remove

# In these folders, the namespace `production` is that of another environment.
OTHERS = ENVIRONMENTS - {"prod", "production", "live"}
# With these, a controller makes the Secret of whatever name is written.
ISSUED = re.compile(r"cert-manager\.io/(cluster-)?issuer|kubernetes\.io/tls-acme")
# The fields of a kustomization that name files which are neither resources nor patches.
ROLES = {
    "replacements": "replacement",
    "transformers": "transformer",
    "configurations": "configuration",
}


@dataclass(frozen=True)
class Mistake:
    """A file with one mistake in it."""

    kind: str
    file: Path
    line: int
    what: str
    text: str
    is_change: bool = False  # wrong only in comparison with what there was

    def __str__(self) -> str:
        return f"{self.kind}: {self.file}:{self.line}: {self.what}"


def mistakes(repository: Repository) -> Iterator[Mistake]:
    """Yield every mistake of each kind that the files of a repository have a place for."""
    for kinds in (KINDS, CHANGES):
        for file, role in sorted(roles(repository).items()):
            if file not in repository.faults and file.is_relative_to(repository.root):
                yield from of(repository, file, role, kinds)


def of(
    repository: Repository, file: Path, role: str, kinds: Mapping[str, Kinds]
) -> Iterator[Mistake]:
    """Yield the mistakes that a file has a place for."""
    text = file.read_text(encoding="utf-8")
    for name, place, edit in possible(repository.documents(file), role, kinds):
        changed = edit(text, place) if is_one(repository, file, name, place, edit) else None
        if changed not in (None, text):
            line = (place.key or place.value).start_mark.line + 1
            relative, is_change = file.relative_to(repository.root), kinds is CHANGES
            yield Mistake(name, relative, line, place.path, str(changed), is_change)


def is_one(repository: Repository, file: Path, kind: str, place: Place, edit: Edit) -> bool:
    """Tell whether an edit is a mistake in this repository."""
    if edit is remove and "/" in place.path:
        # What others include, too, may be left out of one.
        every = repository.kustomizations.values()
        included = Counter(path for each in every for path in each.included())
        return included[target(file, place)] <= 1
    if kind in ("other environment's namespace", "target namespace"):
        return not {*file.parts}.isdisjoint(OTHERS)  # what is in no environment has none
    if kind == "replicas beside an autoscaler":
        return nodes.text(nodes.get(place.document, "metadata", "name")) in scaled(repository)
    if kind == "Secret of a certificate":
        return not ISSUED.search(file.read_text(encoding="utf-8"))
    return True


def scaled(repository: Repository) -> set[str]:
    """Return the names of what autoscalers scale."""
    path = ("spec", "scaleTargetRef", "name")
    files = [file for file, role in roles(repository).items() if role == "resource"]
    documents = (each for file in files for each in repository.documents(file))
    return {nodes.text(nodes.get(each, *path)) for each in documents}


def roles(repository: Repository) -> dict[Path, str]:
    """Return what each file is taken for."""
    found: dict[Path, str] = {}
    for each in repository.kustomizations.values():
        found[each.file] = "kustomization"
        for file in each.included():
            if file.is_file():
                found.setdefault(file, "resource")
        for patch in patches(repository, each):
            if patch.file != each.file:
                found[patch.file] = "patch"
        for field, role in ROLES.items():
            for _, entry in nodes.items(nodes.get(each.node, field)):
                name = nodes.text(entry) or nodes.text(nodes.get(entry, "path"))
                file = (each.folder / name).resolve()
                if name and "\n" not in name and file.is_file():
                    found[file] = role
    return found


def target(file: Path, place: Place) -> Path:
    """Return what an entry of a kustomization names."""
    return (file.parent / nodes.text(place.value)).resolve()


def possible(
    documents: list[Node], role: str, kinds: Mapping[str, Kinds]
) -> Iterator[tuple[str, Place, Edit]]:
    """Yield the kinds of mistakes that documents have a place for."""
    for document in documents:
        kind = nodes.text(nodes.get(document, "kind"))
        is_object = role not in ("kustomization", "replacement", "configuration")
        for place in places(document, f"{kind} " if is_object else "", document):
            for name, pattern, edit in kinds.get(role, ()):
                if re.fullmatch(pattern, place.path):
                    yield name, place, edit


def places(node: Node, path: str, document: Node) -> Iterator[Place]:
    """Yield every field and item below a node, with its path."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            at = f"{path}{key.value}"
            yield Place(at, key, value, node, document)
            yield from places(value, f"{at}/", document)
    elif isinstance(node, SequenceNode):
        for number, value in enumerate(node.value):
            yield Place(f"{path}{number}", None, value, node, document)
            yield from places(value, f"{path}{number}/", document)
