"""The order of a service's versions: which one contains the changes of which.

Where every version is a SemVer, that is their order (semver.org, section 11). Otherwise the commit
time of a version's latest change is: on one line of development the later one contains the earlier.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

# Tags have a v. Build metadata has no place in the order: what differs in nothing else is the same.
SEMVER = re.compile(
    r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+[0-9A-Za-z.-]+)?",
    re.ASCII,
)

# What sorts a service's versions; None for one whose place is not known.
Precedence = tuple[Any, ...]
Order = Callable[[str], Precedence | None]


class KnownVersion(NamedTuple):
    """How many changes a version is known to bring, and when the latest of them was committed."""

    changes: int
    latest: datetime


def ordering(latest_commits: Mapping[str, datetime], others: Collection[str] = ()) -> Order:
    """Return how a service's versions are ordered.

    `latest_commits` has the commit time of the latest change of each version that has changes;
    `others` are versions that must be comparable with them.
    """
    if all(precedence(version) for version in (*latest_commits, *others)):
        return precedence
    return lambda version: (latest_commits[version],) if version in latest_commits else None


@lru_cache(maxsize=10_000)
def precedence(version: str) -> Precedence | None:
    """Return what a version compares by (semver.org, section 11); None if it is no SemVer."""
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
        tuple((0, int(each), "") if each.isdigit() else (1, 0, each) for each in identifiers),
    )
