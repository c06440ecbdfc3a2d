"""The order of a service's versions: a version contains the changes of all that precede it.

If every version is a semantic version, their order is that of semver.org, section 11. Otherwise
they are ordered by the commit time of their latest change, which assumes a single branch. A leading
`v` before a number does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from api.domain.kit.versions import canonical

# Tags may have a leading v. Build metadata does not affect precedence (semver.org, section 10).
SEMVER = re.compile(
    r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+[0-9A-Za-z.-]+)?",
    re.ASCII,
)

# A sort key of versions; None if the position of a version is unknown.
Precedence = tuple[Any, ...]
Order = Callable[[str], Precedence | None]


class KnownVersion(NamedTuple):
    """The number of known changes of a version, and the commit time of the latest of them."""

    changes: int
    latest: datetime


def ordering(latest_commits: Mapping[str, datetime], others: Collection[str] = ()) -> Order:
    """Return the function that gives each version of a service its sort key.

    `latest_commits` is the commit time of the latest change of each version that has changes;
    `others` are versions without changes that must be comparable with them.
    """
    if all(precedence(version) for version in (*latest_commits, *others)):
        return precedence
    latest: dict[str, datetime] = {}
    for version, at in latest_commits.items():
        name = canonical(version)
        latest[name] = max(latest.get(name, at), at)
    return lambda version: (latest[name],) if (name := canonical(version)) in latest else None


def sort_key(version: str) -> str:
    """Return a text that sorts by its bytes as `precedence` does; empty if a version has none."""
    place = precedence(version)
    if place is None:
        return ""
    numbers, *pre_release = place[0], *place[2:]
    core = "".join(_sortable(number) for number in numbers)
    if not pre_release:
        return f"{core}~"  # after every character of a pre-release
    # The space is before every character: what another one continues comes before that one.
    return core + "".join(
        f"{kind}{text or _sortable(number)} " for kind, number, text in pre_release[0]
    )


def _sortable(number: int) -> str:
    """Return a number after the number of its digits, which are at most 128."""
    return f"{len(str(number)):03}{number}"


@lru_cache(maxsize=10_000)
def precedence(version: str) -> Precedence | None:
    """Return the sort key of a semantic version (semver.org, section 11); None for any other."""
    found = SEMVER.fullmatch(version)
    if found is None:
        return None
    major, minor, patch, pre_release = found.groups()
    numbers = (int(major), int(minor), int(patch))
    if pre_release is None:
        return (numbers, True)  # a release comes after its pre-releases
    identifiers = pre_release.split(".")
    return (
        numbers,
        False,
        tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in identifiers),
    )
