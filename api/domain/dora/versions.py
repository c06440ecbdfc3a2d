"""Versions: which of a service's versions come before which."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from api.domain.dora.records import KnownVersion

# Semantic Versioning 2.0.0 without build metadata, which has no place in its order; tags have a v.
SEMVER = re.compile(
    r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?",
    re.ASCII,
)

# Where a version stands among a service's; only places of one service compare.
Place = tuple[Any, ...]


def order(known: Mapping[str, KnownVersion]) -> Callable[[str], Place | None]:
    """Return what tells the place of a service's version, or None for one that has none.

    SemVer precedence if every version with known changes is one; otherwise the time of the latest
    commit, which only they have. `v1.2.3` and `1.2.3` are one version.
    """
    places = {version: precedence(version) for version in known}
    if None not in places.values():
        return lambda version: places.get(version) or precedence(version)
    return lambda version: (known[version].latest,) if version in known else None


def precedence(version: str) -> Place | None:
    """Return what a version compares by (semver.org, item 11); None if it is no SemVer."""
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
