"""Kustomizations that include each other."""

from __future__ import annotations

from collections.abc import Iterator

from gitops import nodes
from gitops.repository import Fault, Kustomization, Repository


def cycles(repository: Repository) -> Iterator[Fault]:
    """Yield a fault for each entry that closes a cycle of includes, once."""
    done: set[Kustomization] = set()
    starts = [overlay.top for overlay in repository.overlays]
    starts += [each for _, each in sorted(repository.kustomizations.items())]
    for start in starts:
        yield from followed(repository, start, [], done)


def followed(
    repository: Repository, each: Kustomization, path: list[Kustomization], done: set[Kustomization]
) -> Iterator[Fault]:
    """Yield the cycles that are reached from a kustomization, which `path` has led to."""
    if each in done:
        return
    done.add(each)
    for included in repository.includes(each):
        if included is each or included in path:
            names = [repository.relative(one.folder) for one in (*path, each)]
            names = names[names.index(repository.relative(included.folder)) :]
            message = f"a cycle of includes: {' → '.join([*names, names[0]])}"
            yield Fault(each.file, line_of(each, included), message)
        else:
            yield from followed(repository, included, [*path, each], done)


def line_of(each: Kustomization, included: Kustomization) -> int:
    """Return the line of the entry that includes a kustomization."""
    for scalar in nodes.scalars(each.node):
        text = scalar.value
        if text and "\n" not in text and (each.folder / text).resolve() == included.folder:
            return nodes.line(scalar)
    return 1
