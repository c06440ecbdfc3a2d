"""The difference between two environments, or two instants: services with another release."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import batched, permutations
from typing import Any, NamedTuple

from sqlalchemy import Connection

from api.domain import releases
from api.domain.promotions.brought import Replacement, brought
from api.domain.promotions.pending import differs
from api.domain.releases import Release

# What runs of each service on one side and on the other, None where it does not run.
Pairs = dict[str, tuple[Release | None, Release | None]]


class Difference(NamedTuple):
    """What two environments run of a service; None where it does not run."""

    service: str
    here: Release | None
    there: Release | None
    # What the newer of two releases brings, as `brought` returns it.
    changes: dict[str, Any] | None


class Differences(NamedTuple):
    """How many services run the same release in both, how many do not, and the first of these."""

    same: int
    different: int
    items: list[Difference]


def differences(connection: Connection, here: str, there: str, limit: int) -> Differences:
    """Return the services of which two environments run different releases, by name."""
    running: dict[str, dict[str, Release]] = {}
    for release in releases.running(connection, among={here, there}):
        running.setdefault(release.service, {})[release.environment] = release
    pairs = {name: (of_it.get(here), of_it.get(there)) for name, of_it in running.items()}
    return _differences(connection, pairs, limit)


def changes_over_time(
    connection: Connection, environment: str, since: datetime, until: datetime | None, limit: int
) -> Differences:
    """Return the services of which an environment runs another release than it did, by name.

    `here` is what ran at `until`, or runs now, and `there` what ran at `since`.
    """
    then, now = (_running(connection, environment, at) for at in (since, until))
    names = sorted(then.keys() | now.keys())
    return _differences(
        connection, {name: (now.get(name), then.get(name)) for name in names}, limit
    )


def _running(connection: Connection, environment: str, at: datetime | None) -> dict[str, Release]:
    found = releases.running(connection, among={environment}, at=at)
    return {release.service: release for release in found}


def _differences(connection: Connection, pairs: Pairs, limit: int) -> Differences:
    other = {
        name: (one, two)
        for name, (one, two) in pairs.items()
        if one is None or two is None or differs(one, two)
    }
    first = list(other.items())[:limit]
    changes = iter(_apart(connection, [pair for _, pair in first]))
    items = [
        Difference(name, one, two, next(changes) if one and two else None)
        for name, (one, two) in first
    ]
    return Differences(len(pairs) - len(other), len(other), items)


def _apart(
    connection: Connection, pairs: Iterable[tuple[Release | None, Release | None]]
) -> Iterator[dict[str, Any]]:
    """Yield the changes between two releases, whichever of them is the newer one."""
    found = brought(
        connection,
        [
            Replacement(one.service_id, old.version, new.version)
            for one, two in pairs
            if one and two
            for old, new in permutations((one, two))
        ],
    )
    for either in batched(found, 2):
        yield max(either, key=lambda changes: changes["change_count"])
