"""Correlation: which witnesses describe the same rollout. Pure.

The rule: two witnesses of different sources, in the same service and environment, at least one of
which an event has told of, whose spans from start to end come within `WINDOW` of each other, and
who name the same image digest, version or commit. A commit may be abbreviated to 7 digits, a
version may be or contain one, and a leading `v` of a version does not matter. Of several that fit,
only those go together that are each other's closest, by their ends; two deployments of one source
are never one.

So what a witness belongs to depends on those near it, and not on the history of a tag that is used
again and again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from api.domain.deployments.statements import Statement
from api.domain.deployments.witnesses import Witness
from api.domain.kit.versions import COMMIT, SHORTEST_COMMIT, canonical

WINDOW = timedelta(minutes=15)
# A deployment may wait for an approval; what began longer before another one is not looked at.
LONGEST = timedelta(hours=24)
# What separates the parts of a tag such as `main-9fceb02-1700000000`.
SEPARATOR = re.compile(r"[-_.+]")

Key = tuple[str, str]


class Pair(NamedTuple):
    """Two witnesses that may describe the same rollout; the less, the closer they are."""

    ends: timedelta
    starts: timedelta
    one: Key
    other: Key


class Neighbourhood:
    """Some witnesses of one cell, and which of them describe the same rollouts."""

    def __init__(self, found: Sequence[Witness]) -> None:
        self.witnesses = {witness.key: witness for witness in found}
        self.neighbours: dict[Key, set[Key]] = {key: set() for key in self.witnesses}
        pairs = sorted(_pairs(found))
        for pair in pairs:
            self.neighbours[pair.one].add(pair.other)
            self.neighbours[pair.other].add(pair.one)
        self.groups = _groups(found, _closest(pairs))

    def reached(self, keys: Iterable[Key]) -> list[list[Witness]]:
        """Return the groups of some witnesses, of their neighbours, and what these were part of."""
        wanted = set(keys)
        wanted |= {near for key in keys for near in self.neighbours.get(key, ())}
        home_of = [_homes(group) for group in self.groups]
        found: list[list[Witness]] = []
        waiting = list(zip(self.groups, home_of, strict=True))
        homes: set[UUID] = set()
        while True:
            joined = [
                each
                for each in waiting
                if not homes.isdisjoint(each[1]) or any(one.key in wanted for one in each[0])
            ]
            if not joined:
                return found
            waiting = [each for each in waiting if each not in joined]
            for group, here in joined:
                found.append(group)
                homes |= here

    def beside(self, groups: Iterable[Collection[Witness]]) -> list[Witness]:
        """Return the witnesses of some groups, and their neighbours."""
        keys = {witness.key for group in groups for witness in group}
        keys |= {near for key in keys for near in self.neighbours[key]}
        return [self.witnesses[key] for key in keys]


def changed(groups: Sequence[list[Witness]]) -> list[list[Witness]]:
    """Return the groups that are not what one deployment is made of already."""
    homes = [_homes(group) for group in groups]
    return [
        group
        for group, here in zip(groups, homes, strict=True)
        if len(here) != 1
        or any(
            statement.deployment_id is None for witness in group for statement in witness.statements
        )
        or sum(not here.isdisjoint(other) for other in homes) > 1
    ]


def _homes(group: Iterable[Witness]) -> set[UUID]:
    return {
        statement.deployment_id
        for witness in group
        for statement in witness.statements
        if statement.deployment_id is not None
    }


def _pairs(found: Iterable[Witness]) -> Iterator[Pair]:
    """Yield the pairs of witnesses that fit."""
    by_start = sorted(found, key=lambda witness: witness.started_at)
    names = {witness.key: Names.of(witness.statements) for witness in by_start}
    for number, one in enumerate(by_start):
        until = min(one.ended_at + WINDOW, one.started_at + LONGEST)
        for other in by_start[number + 1 :]:
            if other.started_at > until:
                break
            if (
                one.key[0] != other.key[0]
                and one.started_at - WINDOW <= other.ended_at
                and (one.of_event or other.of_event)
                and names[one.key].alike(names[other.key])
            ):
                first, second = sorted((one.key, other.key))
                ends = abs(one.ended_at - other.ended_at)
                yield Pair(ends, abs(one.started_at - other.started_at), first, second)


def _closest(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs that are each other's closest of their sources; `pairs` are sorted."""
    best: dict[tuple[Key, str], Pair] = {}
    for pair in pairs:
        best.setdefault((pair.one, pair.other[0]), pair)
        best.setdefault((pair.other, pair.one[0]), pair)
    return [
        pair
        for pair in pairs
        if best[pair.one, pair.other[0]] is pair and best[pair.other, pair.one[0]] is pair
    ]


def _groups(found: Iterable[Witness], pairs: Iterable[Pair]) -> list[list[Witness]]:
    """Return the witnesses, those of one rollout together; the closest pairs go first."""
    group_of = {witness.key: [witness] for witness in found}
    for pair in pairs:
        here, there = group_of[pair.one], group_of[pair.other]
        if here is there or not _sources(here).isdisjoint(_sources(there)):
            continue
        here += there
        for witness in there:
            group_of[witness.key] = here
    return list({id(group): group for group in group_of.values()}.values())


class Names(NamedTuple):
    """What a witness calls that which was deployed."""

    versions: set[str]
    digests: set[str]
    commits: set[str]

    @classmethod
    def of(cls, statements: Sequence[Statement]) -> Names:
        """Return the names; commits are also those that versions name: `9fceb02`, `sha-9fceb02`.

        A part of digits only is a time or a number, not an abbreviated commit.
        """
        stated = _said(statements, "version")
        parts = {part for text in stated for part in SEPARATOR.split(text) if not part.isdigit()}
        return cls(
            set(map(canonical, stated)),
            _said(statements, "image_digest"),
            _said(statements, "commit") | set(filter(COMMIT.fullmatch, parts | stated)),
        )

    @property
    def abbreviated(self) -> set[str]:
        """Return how every commit begins that may be one of these."""
        return {commit[:SHORTEST_COMMIT] for commit in self.commits}

    def alike(self, other: Names) -> bool:
        """Return whether both may name the same."""
        return (
            not self.versions.isdisjoint(other.versions)
            or not self.digests.isdisjoint(other.digests)
            or any(
                mine.startswith(theirs) or theirs.startswith(mine)
                for mine in self.commits
                for theirs in other.commits
            )
        )


def _said(statements: Iterable[Statement], name: str) -> set[str]:
    return {statement.said[name] for statement in statements if statement.said.get(name)}


def _sources(group: Iterable[Witness]) -> set[str]:
    return {witness.key[0] for witness in group}
