"""Which override overwrites another one: without it, a sentinel in the place of that is seen."""

from __future__ import annotations

from gitops.checks.tries import Tries, Users
from gitops.kustomization import Kustomization
from gitops.overrides import Files, Override
from gitops.repository import Overlay, Repository

SUSPECTS = 20  # that are tried as what overwrites an override


def overwriters(tries: Tries, every: Users, dead: Users) -> dict[Override, Override]:
    """Return which override overwrites each of the dead ones."""
    asked: list[tuple[Override, Override]] = []
    questions: list[tuple[Overlay, Files]] = []
    for override, overlays in dead.items():
        overlay, files = overlays[0], tries.least(overlays[0], override)
        marked = override.marked(files)
        suspects = suspected(every, override, overlay)
        if marked is None or not suspects:
            continue
        # Several may overwrite it, one after the other: then the one that is not dead itself wins.
        winner = next((one for one in suspects if one not in dead), suspects[-1])
        attempts = [(one, [one]) for one in suspects] + [(winner, suspects)]
        for name, taken in attempts:
            asked.append((override, name))
            questions += [
                (overlay, without_all(files, taken)),
                (overlay, without_all(marked, taken)),
            ]
    digests = tries.digests(questions)
    found: dict[Override, Override] = {}
    for (override, other), plain, marked_ in zip(asked, digests[::2], digests[1::2], strict=True):
        if plain != marked_:
            found.setdefault(override, other)
    return found


def suspected(every: Users, override: Override, overlay: Overlay) -> list[Override]:
    """Return the other overrides of an overlay that set the same."""
    found = [
        other
        for other, users in every.items()
        if other is not override and overlay in users and other.subject == override.subject
    ]
    return found[:SUSPECTS]


def without_all(files: Files, overrides: list[Override]) -> Files:
    """Return the files without some overrides: the last of a list first, so that none moves."""
    for override in reversed(overrides):
        files = override.taken_away(files)
    return files


def is_default(repository: Repository, override: Override, other: Override) -> bool:
    """Tell whether an override is in a base, and the other one in what extends that base."""
    inner, outer = owners(repository, override), owners(repository, other)
    below = {part for top in outer for part in repository.tree(top)}
    return (
        inner.isdisjoint(outer)
        and inner <= below
        and not any(part.is_component for part in (*inner, *outer))
    )


def owners(repository: Repository, override: Override) -> set[Kustomization]:
    """Return the kustomizations that have an override, in themselves or in a file of theirs."""
    return {
        each
        for each in repository.kustomizations.values()
        if override.file in (each.file, *each.files())
    }
