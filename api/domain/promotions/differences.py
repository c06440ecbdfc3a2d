"""The difference between two environments: the services that do not run the same release."""

from __future__ import annotations

from itertools import permutations
from typing import Any, NamedTuple

from sqlalchemy import Connection

from api.domain import matrix
from api.domain.changes.store import known_versions
from api.domain.promotions.brought import brought
from api.domain.promotions.pending import differs


class Difference(NamedTuple):
    """What two environments run of a service; None where it does not run."""

    service: str
    here: dict[str, Any] | None
    there: dict[str, Any] | None
    # What the newer of two releases brings, as `brought` returns it.
    changes: dict[str, Any] | None


class Differences(NamedTuple):
    """How many services run the same release in both, how many do not, and the first of these."""

    same: int
    different: int
    items: list[Difference]


def differences(connection: Connection, here: str, there: str, limit: int) -> Differences:
    """Return the services of which two environments run different releases, by name."""
    running: dict[str, dict[str, dict[str, Any]]] = {}
    for cell in matrix.running(connection, among={here, there}):
        running.setdefault(cell["service"], {})[cell["environment"]] = cell
    pairs = {name: (cells.get(here), cells.get(there)) for name, cells in running.items()}
    other = {
        name: (one, two)
        for name, (one, two) in pairs.items()
        if one is None or two is None or differs(one, two)
    }
    first = list(other.items())[:limit]
    items = [
        Difference(name, one, two, _apart(connection, one, two) if one and two else None)
        for name, (one, two) in first
    ]
    return Differences(len(pairs) - len(other), len(other), items)


def _apart(connection: Connection, one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """Return the changes between two releases, whichever of them is the newer one."""
    known = known_versions(connection, one["service_id"])
    either = permutations((one["version"], two["version"]))
    found = [brought(connection, one["service_id"], known, old, new) for old, new in either]
    return max(found, key=lambda changes: changes["change_count"])
