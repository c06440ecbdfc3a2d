"""Renderings of earlier runs: each is valid as long as what it has seen of the disk is the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gitops.cache import Cache, digest
from gitops.jobs import Job

FORMAT = "3"  # of an entry: one of another version is not read
Seen = dict[str, str]  # as the renderer tells it: what it has read, and what that was


@dataclass
class Kept:
    """A rendering: the number of what it has seen, its digest, and its objects.

    The objects are JSON, a list of the digest and the content of each; empty if none were asked.
    """

    seen: int
    digest: str
    objects: str


@dataclass(eq=False)
class Shelf:
    """The renderings of one folder, with different files replaced."""

    seen: list[Seen] = field(default_factory=list)
    kept: dict[str, Kept] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)  # in this run
    has_changed: bool = False

    @classmethod
    def read(cls, text: str, is_valid: Callable[[Seen], bool]) -> Shelf:
        """Return what is still valid of an entry of the cache."""
        found = cls()
        head, *lines = text.splitlines()
        every: list[Seen] = json.loads(head)
        places = {number: place for number, place in enumerate(every) if is_valid(place)}
        numbers = {old: new for new, old in enumerate(places)}
        found.seen = list(places.values())
        for line in lines:
            key, number, its_digest, objects = line.split("\t", 3)
            if int(number) in numbers:
                found.kept[key] = Kept(numbers[int(number)], its_digest, objects)
        return found

    def text(self) -> str:
        """Return what was asked in this run as an entry of the cache: others may never be again."""
        lines = [
            f"{key}\t{one.seen}\t{one.digest}\t{one.objects}"
            for key, one in self.kept.items()
            if key in self.asked
        ]
        return "\n".join([json.dumps(self.seen), *lines])

    def get(self, key: str) -> Kept | None:
        """Return a rendering, or None if it is not known."""
        self.asked.add(key)
        return self.kept.get(key)

    def add(self, key: str, seen: Seen, its_digest: str, objects: str) -> None:
        """Keep a rendering."""
        same = (n for n, known in enumerate(self.seen) if seen.items() <= known.items())
        number = next(same, len(self.seen))
        if number == len(self.seen):
            self.seen.append(seen)
        self.kept[key] = Kept(number, its_digest, objects)
        self.has_changed = True


@dataclass(eq=False)
class Renderings:
    """The renderings that a cache has, for one version of the renderer."""

    cache: Cache
    version: str
    _shelves: dict[Path, Shelf] = field(default_factory=dict)
    _there: Seen = field(default_factory=dict)  # what is there now

    def get(self, job: Job) -> tuple[str, str] | None:
        """Return the digest and the objects, as JSON, of a rendering; None if it is not known."""
        kept = self._shelf(job.folder).get(name(job))
        return (kept.digest, kept.objects) if kept else None

    def put(self, job: Job, its_digest: str, objects: str, seen: Seen) -> None:
        """Keep a rendering until it is saved; a copy of another revision is never seen again."""
        if not job.folder.is_relative_to(self.cache.top):
            return
        self._shelf(job.folder).add(name(job), seen, its_digest, objects)

    def save(self) -> None:
        """Write what is new."""
        for folder, shelf in self._shelves.items():
            if shelf.has_changed:
                self.cache.put(self._entry(folder), shelf.text())
        self._shelves.clear()
        self.cache.prune()

    def _shelf(self, folder: Path) -> Shelf:
        if folder not in self._shelves:
            text = self.cache.get(self._entry(folder))
            try:
                found = Shelf.read(text, self._is_valid) if text else Shelf()
            except (ValueError, TypeError, AttributeError):
                found = Shelf()
            self._shelves[folder] = found
        return self._shelves[folder]

    def _entry(self, folder: Path) -> str:
        return f"rendered-{digest(FORMAT, self.version, str(folder))}"

    def _is_valid(self, seen: Seen) -> bool:
        for key, value in seen.items():
            if key not in self._there:
                self._there[key] = state(key)
            if self._there[key] != value:
                return False
        return True


def name(job: Job) -> str:
    """Return what tells a rendering from others of the same folder."""
    files = sorted((str(path), text) for path, text in job.files.items())
    return digest(str(job.digest), *(part for file in files for part in file))


def state(key: str) -> str:
    """Return what is on the disk, as the renderer tells it: a file's digest, or a path's end."""
    kind, path = key[0], key[1:]
    if kind == "p":
        return os.path.realpath(path) if Path(path).exists() else ""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""
