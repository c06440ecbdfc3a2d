"""The release that an overlay pins: its own entries under `images`."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

from yaml.nodes import MappingNode, Node

from gitops import edits, nodes, versions
from gitops.errors import GitopsError
from gitops.repository import Overlay, Repository

BYTE_ORDER_MARK = "\ufeff"


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


@dataclass(frozen=True, eq=False)
class Pin:
    """An entry of `images`, and the file that it is in."""

    file: Path
    image: str
    entry: Node
    overlay: Overlay

    @property
    def release(self) -> Release:
        """The release that it pins."""
        return release(self.entry)

    @property
    def name(self) -> str:
        """The name that the image is pulled by, without tag and digest."""
        return nodes.text(nodes.get(self.entry, "newName")) or self.image

    @property
    def service(self) -> str:
        """The default name of the service in a ledger: the last part of the image's name."""
        return self.image.rpartition("/")[2]

    def reread(self) -> Pin:
        """Return it as its file is now: another image in it may have been changed since."""
        text = read(self.file).removeprefix(BYTE_ORDER_MARK)
        entry = find(nodes.compose(text, str(self.file)), self.image)
        return replace(self, entry=entry or self.entry)

    def with_release(self, new: Release) -> str:
        """Return the text of the file with another release, and everything else unchanged.

        Line ends and a byte-order mark stay as well: write it with `newline=""`.
        Raises GitopsError for an entry that shares its release, or is written in an unusual way.
        """
        text = read(self.file)
        body = text.removeprefix(BYTE_ORDER_MARK)
        where = f"{self.file}:{nodes.line(self.entry)}"
        documents, shared = edits.located(body, str(self.file))
        entry = find(documents, self.image)
        if not isinstance(entry, MappingNode):
            raise GitopsError(f"{where}: this entry is not in the file itself")
        values = {"newTag": f'"{new.tag}"' if new.tag else "", "digest": new.digest}
        for key in values:
            value = nodes.get(entry, key)
            if value is not None and value.start_mark.index in shared:
                raise GitopsError(f"{where}: other places take `{key}` from here, by an alias")
        edited = edits.applied(body, [*edits.changes(body, entry, values)])
        if not self._is_in(edited, new):
            raise GitopsError(f"{where}: write this entry of `images` with one key on each line")
        return text[: len(text) - len(body)] + edited

    def _is_in(self, text: str, wanted: Release) -> bool:
        """Tell whether a text has a release for the image, whatever it takes from elsewhere."""
        try:
            found = find(nodes.compose(text, str(self.file)), self.image)
            return found is not None and release(found) == wanted
        except GitopsError:
            return False


def read(file: Path) -> str:
    """Return the text of a file with its line ends as they are."""
    with file.open(encoding="utf-8", newline="") as stream:
        return stream.read()


def pins(repository: Repository, overlay: Overlay) -> dict[str, Pin]:
    """Return the pins of an overlay by image, without those that it shares with another."""
    shared = {part for each in repository.overlays if each is not overlay for part in each.tree}
    found: dict[str, Pin] = {}
    # What is nearest to the overlay is applied last.
    for part in reversed([each for each in overlay.tree if each not in shared]):
        for _, entry in nodes.items(nodes.get(part.node, "images")):
            name = nodes.text(nodes.get(entry, "name"))
            if name and (release(entry).tag or release(entry).digest):
                found[name] = Pin(part.file, name, entry, overlay)
    return found


def choose(
    repository: Repository, environment: str, image: str | None, beside: Overlay | None = None
) -> Pin:
    """Return the pin of an image in an environment, or its only pin if no image is given.

    Of several overlays of that name, each of another application, it is the one that pins the
    image; of several that do, the one in the same folder as the overlay `beside`.
    Raises GitopsError if there is no such environment, or no such pin, or several.
    """
    overlays = [each for each in repository.overlays if each.is_named(environment)]
    if not overlays:
        known = ", ".join(each.name for each in repository.overlays)
        raise GitopsError(f"no overlay is called {environment}; the overlays are {known}")
    every = [pin for each in overlays for pin in pins(repository, each).values()]
    if not every:
        raise GitopsError(f"{environment}: none of its own files pins an image under `images`")
    found = [pin for pin in every if image in (None, pin.image)]
    if beside and len(found) > 1:
        near = [pin for pin in found if pin.overlay.folder.parent == beside.folder.parent]
        found = near or found
    if len(found) == 1:
        return found[0]
    if not found:
        names = ", ".join(sorted({pin.image for pin in every}))
        raise GitopsError(f"{environment} does not pin {image}, but {names}")
    if len(images := sorted({pin.image for pin in found})) > 1:
        raise GitopsError(f"{environment} pins {', '.join(images)}: choose one with --image")
    paths = ", ".join(pin.overlay.name for pin in found)
    raise GitopsError(f"{paths} pin {found[0].image}: name one of them by its path")


def find(documents: list[Node], image: str) -> Node | None:
    """Return the entry of an image in a kustomization."""
    for document in documents:
        for _, entry in nodes.items(nodes.get(document, "images")):
            if isinstance(entry, MappingNode) and nodes.text(nodes.get(entry, "name")) == image:
                return entry
    return None


def release(entry: Node) -> Release:
    """Return the release of an entry of `images`, with what it takes from others by `<<`."""
    whole = copy(entry)
    nodes.plain(whole)  # it puts what is taken before the entry's own keys
    fields = dict(nodes.items(whole))
    return Release(nodes.text(fields.get("newTag")), nodes.text(fields.get("digest")))
