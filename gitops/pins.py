"""The release that an overlay pins: under `images`, in a patch, or where it is applied from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from yaml.nodes import Node

from gitops import edits, nodes, releases
from gitops.deliveries.model import Delivery
from gitops.errors import GitopsError
from gitops.overlays import Overlay
from gitops.patches import patches
from gitops.releases import KUSTOMIZATION, PATCH, Place, Release
from gitops.repository import Repository

BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, eq=False)
class Pin:
    """What names an image and its release, and the file that it is in."""

    file: Path
    image: str
    entries: list[Node]  # one of a list, or each reference in patches
    overlay: Overlay
    place: Place = KUSTOMIZATION
    by: str = ""  # the object that applies the overlay, where several do with images of their own
    others: tuple[Pin, ...] = ()  # of the same image, in other files of patches

    @property
    def entry(self) -> Node:
        """What is told of it, of several."""
        return self.entries[-1]

    @property
    def where(self) -> str:
        """What tells it from the same image's pin elsewhere: who applies it, else its overlay."""
        return self.by or self.overlay.name

    @property
    def release(self) -> Release:
        """The release that it pins."""
        return releases.release(self.entry)

    @property
    def every_release(self) -> set[Release]:
        """All releases that it pins: patches may give containers different ones."""
        own = set(map(releases.release, self.entries))
        return own.union(*(other.every_release for other in self.others))

    @property
    def name(self) -> str:
        """The name that the image is pulled by, without tag and digest."""
        return releases.name_of(self.entry)

    def at(self, text: str) -> Release | None:
        """Return the release in another text of the file; None if it has none for the image.

        Raises GitopsError if it is no YAML.
        """
        found = self._entries(nodes.compose(text, str(self.file)))
        return releases.release(found[-1]) if found else None

    def with_release(self, new: Release) -> str:
        """Return the text of the file with another release, and everything else unchanged.

        The file is read again: another image in it may have been changed since. Line ends and a
        byte-order mark stay as well: write it with `newline=""`.
        Raises GitopsError for an entry that shares its release, or is written in an unusual way,
        and for patches that would have to be changed together.
        """
        text = read(self.file)
        body = text.removeprefix(BYTE_ORDER_MARK)
        where = f"{self.file}:{nodes.line(self.entry)}"
        if self.others or len(self.every_release) > 1:
            names = ", ".join(sorted({pin.file.name for pin in (self, *self.others)}))
            raise GitopsError(
                f"{where}: {names} name {self.image} for several containers: write its release"
                " under `images`, once for all of them"
            )
        documents, shared = edits.located(body, str(self.file))
        entries = self._entries(documents)
        if not entries:
            raise GitopsError(f"{where}: this entry is not in the file itself")
        values = [each for entry in entries for each in (entry, *releases.values_of(entry))]
        if any(start <= edits.span(each)[0] < end for each in values for start, end in shared):
            raise GitopsError(f"{where}: other places take the release from here, by an alias")
        changes = [edit for entry in entries for edit in releases.changes(body, entry, new)]
        edited = edits.applied(body, changes)
        if not self._has(edited, new):
            raise GitopsError(f"{where}: write this entry of `images` with one key on each line")
        return text[: len(text) - len(body)] + edited

    def _entries(self, documents: list[Node]) -> list[Node]:
        return self.place.entries(documents).get(self.image, [])

    def _has(self, text: str, wanted: Release) -> bool:
        try:
            found = self._entries(nodes.compose(text, str(self.file)))
        except GitopsError:
            return False
        return set(map(releases.release, found)) == {wanted}


def read(file: Path) -> str:
    """Return the text of a file with its line ends as they are.

    Raises GitopsError if it is in another encoding than UTF-8.
    """
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise GitopsError(f"{file}: it is not written in {error.encoding}") from None


def every(repository: Repository) -> Iterator[Pin]:
    """Yield the pins of all overlays, in each way in which they are applied."""
    for overlay in repository.overlays:
        for by in ways(repository, overlay):
            yield from pins(repository, overlay, by).values()


def ways(repository: Repository, overlay: Overlay) -> list[str]:
    """Return who applies an overlay with images of their own, by name, if it is not one alone.

    Otherwise it is an empty name: the overlay has the same images whoever applies it.
    """
    deliveries = repository.deliveries.each(overlay.folder)
    names = {each.name for each in deliveries if pinned(each, overlay)}
    return sorted(names) if names and len(deliveries) > 1 else [""]


def pins(repository: Repository, overlay: Overlay, by: str = "") -> dict[str, Pin]:
    """Return the pins of an overlay by image, without those that it shares with another.

    What is applied last counts: what Argo CD or Flux adds, then what is nearest to the overlay. A
    patch counts where nothing else pins anything: beside others, it is that of a helper. `by` is
    who applies it, where several do (`ways`).
    """
    found: dict[str, Pin] = {}
    patched: dict[str, Pin] = {}
    for part in reversed(overlay.tree):
        if part.file.resolve() in repository.shared:
            continue
        for patch in patches(repository, part):
            is_own = patch.file not in repository.shared
            if is_own and patch.file != part.file and patch.file.is_relative_to(part.folder):
                for name, pin in at(patch.file, patch.documents, overlay, PATCH).items():
                    had = [it for it in (patched.get(name),) if it and it.file != pin.file]
                    others = tuple(each for it in had for each in (it, *it.others))
                    patched[name] = replace(pin, others=others)
        for name, pin in at(part.file, [part.node], overlay, KUSTOMIZATION).items():
            # An image that was renamed further inside is known by its new name here.
            found = {image: it for image, it in found.items() if it.name != name or image == name}
            if name not in found or found[name].name == name:
                found[name] = pin
    deliveries = repository.deliveries.each(overlay.folder)
    for delivery in deliveries if by or len(deliveries) == 1 else ():
        if by in ("", delivery.name):
            found |= pinned(delivery, overlay, by)
    return found or patched


def pinned(delivery: Delivery, overlay: Overlay, by: str = "") -> dict[str, Pin]:
    """Return the pins of what applies an overlay, by image."""
    if delivery.pins is None:
        return {}
    found = at(delivery.file, nodes.read(delivery.file), overlay, delivery.pins)
    return {name: replace(pin, by=by) for name, pin in found.items()}


def at(file: Path, documents: list[Node], overlay: Overlay, place: Place) -> dict[str, Pin]:
    """Return the pins at a place of a file, by image."""
    # The file itself is what is written and has a history, and not a link to it.
    its, found = file.resolve(), place.entries(documents)
    return {name: Pin(its, name, entries, overlay, place) for name, entries in found.items()}
