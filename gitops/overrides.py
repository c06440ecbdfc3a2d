"""The overrides of a kustomization: every entry that is meant to change something.

An override can be taken away, or have a sentinel put in its place. Strategic-merge patches and
generators that merge are split into their leaves, so that each value is tried by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from yaml.nodes import MappingNode, Node

from gitops import nodes, settings
from gitops.findings import Severity
from gitops.kustomization import Kustomization
from gitops.nodes import Path_
from gitops.repository import Repository
from gitops.sentinels import DIGEST, SENTINEL, Change, at, literal
from gitops.settings import EVERYWHERE, Scope, Setting

PODS = Scope("objects that have pods")  # whatever their kind: no definition of one has any
Files = Mapping[Path, str]  # what is read instead of the disk


class Source(Protocol):
    """Documents that overrides are written in: those of a file, or of a patch."""

    def read(self, files: Files) -> list[Node]:
        """Return the documents."""

    def write(self, files: Files, documents: list[Node]) -> Files:
        """Return the files with these documents instead."""


@dataclass(frozen=True, eq=False)
class FileSource:
    """The documents of a file."""

    repository: Repository
    file: Path

    def read(self, files: Files) -> list[Node]:
        """Return the documents."""
        if self.file in files:
            return nodes.compose(files[self.file], str(self.file))
        return self.repository.documents(self.file)

    def write(self, files: Files, documents: list[Node]) -> Files:
        """Return the files with these documents instead."""
        return {**files, self.file: nodes.write(documents)}


@dataclass(frozen=True, eq=False)
class Override:
    """An entry, its place, and how it is taken away or replaced by a sentinel."""

    what: str
    file: Path
    line: int
    source: Source = field(repr=False)
    document: int  # the number of the one that it is in
    path: Path_
    subject: str  # what it sets: another override of the same may overwrite it
    sentinel: Change | None = None
    severity: Severity = Severity.ERROR  # if it changes nothing
    part_of: Override | None = None  # the whole patch, of which this is a leaf
    tag_alone: bool = False  # a new tag without a digest
    scope: Scope = EVERYWHERE  # the objects that it may get into
    fills: bool = False  # with what another object has, which may have a placeholder there
    delivers: bool = False  # by Argo CD or Flux, into what is theirs to change
    gives: tuple[Setting, ...] = ()  # the values that it puts into objects, as they are

    @property
    def may_be_in_definitions(self) -> bool:
        """Whether it may get into the definition of a custom resource."""
        return self.scope.has("CustomResourceDefinition", self.scope.name)

    @property
    def saying(self) -> str:
        """What it is, without the patch that it is in."""
        return self.what.rpartition(": ")[2]

    def taken_away(self, files: Files) -> Files:
        """Return the files without it."""
        documents = self.source.read(files)
        left = nodes.without(documents[self.document], self.path) if self.path else None
        return self._written(files, documents, left)

    def marked(self, files: Files) -> Files | None:
        """Return the files with a sentinel in its place, if there can be one."""
        if self.sentinel is None:
            return None
        documents = self.source.read(files)
        changed = self.sentinel(documents[self.document])
        return None if changed is None else self._written(files, documents, changed)

    def with_sentinel(self, files: Files) -> Files:
        """Return the files with a sentinel in its place, or as they are if there can be none."""
        marked = self.marked(files)
        return files if marked is None else marked

    def _written(self, files: Files, documents: list[Node], now: Node | None) -> Files:
        rest = [document for index, document in enumerate(documents) if index != self.document]
        if now is not None and not only_identity(now):
            rest.insert(self.document, now)
        if not rest and self.part_of is not None:
            return self.part_of.taken_away(files)
        if not rest and now is not None:
            # Kustomize refuses a kustomization that says nothing.
            rest = nodes.compose(nodes.write([now]) + "resources: []\n", "")
        return self.source.write(files, rest or nodes.compose("resources: []\n", ""))


def entry(
    repository: Repository, kustomization: Kustomization, path: Path_, what: str, subject: str
) -> Override:
    """Return the override at a path of a kustomization."""
    line = nodes.key_line(nodes.get(kustomization.node, *path[:-1]), path[-1])
    source = FileSource(repository, kustomization.source)
    found = Override(what, kustomization.file, line, source, 0, path, subject)
    return replace(found, delivers=kustomization.delivers)


def given(key: str, kustomization: Kustomization, *path: str | int) -> tuple[Setting, ...]:
    """Return what an entry of a kustomization puts into any object."""
    found = settings.below(key, nodes.get(kustomization.node, *path), EVERYWHERE)
    return tuple(setting for setting in found if setting.texts)


def entries(repository: Repository, kustomization: Kustomization) -> Iterator[Override]:
    """Yield the overrides in a kustomization's own file, without patches and replacements."""
    for key in ("namespace", "namePrefix", "nameSuffix"):
        if nodes.get(kustomization.node, key):
            text = nodes.text(nodes.get(kustomization.node, key))
            what = f"{kustomization.word(key)} {text}"
            found = entry(repository, kustomization, (key,), what, key)
            gives = given(key, kustomization, key) if key == "namespace" else ()
            yield replace(found, sentinel=at((key,)), gives=gives)
    for key in ("commonLabels", "commonAnnotations"):
        for name, _ in nodes.items(nodes.get(kustomization.node, key)):
            found = entry(repository, kustomization, (key, name), f"{key} {name}", str(name))
            gives = given(str(name), kustomization, key, name)
            yield replace(found, sentinel=at((key, name)), gives=gives)
    yield from images(repository, kustomization)
    yield from replicas(repository, kustomization)
    for i, label in nodes.items(nodes.get(kustomization.node, "labels")):
        yield from labels(repository, kustomization, i, label)
    for key in ("configMapGenerator", "secretGenerator"):
        for i, generator in nodes.items(nodes.get(kustomization.node, key)):
            if nodes.text(nodes.get(generator, "behavior")) in ("merge", "replace"):
                yield from generated(repository, kustomization, (key, i), generator)
    for i, variable in nodes.items(nodes.get(kustomization.node, "vars")):
        name = nodes.text(nodes.get(variable, "name"))
        found = entry(repository, kustomization, ("vars", i), f"var {name}", name)
        yield replace(found, severity=Severity.WARNING)


