"""Which pin is meant: by the name of an environment, an image, and the pin that is copied from."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

from gitops.environments import Environments, has_word, path
from gitops.errors import GitopsError
from gitops.overlays import Overlay
from gitops.pins import Pin, every, pins, ways
from gitops.repository import ENVIRONMENTS, Repository
from gitops.revision import Clone

MOST = 20  # names in a message


def choose(known: Environments, environment: str, image: str | None) -> Pin:
    """Return the pin of an image in an environment, or its only pin if no image is given.

    An image may be named as the manifests do it, or as it is pulled.
    Raises GitopsError if there is no such environment, or no such pin, or several.
    """
    there = pinned(known, environment)
    wanted: list[Callable[[Pin], bool]] = [
        lambda pin: image in (None, pin.image),
        lambda pin: image == pin.name,
    ]
    return only(environment, image, first(there, wanted), there)


def choose_beside(known: Environments, environment: str, here: Pin) -> Pin:
    """Return the pin in an environment that is to have the release of one in another environment.

    Of several it is the one whose path is most like that of the other; none is whose path is more
    like that of another pin of the image in the same environment.
    Raises GitopsError as `choose` does.
    """
    there = pinned(known, environment)
    wanted: list[Callable[[Pin], bool]] = [
        lambda pin: pin.image == here.image,
        lambda pin: here.name in (pin.image, pin.name),
    ]
    found = first(there, wanted)
    others = list(beside(known, here))
    own = [pin for pin in found if here.where in {each.where for each in nearest(pin, others)}]
    if found and not own:
        names = ", ".join(pin.where for pin in found)
        raise GitopsError(f"{here.where} pins {here.image}, and in {environment} only {names}")
    return only(environment, here.image, nearest(here, own), there)


def beside(known: Environments, here: Pin) -> Iterator[Pin]:
    """Yield the pins of the same image in the same environment, with the pin itself."""
    own = named(known.repository, here)
    for pin in every(known.repository):
        is_there = known.of(pin) == known.of(here) or named(known.repository, pin) == own != set()
        if pin.image == here.image and is_there:
            yield pin


def named(repository: Repository, pin: Pin) -> set[str]:
    """Return the names of environments that are words of the path of a pin's overlay."""
    return words(path(repository, pin.overlay)) & ENVIRONMENTS


def pinned(known: Environments, name: str) -> list[list[Pin]]:
    """Return the pins in an environment: those that its name is surest for, then others.

    It is the name that a ledger has, that of the overlay's folder or its path; that of another
    folder in the path; of who applies it, where several do; or a word in the path.
    Raises GitopsError if there is no such environment, or none of its own files pins an image.
    """
    repository, names = known.repository, known.names
    folder, name = Path(name).resolve(), normal(name)
    places = [(each, by) for each in repository.overlays for by in ways(repository, each)]
    ranks: list[Callable[[Overlay, str], bool]] = [
        lambda each, _: name in (each.name, each.folder.name, names[each]) or each.folder == folder,
        lambda each, _: each.is_named(name),
        lambda _, by: name == by,
        lambda each, _: has_word(each.name, name),
    ]
    named = [[place for place in places if is_of(*place)] for is_of in ranks]
    if not any(named):
        raise GitopsError(unknown(repository, name))
    found = [[pin for place in each for pin in pins(repository, *place).values()] for each in named]
    if not any(found):
        overlays = next(filter(None, named))
        raise GitopsError(unpinned(repository, name, overlays[0][0]))
    return [each for each in found if each]


def normal(name: str) -> str:
    """Return a name, or a path without what does not tell it apart."""
    return os.path.normpath(name) if name else name


def first(ranks: list[list[Pin]], wanted: list[Callable[[Pin], bool]]) -> list[Pin]:
    """Return what is wanted of the first rank that has any; what is wanted first, if one has."""
    found = ([pin for pin in rank if is_wanted(pin)] for is_wanted in wanted for rank in ranks)
    return next(filter(None, found), [])


def nearest(pin: Pin, others: list[Pin]) -> list[Pin]:
    """Return those whose paths differ in the fewest words from that of a pin."""
    own = words(pin.overlay.folder)
    apart = {each: len(own ^ words(each.overlay.folder)) for each in others}
    return [each for each in others if apart[each] == min(apart.values())]


def words(path: PurePath) -> set[str]:
    """Return the words of a path."""
    return set(re.split(r"[^a-z0-9]+", str(path).lower()))


def only(environment: str, image: str | None, found: list[Pin], there: list[list[Pin]]) -> Pin:
    """Return the only one of the pins that were found. Raises GitopsError with what there is."""
    if len(found) == 1:
        return found[0]
    if not found:
        names = ", ".join(sorted({pin.image for pin in there[0]}))
        raise GitopsError(f"{environment} does not pin {image}, but {names}")
    if len(images := sorted({pin.image for pin in found})) > 1:
        raise GitopsError(f"{environment} pins {', '.join(images)}: choose one with --image")
    names = ", ".join(pin.where for pin in found)
    how = "" if all(pin.by for pin in found) else " by its path"
    raise GitopsError(f"{names} pin {found[0].image}: name one of them{how}")


def unknown(repository: Repository, name: str) -> str:
    """Return what there is instead of an environment that no overlay is of."""
    names = [each.name for each in repository.overlays]
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    text = f"no overlay is called {name}; the overlays are {', '.join(names[:MOST])}{more}"
    try:
        is_branch = Clone.of(repository.root).has_branch(name)
    except GitopsError:
        return text
    what = "releases are copied between folders of one checkout, and branches merged"
    return f"{text}; {name} is a branch: {what}" if is_branch else text


def unpinned(repository: Repository, name: str, overlay: Overlay) -> str:
    """Return what to do about an overlay that has no pin of its own."""
    file = repository.relative(overlay.top.file)
    return f"{name}: none of its own files pins an image: write one under `images` in {file}"
