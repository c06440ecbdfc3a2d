"""Which environment each overlay is of, and which service each pin, as a ledger knows them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations
from pathlib import PurePath

from gitops.config import Config
from gitops.overlays import Overlay
from gitops.pins import Pin, every
from gitops.repository import ENVIRONMENTS, Repository

# Folders that have a folder for each environment.
CONTAINERS = {"clusters", "envs", "environments"}
Place = tuple[str, tuple[str, ...]]  # an environment, and the folders below its own


@dataclass(frozen=True)
class Environments:
    """The environment of each overlay, and the names in them that stand for several images."""

    repository: Repository
    names: dict[Overlay, str]
    placeholders: frozenset[tuple[str, str]]

    @classmethod
    def find(cls, repository: Repository) -> Environments:
        """Find them: in paths, in the list of gitops.yaml, and in what the overlays pin."""
        declared, pins = Config.read(repository.root).environments, list(every(repository))
        places = {each: place(path(repository, each), declared) for each in repository.overlays}
        same: dict[tuple[str, str, str], set[Overlay]] = defaultdict(set)
        for pin in pins:
            same[places[pin.overlay][0], pin.image, pin.name].add(pin.overlay)
        regions: dict[str, set[str]] = defaultdict(set)
        for (name, *_), overlays in same.items():
            regions[name].update(telling(overlays, places))
        names = {
            overlay: "-".join([name, *(part for part in below if part in regions[name])]).lower()
            for overlay, (name, below) in places.items()
        }
        pulled: dict[tuple[str, str], set[str]] = defaultdict(set)
        for pin in pins:
            pulled[names[pin.overlay], pin.image].add(pin.name)
        return cls(repository, names, frozenset(each for each, by in pulled.items() if len(by) > 1))

    def of(self, pin: Pin) -> str:
        """Return the environment of a pin."""
        return self.names[pin.overlay]

    def image(self, pin: Pin) -> str:
        """Return the name of a pin's image: the one it is pulled by, if the other has several."""
        is_placeholder = (self.of(pin), pin.image) in self.placeholders
        return pin.name if is_placeholder else pin.image

    def service(self, pin: Pin) -> str:
        """Return the default name of a pin's service in a ledger."""
        return service_of(self.image(pin))


def service_of(image: str) -> str:
    """Return the default name of a service in a ledger: the last part of its image's name."""
    return image.rpartition("/")[2]


def path(repository: Repository, overlay: Overlay) -> PurePath:
    """Return the path of an overlay below the top of the clone: it may be all that is read."""
    top, folder = repository.top, overlay.folder
    is_below = folder != top and folder.is_relative_to(top)
    return folder.relative_to(top) if is_below else PurePath(folder.name)


def place(path: PurePath, declared: Collection[str]) -> Place:
    """Return the environment that a path is of, and the folders below that, the innermost first.

    It is a name of gitops.yaml, else a folder that is called as environments are, or is in one for
    environments, or has such a word in its name. Otherwise it is the last folder.
    """
    parts = path.parts
    names = [*enumerate(parts)]
    for found in (
        [(i, part) for i, part in names if part in declared],
        [(i, name) for i, part in names for name in declared if has_word(part, name)],
        [(i, part) for i, part in names if part.lower() in ENVIRONMENTS],
        [(i, part) for i, part in names if i and parts[i - 1].lower() in CONTAINERS],
        [(i, part) for i, part in names if any(has_word(part, name) for name in ENVIRONMENTS)],
    ):
        if found:
            last, name = found[-1]
            return name, parts[last + 1 :]
    return parts[-1], ()


def has_word(part: str, name: str) -> bool:
    """Tell whether a name is a word of a part of a path."""
    return bool(re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", part, re.IGNORECASE))


def telling(overlays: Collection[Overlay], places: dict[Overlay, Place]) -> set[str]:
    """Return the folders that tell overlays apart which extend one base, such as regions."""
    bases = {each: {part for part in each.tree[1:] if not part.is_component} for each in overlays}
    return {
        folder
        for one, other in combinations(overlays, 2)
        if bases[one] & bases[other]
        for folder in {*places[one][1]} ^ {*places[other][1]}
    }
