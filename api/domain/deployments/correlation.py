"""Correlation: which witnesses describe the same rollout. Pure.

The rule: two witnesses of different sources, in the same service and environment, whose spans from
start to end come within `WINDOW` of each other, and who name the same image digest, version or
commit. A commit may be abbreviated to 7 digits, a version may be or contain one, and a leading `v`
of a version does not matter. Of several that fit, those whose ends are closest go together; two
deployments of one source are never one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import combinations

from api.domain.deployments.statements import Statement
from api.domain.deployments.witnesses import Witness
from api.domain.kit.versions import canonical

WINDOW = timedelta(minutes=15)
# A deployment may wait for an approval; what began longer before another one is not looked at.
LONGEST = timedelta(hours=24)
COMMIT = re.compile(r"[0-9a-f]{7,64}")
# What separates the parts of a tag such as `main-9fceb02-1700000000`.
SEPARATOR = re.compile(r"[-_.+]")


def groups(found: Sequence[Witness]) -> list[list[Witness]]:
    """Return the witnesses, those of one rollout together."""
    group_of = {each.key: [each] for each in found}
    pairs = [
        (abs(one.ended_at - other.ended_at), abs(one.started_at - other.started_at), one, other)
        for one, other in combinations(found, 2)
        if same_rollout(one, other)
    ]
    for *_, one, other in sorted(pairs, key=lambda pair: (*pair[:2], pair[2].key, pair[3].key)):
        here, there = group_of[one.key], group_of[other.key]
        if here is there or not _sources(here).isdisjoint(_sources(there)):
            continue
        here += there
        for each in there:
            group_of[each.key] = here
    return list({id(group): group for group in group_of.values()}.values())


def same_rollout(one: Witness, other: Witness) -> bool:
    """Return whether two witnesses may describe the same rollout."""
    near = (
        one.started_at - WINDOW <= other.ended_at
        and other.started_at - WINDOW <= one.ended_at
        and abs(one.started_at - other.started_at) <= LONGEST
    )
    return near and one.key[0] != other.key[0] and _named_alike(one, other)


def _named_alike(one: Witness, other: Witness) -> bool:
    here, there = one.statements, other.statements
    if _versions(here) & _versions(there):
        return True
    if _said(here, "image_digest") & _said(there, "image_digest"):
        return True
    return any(
        mine.startswith(theirs) or theirs.startswith(mine)
        for mine in _commits(here)
        for theirs in _commits(there)
    )


def _said(statements: Iterable[Statement], name: str) -> set[str]:
    return {each.said[name] for each in statements if each.said.get(name)}


def _versions(statements: Sequence[Statement]) -> set[str]:
    return set(map(canonical, _said(statements, "version")))


def _commits(statements: Sequence[Statement]) -> set[str]:
    """Return the commits, and those that the versions name: `9fceb02`, `sha-9fceb02`.

    A part of digits only is a time or a number, not an abbreviated commit.
    """
    stated = _said(statements, "version")
    parts = {part for version in stated for part in SEPARATOR.split(version) if not part.isdigit()}
    return _said(statements, "commit") | set(filter(COMMIT.fullmatch, parts | stated))


def _sources(group: Iterable[Witness]) -> set[str]:
    return {each.key[0] for each in group}