def images(repository: Repository, kustomization: Kustomization) -> Iterator[Override]:
    """Yield the new name, the new tag and the digest of each image."""
    for i, image in nodes.items(nodes.get(kustomization.node, "images")):
        name = nodes.text(nodes.get(image, "name"))
        for key, value in nodes.items(image):
            if key != "name":
                path = ("images", i, key)
                text = nodes.text(value)
                found = entry(
                    repository, kustomization, path, f"{key} {text} for image {name}", "image"
                )
                yield replace(
                    found,
                    sentinel=at(path, DIGEST if key == "digest" else SENTINEL),
                    scope=PODS,
                    tag_alone=key == "newTag" and not nodes.get(image, "digest"),
                )


def replicas(repository: Repository, kustomization: Kustomization) -> Iterator[Override]:
    """Yield the numbers of replicas."""
    for i, count in nodes.items(nodes.get(kustomization.node, "replicas")):
        what = f"replicas of {nodes.text(nodes.get(count, 'name'))}"
        found = entry(repository, kustomization, ("replicas", i), what, "replicas")
        gives = (settings.replicas(count),)
        yield replace(found, sentinel=at(("replicas", i, "count")), scope=PODS, gives=gives)


def labels(
    repository: Repository, kustomization: Kustomization, i: str | int, label: Node
) -> Iterator[Override]:
    """Yield the labels of an entry, and the fields that it puts them into."""
    for name, value in nodes.items(nodes.get(label, "pairs")):
        path: Path_ = ("labels", i, "pairs", name)
        found = entry(
            repository, kustomization, path, f"label {name}={nodes.text(value)}", str(name)
        )
        yield replace(found, sentinel=at(path), gives=given(str(name), kustomization, *path))
    for j, spec in nodes.items(nodes.get(label, "fields")):
        kind, path_ = nodes.text(nodes.get(spec, "kind")), nodes.text(nodes.get(spec, "path"))
        what = f"label field {kind} {path_}".replace("  ", " ")
        yield entry(repository, kustomization, ("labels", i, "fields", j), what, "labels")
    for key in ("includeSelectors", "includeTemplates"):
        if nodes.text(nodes.get(label, key)) == "true":
            what = f"`{key}` of the labels"
            found = entry(repository, kustomization, ("labels", i, key), what, "labels")
            yield replace(found, severity=Severity.NOTE)


def generated(
    repository: Repository, kustomization: Kustomization, at_: Path_, generator: Node
) -> Iterator[Override]:
    """Yield the sources of a generator that merges into another one's object."""
    name = nodes.text(nodes.get(generator, "name"))
    for source in ("literals", "files", "envs"):
        for j, value in nodes.items(nodes.get(generator, source)):
            path = (*at_, source, j)
            text = nodes.text(value)
            setting = settings.generated(str(at_[0]), name, source, text)
            key = setting.key
            told = key if source == "literals" and at_[0] == "secretGenerator" else text
            found = entry(repository, kustomization, path, f"{at_[0]} {name}: {told}", key)
            if source == "literals":
                found = replace(found, sentinel=at(path, f"{key}={SENTINEL}"), gives=(setting,))
            elif source == "files":
                found = replace(found, sentinel=literal(at_, path, key), gives=(setting,))
            severity = Severity.NOTE if source == "envs" else found.severity
            yield replace(found, severity=severity, scope=setting.scope)


IDENTITY: set[Path_] = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")}


def only_identity(document: Node) -> bool:
    """Tell whether a patch has nothing left but what identifies its object."""
    if not isinstance(document, MappingNode):
        return False
    paths: set[Path_] = {(key,) for key, _ in nodes.items(document) if key != "metadata"}
    paths |= {("metadata", key) for key, _ in nodes.items(nodes.get(document, "metadata"))}
    return paths <= IDENTITY
