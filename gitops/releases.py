"""Releases, and where they are written: in entries of `images`, and in references to an image."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass

from yaml.nodes import MappingNode, Node, ScalarNode

from gitops import edits, images, nodes, versions
from gitops.nodes import Path_


@dataclass(frozen=True)
class Release:
    """A version of an image: a tag for people, and the digest, which decides what runs."""

    tag: str
    digest: str

    def __str__(self) -> str:
        return self.tag + f"@{self.digest[:19]}" * bool(self.digest)

    @property
    def is_pinned(self) -> bool:
        """Whether it has a digest; a digest of zeros is a placeholder."""
        return bool(self.digest) and not self.is_free

    @property
    def is_free(self) -> bool:
        """Whether its digest is zeros: a placeholder until the first release."""
        return bool(self.digest) and not self.digest.removeprefix("sha256:").strip("0")

    def is_same(self, other: Release) -> bool:
        """Return whether it is the same release: by digest if both have one, else by version."""
        if self.digest and other.digest:
            return self.digest == other.digest
        return versions.same(self.tag, other.tag)


@dataclass(frozen=True)
class Place:
    """Where a file names images: a list in an object, or the containers of a patch."""

    kind: str = ""
    name: str = ""
    path: Path_ = ("images",)  # of the list; none for containers

    def entries(self, documents: list[Node]) -> Iterator[Node]:
        """Yield what names an image."""
        for document in documents:
            if self.kind and identity(document) != (self.kind, self.name):
                continue
            if self.path:
                yield from (entry for _, entry in nodes.items(nodes.get(document, *self.path)))
            else:
                yield from references(document)

    def find(self, documents: list[Node], image: str) -> Node | None:
        """Return what names an image."""
        return next((each for each in self.entries(documents) if image_of(each) == image), None)


KUSTOMIZATION = Place()


def identity(document: Node) -> tuple[str, str]:
    """Return kind and name of an object."""
    name = nodes.get(document, "metadata", "name")
    return nodes.text(nodes.get(document, "kind")), nodes.text(name)


def references(node: Node) -> Iterator[Node]:
    """Yield the references to images in a patch: of containers, or set by operations."""
    is_operation = nodes.text(nodes.get(node, "path")).endswith("/image")
    for key, value in nodes.items(node):
        if isinstance(value, ScalarNode) and (key == "image" or (is_operation and key == "value")):
            yield value
        else:
            yield from references(value)


def image_of(entry: Node) -> str:
    """Return the name of the image that an entry or a reference is for."""
    if not isinstance(entry, ScalarNode):
        return nodes.text(nodes.get(entry, "name"))
    name, equals, _ = str(entry.value).partition("=")
    return name if equals else images.split(name).name


def name_of(entry: Node) -> str:
    """Return the name that the image is pulled by, without tag and digest."""
    if isinstance(entry, ScalarNode):
        name = images.split(str(entry.value).rpartition("=")[2]).name
        return image_of(entry) if name == "*" else name
    return nodes.text(nodes.get(entry, "newName")) or image_of(entry)


def release(entry: Node) -> Release:
    """Return the release of an entry or a reference, with what it takes from others by `<<`."""
    if isinstance(entry, ScalarNode):
        _, tag, digest = images.split(str(entry.value).rpartition("=")[2])
        return Release(tag, digest)
    whole = copy(entry)
    nodes.plain(whole)  # it puts what is taken before the entry's own keys
    fields = dict(nodes.items(whole))
    return Release(nodes.text(fields.get("newTag")), nodes.text(fields.get("digest")))


def written(text: str, entry: Node, new: Release) -> str:
    """Return the text of a file with another release in one of its entries or references."""
    if isinstance(entry, MappingNode):
        values = {"newTag": f'"{new.tag}"' if new.tag else "", "digest": new.digest}
        return edits.applied(text, [*edits.changes(text, entry, values)])
    name, equals, value = str(nodes.text(entry)).rpartition("=")
    tag, digest = f":{new.tag}" * bool(new.tag), f"@{new.digest}" * bool(new.digest)
    reference = name + equals + images.split(value).name + tag + digest
    return edits.applied(text, [edits.replacement(entry, entry, reference, "\n")])


def values_of(entry: Node) -> Iterator[Node]:
    """Yield the nodes that a release is written in."""
    if isinstance(entry, ScalarNode):
        yield entry
    yield from (value for key, value in nodes.items(entry) if key in ("newTag", "digest"))
