"""Releases, and where they are written: in entries of `images`, and in references to an image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass

from yaml.nodes import MappingNode, Node, ScalarNode

from gitops import edits, images, nodes, versions
from gitops.edits import Edit
from gitops.nodes import Path_

# Tags that are a text in YAML 1.1 and 1.2, also without quotation marks: no number, date or word.
TEXT = re.compile(
    r"(?!(?:y|n|yes|no|on|off|true|false|null)$)[a-z][\w.-]*"
    r"|\d+\.\d+\.\d[\w.-]*|(?!0[xob])\d[\w.-]*[acdf-wyz][\w.-]*",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True)
class Release:
    """A version of an image: a tag for people, and the digest, which decides what runs."""

    tag: str
    digest: str

    def __str__(self) -> str:
        return self.tag + f"@{self.digest[:19]}" * bool(self.digest)

    @property
    def title(self) -> str:
        """What people call it: the tag, or else the beginning of the digest."""
        return self.tag or str(self).removeprefix("@")

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
    """Where a file names images: a list in an object, or the containers of its patches."""

    path: Path_ = ("images",)  # of the list; none for containers
    owner: tuple[str, ...] = ()  # of the list (`identity`), if the file has other objects, too

    def entries(self, documents: list[Node]) -> dict[str, list[Node]]:
        """Return what pins each image: of a list the entry that counts, which is the last one."""
        found: dict[str, list[Node]] = {}
        for entry in self._named(documents):
            name, its = image_of(entry), release(entry)
            if name and (its.tag or its.digest) and not is_open(f"{name}{its.tag}"):
                found.setdefault(name, []).append(entry)
        return {name: each[-1:] if self.path else each for name, each in found.items()}

    def _named(self, documents: list[Node]) -> Iterator[Node]:
        for document in documents:
            if not self.path:
                yield from references(document)
            elif not self.owner or identity(document) == self.owner:
                yield from (entry for _, entry in nodes.items(nodes.get(document, *self.path)))


KUSTOMIZATION, PATCH = Place(), Place(path=())


def identity(document: Node) -> tuple[str, ...]:
    """Return kind, namespace and name of an object."""
    metadata = nodes.get(document, "metadata")
    names = (nodes.get(metadata, key) for key in ("namespace", "name"))
    return tuple(map(nodes.text, (nodes.get(document, "kind"), *names)))


def is_open(text: str) -> bool:
    """Tell whether a name or a tag is filled in elsewhere."""
    return "{{" in text or "$" in text


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
    whole.value = [*entry.value]  # it takes `<<` out of the list
    nodes.plain(whole)  # it puts what is taken before the entry's own keys
    fields = {key: value for key, value in nodes.items(whole) if not nodes.is_null(value)}
    # Kustomize takes a digest in `newTag`, too.
    tag, _, digest = nodes.text(fields.get("newTag")).partition("@")
    return Release(tag, nodes.text(fields.get("digest")) or digest)


def changes(text: str, entry: Node, new: Release) -> Iterator[Edit]:
    """Yield the edits that put another release into an entry or a reference."""
    if isinstance(entry, MappingNode):
        values = {"newTag": plain(new.tag), "digest": new.digest}
        if "@" in nodes.text(nodes.get(entry, "newTag")) and new.tag and new.digest:
            values = {"newTag": f"{new.tag}@{new.digest}", "digest": ""}
        yield from edits.changes(text, entry, values)
        return
    name, equals, value = str(nodes.text(entry)).rpartition("=")
    tag, digest = f":{new.tag}" * bool(new.tag), f"@{new.digest}" * bool(new.digest)
    reference = name + equals + images.split(value).name + tag + digest
    yield edits.replacement(text, entry, entry, reference)


def plain(tag: str) -> str:
    """Return a tag as YAML, in quotation marks where it may be read as a number, or as no text."""
    return tag if not tag or TEXT.fullmatch(tag) else f'"{tag}"'


def values_of(entry: Node) -> Iterator[Node]:
    """Yield the nodes that a release is written in."""
    if isinstance(entry, ScalarNode):
        yield entry
    yield from (value for key, value in nodes.items(entry) if key in ("newTag", "digest"))
