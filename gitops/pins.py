"""The release that an overlay pins: its own entries under `images`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yaml.nodes import MappingNode, Node

from gitops import nodes, versions
from gitops.errors import GitopsError
from gitops.repository import Overlay, Repository


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

    def with_release(self, new: Release) -> str:
        """Return the text of the file with another release, and everything else unchanged.

        Raises GitopsError for an entry that is written in one line.
        """
        text = self.file.read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        edits = {"digest": new.digest, "newTag": f'"{new.tag}"' if new.tag else ""}
        # From the last line to the first, so that those still to be edited keep their numbers.
        for key, value in sorted(edits.items(), key=lambda edit: -self._line(edit[0])):
            self._edit(lines, key, value)
        result = "".join(lines)
        found = find(nodes.compose(result, str(self.file)), self.image)
        if found is None or release(found) != new:
            line = nodes.line(self.entry)
            raise GitopsError(
                f"{self.file}:{line}: write this entry of `images` with one key on each line"
            )
        return result

    def _line(self, key: str) -> int:
        """Return the index of a key's line; of the line after the entry if it has no such key."""
        if nodes.get(self.entry, key) is not None:
            return nodes.key_line(self.entry, key) - 1
        return max(nodes.line(value) for _, value in nodes.items(self.entry))

    def _edit(self, lines: list[str], key: str, value: str) -> None:
        node, at = nodes.get(self.entry, key), self._line(key)
        if node is None:
            if value:
                indent = " " * self.entry.start_mark.column
                lines.insert(at, f"{indent}{key}: {value}\n")
        elif value:
            start, end = node.start_mark.column, node.end_mark.column
            lines[at] = lines[at][:start] + value + lines[at][end:]
        else:
            del lines[at]


def pins(repository: Repository, overlay: Overlay) -> dict[str, Pin]:
    """Return the pins of an overlay by image, without those that it shares with another."""
    shared = {part for each in repository.overlays if each is not overlay for part in each.tree}
    found: dict[str, Pin] = {}
    # What is nearest to the overlay is applied last.
    for part in reversed([each for each in overlay.tree if each not in shared]):
        for _, entry in nodes.items(nodes.get(part.node, "images")):
            name = nodes.text(nodes.get(entry, "name"))
            if name and (release(entry).tag or release(entry).digest):
                found[name] = Pin(part.file, name, entry)
    return found


def choose(repository: Repository, environment: str, image: str | None) -> Pin:
    """Return the pin of an image in an environment, or its only pin if no image is given.

    Raises GitopsError if there is no such environment, or no such pin, or several.
    """
    overlays = [each for each in repository.overlays if each.is_named(environment)]
    if len(overlays) != 1:
        known = ", ".join(each.name for each in repository.overlays)
        count = "no overlay is" if not overlays else "several overlays are"
        raise GitopsError(f"{count} called {environment}; the overlays are {known}")
    found = pins(repository, overlays[0])
    if image is None and len(found) == 1:
        return next(iter(found.values()))
    if image in found:
        return found[image]
    if not found:
        raise GitopsError(f"{environment}: none of its own files pins an image under `images`")
    names = ", ".join(found)
    raise GitopsError(
        f"{environment} pins {names}: choose one with --image"
        if image is None
        else f"{environment} does not pin {image}, but {names}"
    )


def find(documents: list[Node], image: str) -> Node | None:
    """Return the entry of an image in a kustomization."""
    for document in documents:
        for _, entry in nodes.items(nodes.get(document, "images")):
            if isinstance(entry, MappingNode) and nodes.text(nodes.get(entry, "name")) == image:
                return entry
    return None


def release(entry: Node) -> Release:
    """Return the release of an entry of `images`."""
    return Release(nodes.text(nodes.get(entry, "newTag")), nodes.text(nodes.get(entry, "digest")))
