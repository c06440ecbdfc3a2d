"""Overrides in the files of `replacements`, `transformers` and `configurations`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gitops import nodes
from gitops.findings import Severity
from gitops.kustomization import Kustomization
from gitops.nodes import Path_
from gitops.overrides import FileSource, Override, entry
from gitops.repository import Repository
from gitops.sentinels import SENTINEL, TEXT, Change, other, put
from gitops.settings import EVERYWHERE, Scope

# What a transformer sets: another value there is seen wherever it reaches.
SETTINGS = ("newTag", "newName", "digest", "count", "prefix", "suffix")

# A step of a field path, in brackets if it has dots: metadata.annotations.[example.com/key]
KEY = re.compile(r"(?<=\[)[^\]]*(?=\])|[^.\[\]]+")


def overrides(repository: Repository, kustomization: Kustomization) -> Iterator[Override]:
    """Yield the overrides of replacements, transformers and configurations."""
    yield from replacements(repository, kustomization)
    for key, reader in (("transformers", transformers), ("configurations", configurations)):
        for i, found in nodes.items(nodes.get(kustomization.node, key)):
            name = nodes.text(found)
            file = (kustomization.folder / name).resolve() if name and "\n" not in name else None
            if file is not None and file.is_file():
                yield from reader(repository, kustomization, (key, i), file)


def replacements(repository: Repository, kustomization: Kustomization) -> Iterator[Override]:
    """Yield the fields that replacements write to, in the kustomization and in files."""
    own = FileSource(repository, kustomization.source)
    for i, found in nodes.items(nodes.get(kustomization.node, "replacements")):
        name = nodes.text(nodes.get(found, "path"))
        if not name:
            yield from targets(own, kustomization.node, ("replacements", i))
        elif (file := (kustomization.folder / name).resolve()).is_file():
            source = FileSource(repository, file)
            whole = entry(
                repository, kustomization, ("replacements", i), f"replacements {name}", ""
            )
            for document in repository.documents(file)[:1]:
                is_list = isinstance(document, SequenceNode)
                places: list[Path_] = [(j,) for j, _ in nodes.items(document)] if is_list else [()]
                is_shared = not file.is_relative_to(kustomization.folder)
                every = [it for at in places for it in targets(source, document, at, is_shared)]
                if len({it.scope for it in every}) == 1:
                    whole = replace(whole, scope=every[0].scope, fills=True)
                for override in every:
                    # A file without a replacement is refused.
                    yield replace(override, part_of=whole) if len(places) == 1 else override


def targets(
    source: FileSource, document: Node, here: Path_, is_shared: bool = False
) -> Iterator[Override]:
    """Yield the fields that one replacement writes to."""
    every = [*nodes.items(nodes.get(document, *here, "targets"))]
    is_any = is_shared or len(every) > 1
    for j, target in every:
        # What is shared, and one of several targets, may be for a kind of which there is none yet.
        scope = Scope.of_target(nodes.get(target, "select")) if is_any else EVERYWHERE
        fields = [*nodes.items(nodes.get(target, "fieldPaths"))]
        for k, field in fields:
            # A target without fields would be the name, a replacement without targets an error.
            path: Path_ = (*here, "targets", j, "fieldPaths", k)
            if len(fields) == 1:
                path = here if len(every) == 1 else (*here, "targets", j)
            name = nodes.text(field)
            yield Override(
                *(f"replacement of {name}", source.file, nodes.line(field), source, 0, path),
                subject=(KEY.findall(name) or [""])[-1],
                scope=scope,
                fills=True,
                sentinel=one_more(here, target, field) if here else None,
            )


def one_more(here: Path_, target: Node, field: Node) -> Change:
    """Return the change that lets another replacement follow, of the same field by a sentinel."""

    def change(document: Node) -> Node | None:
        every = nodes.get(document, *here[:-1])
        if not isinstance(every, SequenceNode) or not isinstance(target, MappingNode):
            return None
        pairs = [pair for pair in target.value if pair[0].value != "fieldPaths"]
        pairs.append((ScalarNode(TEXT, "fieldPaths"), SequenceNode(every.tag, [field])))
        added = MappingNode(
            target.tag,
            [
                (ScalarNode(TEXT, "sourceValue"), ScalarNode(TEXT, SENTINEL)),
                (
                    ScalarNode(TEXT, "targets"),
                    SequenceNode(every.tag, [MappingNode(target.tag, pairs)]),
                ),
            ],
        )
        after = int(here[-1]) + 1
        values = [*every.value[:after], added, *every.value[after:]]
        return put(document, here[:-1], SequenceNode(every.tag, values))

    return change


def transformers(
    repository: Repository, kustomization: Kustomization, at: Path_, file: Path
) -> Iterator[Override]:
    """Yield the transformers of a file, each as a whole."""
    documents = repository.documents(file)
    for number, document in enumerate(documents):
        name = nodes.text(nodes.get(document, "metadata", "name"))
        what = f"{nodes.text(nodes.get(document, 'kind'))} {name}".strip()
        source = FileSource(repository, file)
        found = Override(what, file, nodes.line(document), source, number, (), "transformer")
        if len(documents) == 1:
            alone = entry(repository, kustomization, at, what, "transformer")
            found = replace(found, part_of=alone)
        yield replace(found, sentinel=set_otherwise)


def set_otherwise(document: Node) -> Node | None:
    """Return a transformer with other values of what it sets."""
    changed: Node = document
    for path in settings(document):
        value = other(nodes.get(document, *path))
        if value is not None:
            changed = put(changed, path, value)
    return changed if changed is not document else None


def settings(node: Node, path: Path_ = ()) -> Iterator[Path_]:
    """Yield the paths of what a transformer sets, labels and annotations included."""
    for key, value in nodes.items(node):
        here = (*path, key)
        is_value = bool(path) and path[-1] in ("labels", "annotations")
        if path == ("metadata",) and key == "namespace":
            is_value = True  # of a NamespaceTransformer
        if isinstance(value, ScalarNode) and (key in SETTINGS or is_value):
            yield here
        elif here != ("metadata",) or nodes.text(nodes.get(node, "kind")) == "NamespaceTransformer":
            yield from settings(value, here)


def configurations(
    repository: Repository,
    kustomization: Kustomization,  # noqa: ARG001 - as the reader of transformers
    at: Path_,  # noqa: ARG001
    file: Path,
) -> Iterator[Override]:
    """Yield the fields that a file of configurations tells transformers of."""
    for number, document in enumerate(repository.documents(file)):
        for key, listed in nodes.items(document):
            for i, spec in nodes.items(listed):
                below = nodes.get(spec, "fieldSpecs")
                paths: list[Path_] = [(key, i, "fieldSpecs", j) for j, _ in nodes.items(below)]
                for path in paths or [(key, i)]:
                    field = nodes.get(document, *path)
                    words = [nodes.text(nodes.get(field, name)) for name in ("kind", "path")]
                    what = f"{key} of {' '.join(word for word in words if word)}"
                    yield Override(
                        *(what, file, nodes.line(field), FileSource(repository, file)),
                        *(number, path, str(key)),
                        # A name that lacks its hash is found where it is.
                        severity=Severity.NOTE if key == "nameReference" else Severity.WARNING,
                    )
