"""Which override overwrites another one: without it, a sentinel in the place of that is seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gitops.checks.image_entries import may_meet
from gitops.checks.tries import Tries, Users, is_error
from gitops.kustomization import Kustomization
from gitops.overlays import Overlay
from gitops.overrides import Files, Override
from gitops.repository import Repository

SUSPECTS = 20  # that are tried as what overwrites an override


@dataclass(frozen=True)
class Victim:
    """An override without effect, in one overlay, and what may overwrite it."""

    override: Override
    overlay: Overlay
    files: Files
    marked: Files  # with a sentinel in its place
    suspects: tuple[Override, ...]


def overwriters(tries: Tries, every: Users, dead: Users) -> dict[Override, Override]:
    """Return which override overwrites each of the dead ones."""
    victims = [*collected(tries, every, dead)]
    alone = seen_without(tries, [(victim, victim.suspects) for victim in victims])
    found: dict[Override, Override] = {}
    # One by one: mostly the first is it. What nothing overwrites need not be asked again, unless a
    # suspect gives the name that it looks for, or what it changes.
    left = [
        victim
        for victim, seen in zip(victims, alone, strict=True)
        if seen is not False or victim.override.subject == "image"
    ]
    for number in range(SUSPECTS):
        asked = [(it, it.suspects[number : number + 1]) for it in left if number < len(it.suspects)]
        for (victim, (suspect,)), seen in zip(asked, seen_without(tries, asked), strict=True):
            if seen:
                found[victim.override] = suspect
        left = [victim for victim in left if victim.override not in found]
    for victim, seen in zip(victims, alone, strict=True):
        if seen and victim.override not in found:
            # Several overwrite it, one after the other: the one that is not dead itself wins.
            its = enough(tries, victim)
            found[victim.override] = next((one for one in its if one not in dead), its[-1])
    return found


def enough(tries: Tries, victim: Victim) -> Sequence[Override]:
    """Return the suspects each of which overwrites an override without the others."""
    suspects = victim.suspects
    rests = [tuple(one for one in suspects if one is not only) for only in suspects]
    seen = seen_without(tries, [(victim, rest) for rest in rests])
    return [it for it, is_seen in zip(suspects, seen, strict=True) if is_seen is False] or suspects


def collected(tries: Tries, every: Users, dead: Users) -> Iterator[Victim]:
    """Yield the dead overrides that may have a sentinel and suspects, each in its first overlay."""
    for override, (overlay, *_) in dead.items():
        if tries.certainty.misses(override, overlay):
            continue
        files = tries.least(overlay, override)
        marked, suspects = override.marked(files), suspected(every, override, overlay)
        if marked is not None and suspects:
            yield Victim(override, overlay, files, marked, tuple(suspects))


def seen_without(
    tries: Tries, asked: list[tuple[Victim, tuple[Override, ...]]]
) -> list[bool | None]:
    """Tell for each victim whether its sentinel is seen without some suspects.

    None if nobody can tell, as nothing renders without them.
    """
    questions: list[tuple[Overlay, Files]] = []
    for it, suspects in asked:
        questions.append((it.overlay, without_all(it.files, suspects)))
        questions.append((it.overlay, without_all(it.marked, suspects)))
    digests = tries.digests(questions)
    return [
        True if plain != marked else None if is_error(plain) else False
        for plain, marked in zip(digests[::2], digests[1::2], strict=True)
    ]


def suspected(every: Users, override: Override, overlay: Overlay) -> list[Override]:
    """Return the other overrides of an overlay that set the same."""
    found = [
        other
        for other, users in every.items()
        if other is not override
        and overlay in users
        and other.subject == override.subject
        and may_meet(override, other)
    ]
    return found[:SUSPECTS]


def without_all(files: Files, overrides: Sequence[Override]) -> Files:
    """Return the files without some overrides: the last of a list first, so that none moves."""
    for override in reversed(overrides):
        files = override.taken_away(files)
    return files


def is_default(
    repository: Repository, override: Override, other: Override, overlay: Overlay
) -> bool:
    """Tell whether an override is in a base, and the other one in what extends that base.

    So is one in a file that several kustomizations name, if the other one is in one of them alone.
    """
    all_inner, all_outer = owners(repository, override), owners(repository, other)
    if all_outer < all_inner:
        return True
    inner, outer = all_inner & {*overlay.tree}, all_outer & {*overlay.tree}
    below = {part for top in outer for part in repository.tree(top)}
    return (
        inner.isdisjoint(outer)
        and inner <= below
        and not any(part.is_component for part in (*inner, *outer))
    )


def are_apart(repository: Repository, override: Override, other: Override) -> bool:
    """Tell whether no kustomization has both of two overrides."""
    return owners(repository, override).isdisjoint(owners(repository, other))


def owners(repository: Repository, override: Override) -> set[Kustomization]:
    """Return the kustomizations that have an override, in themselves or in a file of theirs."""
    return {
        each
        for each in repository.kustomizations.values()
        if override.file in (each.file, *each.files())
    }
