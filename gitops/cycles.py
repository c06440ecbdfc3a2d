"""Kustomizations that include each other."""

from __future__ import annotations

from collections.abc import Iterator

from gitops import nodes
from gitops.kustomization import Kustomization
from gitops.overlays import Fault
from gitops.repository import Repository


def cycles(repository: Repository) -> Iterator[Fault]:
    """Yield a fault for each entry that closes a cycle of includes, once."""
    done: set[Kustomization] = set()
    starts = [overlay.top for overlay in repository.overlays]
    starts += [kustomization for _, kustomization in sorted(repository.kustomizations.items())]
    for start in starts:
        yield from followed(repository, start, [], done)


def followed(
    repository: Repository,
    kustomization: Kustomization,
    path: list[Kustomization],
    done: set[Kustomization],
) -> Iterator[Fault]:
    """Yield the cycles that are reached from a kustomization, which `path` has led to."""
    if kustomization in done:
        return
    done.add(kustomization)
    for included in repository.includes(kustomization):
        if included is kustomization or included in path:
            names = [repository.relative(one.folder) for one in (*path, kustomization)]
            names = names[names.index(repository.relative(included.folder)) :]
            message = f"a cycle of includes: {' → '.join([*names, names[0]])}"
            yield Fault(
                kustomization.file, line_of(kustomization, included), message, is_cycle=True
            )
        else:
            yield from followed(repository, included, [*path, kustomization], done)


def line_of(kustomization: Kustomization, included: Kustomization) -> int:
    """Return the line of the entry that includes a kustomization."""
    for scalar in nodes.scalars(kustomization.node):
        text = scalar.value
        if text and "\n" not in text and (kustomization.folder / text).resolve() == included.folder:
            return nodes.line(scalar)
    return 1
