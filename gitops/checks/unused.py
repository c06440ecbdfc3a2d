"""Files with objects that no kustomization names, and components that none includes."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from yaml.nodes import MappingNode

from gitops import applications, nodes, optional
from gitops.checks.context import Context
from gitops.checks.render import is_template
from gitops.errors import GitopsError
from gitops.findings import Finding, Severity
from gitops.kustomization import NAMES, Kustomization
from gitops.made import WORD
from gitops.named import PLUGINS
from gitops.repository import Repository

# A file or folder in a comment: an entry that is left out on purpose.
COMMENT = re.compile(r"^\s*#[\s-]*(?:path:\s*)?(\S+)", re.MULTILINE)
# The roles that kubebuilder writes for whoever uses an operator, and installs for nobody.
OFFERED = re.compile(r"-(?:admin|editor|viewer)-role$")
HINT = "name it in a kustomization, or delete it"


class Identity(NamedTuple):
    """What an object is."""

    api_version: str
    kind: str
    name: str


def check(context: Context) -> Iterator[Finding]:
    """Yield each file that is beside a kustomization and named by none, and unused components."""
    repository = context.repository
    named = {*names(repository)}
    for file, objects in forgotten(repository, named):
        _, kind, name = objects[0]
        message = f"no kustomization names this file, with {kind} {name}"
        is_offered = kind == "ClusterRole" and OFFERED.search(name)
        severity = Severity.NOTE if is_offered else Severity.WARNING
        yield Finding(file, 1, "unused", message, (), HINT, severity)
    declared = {variant.component for variant in context.variants}
    for component in optional.unused(repository):
        if component not in declared and component.folder not in named:
            message = "no overlay includes this component"
            yield Finding(component.file, 1, "unused", message, (), HINT, Severity.NOTE)


def names(repository: Repository) -> Iterator[Path]:
    """Yield the paths that any kustomization names."""
    for part in repository.kustomizations.values():
        yield from mentioned(repository, part)


def forgotten(
    repository: Repository, named: Collection[Path]
) -> Iterator[tuple[Path, list[Identity]]]:
    """Yield the files of objects that nobody names, beside those that are `named`."""
    scripts = "\n".join(text for _, text in applications.scripts(repository.root))
    applied = applications.applied_by_hand(repository.root)
    every = repository.kustomizations.values()
    for file in dict.fromkeys(file for part in every for file in beside(repository, part)):
        its = file.resolve() if file.is_symlink() else file  # where a link leads is named
        is_named = its in named or file.name in scripts or file.name in applied
        if not is_named and (objects := identities(file)):
            yield file, objects


def mentioned(repository: Repository, part: Kustomization) -> Iterator[Path]:
    """Yield the paths that a kustomization names anywhere, and the files of its plugins.

    That is also what it leaves out on purpose, in a comment; but nothing that does not exist.
    """
    documents = [part.node]
    for key in PLUGINS:
        for _, entry in nodes.items(nodes.get(part.node, key)):
            file = (part.folder / nodes.text(entry)) if "\n" not in nodes.text(entry) else None
            if file is not None and file.is_file():
                documents += [
                    e for e in repository.documents(file.resolve()) if isinstance(e, MappingNode)
                ]
    values = (scalar.value for document in documents for scalar in nodes.scalars(document))
    texts = [value.rpartition("=")[2] for value in values if value and "\n" not in value]
    left_out = COMMENT.findall(part.file.read_text("utf-8", "replace"))
    for path in (part.folder / name for name in [*texts, *left_out]):
        if os.path.lexists(path):  # few are, and to resolve a path takes ten times as long
            yield path.resolve()


def beside(repository: Repository, part: Kustomization) -> Iterator[Path]:
    """Yield the files of YAML beside a kustomization, and beside the files that it names.

    Those of other folders are applied as they are, or are of something else.
    """
    folders = {part.folder, *(file.parent for file in part.files())}
    for folder in sorted(each for each in folders if each.is_relative_to(repository.root)):
        for file in sorted(folder.iterdir()):
            is_yaml = file.suffix in (".yaml", ".yml") and file.name not in NAMES
            if is_yaml and not WORD.search(file.name):
                yield file


def identities(file: Path) -> list[Identity]:
    """Return what a file has, if it has objects of Kubernetes and nothing else."""
    try:
        documents = [] if is_template(file) else nodes.read(file)
    except GitopsError:
        return []
    found = [
        Identity(
            nodes.text(nodes.get(each, "apiVersion")),
            nodes.text(nodes.get(each, "kind")),
            nodes.text(nodes.get(each, "metadata", "name")),
        )
        for each in documents
    ]
    return found if all(all(each) for each in found) else []
