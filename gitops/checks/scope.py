"""Which overlays a cluster may have together, and what is in all of them.

A reference may lead from one application to another. It may not lead from one environment to
another: two overlays that have the same objects are alternatives, and what differs in their paths
names environments.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache, cached_property
from itertools import combinations, pairwise, product, starmap
from pathlib import PurePath

from gitops import applications
from gitops.checks import operators, unused
from gitops.checks.context import Context, Rendered
from gitops.environments import has_word
from gitops.kustomization import Kustomization
from gitops.objects import Object
from gitops.overlays import BASES, Overlay
from gitops.repository import ENVIRONMENTS

# Names of environments, wherever they are in a path.
MARKS = ENVIRONMENTS | {"devel", "local", "preview"}
# Names of layers, in which the overlays of one application differ without being alternatives.
LAYERS = {*BASES, "overlay", "overlays"}
# Of more overlays with one object, only neighbours are compared: they are copies of one another.
MANY = 30
WORD = re.compile(r"[\w.-]+")


class Scope:
    """The objects of a repository by name, and the overlays that each overlay can see."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._seen: dict[tuple[Rendered, Rendered], bool] = {}
        self._made: dict[Object, set[tuple[str, str, str]]] = {}
        self._texts: dict[Kustomization, set[str]] = {}

    def made(self, thing: Object) -> set[tuple[str, str, str]]:
        """Return what controllers make of an object, which many overlays may see."""
        if thing not in self._made:
            self._made[thing] = {(*what, thing.namespace) for what in operators.made(thing)}
        return self._made[thing]

    @property
    def _applied(self) -> list[Rendered]:
        return self._context.all_applied

    @cached_property
    def by_name(self) -> dict[tuple[str, str], list[tuple[Rendered, Object]]]:
        """The objects of all overlays, by kind and name."""
        found: dict[tuple[str, str], list[tuple[Rendered, Object]]] = defaultdict(list)
        for rendered in self._applied:
            for each in rendered.objects:
                found[each.kind, each.name].append((rendered, each))
        return found

    def others(self, rendered: Rendered) -> Iterator[Rendered]:
        """Yield the other overlays that a cluster may have together with one."""
        for each in self._applied:
            if each.overlay.top is not rendered.overlay.top and self.are_together(rendered, each):
                yield each

    def alternatives(self, rendered: Rendered) -> list[Rendered]:
        """Return the overlays that may be in the place of one."""
        return [other for one, other in self._alternatives if one is rendered]

    def unknown(self, rendered: Rendered) -> Iterator[str]:
        """Yield the names of such overlays whose objects are not known at all."""
        for overlay in self._context.unknown:
            if not is_apart(self._marks(rendered.overlay.name), self._marks(overlay.name)):
                yield overlay.name

    def in_broken(self, rendered: Rendered, word: str) -> bool:
        """Tell whether a word is in the files of such an overlay that does not render."""
        own = {*rendered.overlay.tree}
        return any(
            word in self._words(part)
            for overlay in self._broken
            if not is_apart(self._marks(rendered.overlay.name), self._marks(overlay.name))
            for part in {*overlay.tree} - own
        )

    @cached_property
    def _broken(self) -> list[Overlay]:
        overlays = {*self._context.repository.overlays} - {*self._context.unknown}
        answers = self._context.all_answers
        return [each for each in overlays if each in answers and answers[each].error]

    def _words(self, part: Kustomization) -> set[str]:
        if part not in self._texts:
            self._texts[part] = {*WORD.findall(self._context.repository.text(part))}
        return self._texts[part]

    @cached_property
    def created(self) -> set[tuple[str, str]]:
        """Kind and name of what scripts of the repository create in a cluster."""
        return applications.created(self._context.repository.top)

    @cached_property
    def described(self) -> set[tuple[str, str]]:
        """Kind and name of what the repository's documentation says to create in a cluster."""
        return applications.described(self._context.repository.top)

    @cached_property
    def forgotten(self) -> set[tuple[str, str]]:
        """Kind and name of what is in files that no kustomization names."""
        repository = self._context.repository
        files = unused.forgotten(repository, {*unused.names(repository)})
        return {(each.kind, each.name) for _, objects in files for each in objects}

    def are_together(self, one: Rendered, other: Rendered) -> bool:
        """Tell whether a cluster may have two overlays, none of which replaces the other.

        A base that nothing includes may be for any of the overlays.
        """
        if (one, other) not in self._seen:
            apart = is_apart(self._marks(one.overlay.name), self._marks(other.overlay.name))
            is_other = not apart and (one, other) not in self._alternatives
            self._seen[one, other] = is_other or self._is_spare(one)
        return self._seen[one, other]

    def _is_spare(self, rendered: Rendered) -> bool:
        """Tell whether an overlay is a base by its path, and no environment's, and not applied."""
        is_base = rendered.overlay.is_base and parts(rendered).isdisjoint(MARKS)
        return is_base and rendered.overlay.folder not in self._context.repository.applied

    def _marks(self, name: str) -> set[str]:
        return {*PurePath(name).parts} & (self._environments | MARKS)

    @cached_property
    def _environments(self) -> set[str]:
        """The parts of paths in which alternatives differ."""
        found = {part for one, other in self._alternatives for part in parts(one) ^ parts(other)}
        return found - LAYERS

    @cached_property
    def _alternatives(self) -> set[tuple[Rendered, Rendered]]:
        """The pairs of overlays of which one has at least half of its objects in the other, too."""
        shared: Counter[tuple[Rendered, Rendered]] = Counter()
        for holders in self.by_name.values():
            owners = list(dict.fromkeys(rendered for rendered, _ in holders))
            many = len(owners) > MANY
            pairs = pairwise(owners) if many else combinations(owners, 2)
            shared.update(pairs)
        found = {
            (one, other)
            for (one, other), count in shared.items()
            if 2 * count >= min(len(one.objects), len(other.objects))
        }
        return found | {(other, one) for one, other in found}


def is_apart(marks: set[str], others: set[str]) -> bool:
    """Tell whether two paths name different environments."""
    return bool(marks) and bool(others) and not any(starmap(is_within, product(marks, others)))


@cache
def is_within(one: str, other: str) -> bool:
    """Tell whether a name of an environment is another one, or has it: `production-fwi`."""
    return (
        one == other
        or (one in MARKS and has_word(other, one))
        or (other in MARKS and has_word(one, other))
    )


def parts(rendered: Rendered) -> set[str]:
    """Return the parts of an overlay's path."""
    return set(PurePath(rendered.overlay.name).parts)
