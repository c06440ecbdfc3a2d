"""The order of a service's versions: which one contains the changes of which.

Where every version is a SemVer, that is their order (semver.org, section 11). Otherwise the commit
time of a version's latest change is: on one line of development the later one contains the earlier.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

SEMVER = re.compile(
    r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
    r"(?:\+[0-9A-Za-z.-]+)?",
    re.ASCII,
)
# Sorts versions; None for one whose place is not known.
Order = Callable[[str], Any]


def ordering(latest_commits: Mapping[str, datetime], others: Collection[str] = ()) -> Order:
    """Return how a service's versions are ordered.

    `latest_commits` has the commit time of the latest change of each version that has changes;
    `others` are versions that must be comparable with them.
    """
    if all(SEMVER.fullmatch(version) for version in (*latest_commits, *others)):
        return semver
    return latest_commits.get


def semver(version: str) -> tuple[Any, ...] | None:
    """Return what sorts SemVer versions, or None for what is none; a leading v does not matter."""
    parts = SEMVER.fullmatch(version)
    if parts is None:
        return None
    # A version comes after its own pre-releases, and numbers before words.
    before = [
        (0, int(each), "") if each.isdecimal() else (1, 0, each)
        for each in (parts[4] or "").split(".")
        if each
    ]
    return (int(parts[1]), int(parts[2]), int(parts[3]), not before, before)
