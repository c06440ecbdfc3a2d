"""The changes that a release brings where another one runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from api.domain.changes import versions
from api.domain.changes.versions import KnownVersion
from api.tables import changes

# A reviewer reads the newest ones; the count says how many there are.
MAX_CHANGES = 100
FIELDS = ("id", "commit", "committed_at", "author", "title", "version")


def brought(
    connection: Connection,
    service_id: UUID,
    known: Mapping[str, KnownVersion],
    old: str | None,
    new: str,
) -> dict[str, Any]:
    """Return the changes that `new` brings where `old` runs, newest first, and how many they are.

    `known` are the versions of the service that have known changes. At most MAX_CHANGES are listed.
    """
    latest = {version: versions_of.latest for version, versions_of in known.items()}
    order = versions.ordering(latest, [new, *([old] if old else [])])
    found = _between(latest, order, old, new) & known.keys()
    if not found:
        return {"change_count": 0, "changes": []}
    rows = connection.execute(
        select(*(changes.c[name] for name in FIELDS))
        .where(changes.c.service_id == service_id, changes.c.version.in_(found))
        .order_by(changes.c.committed_at.desc(), changes.c.id.desc())
        .limit(MAX_CHANGES)
    ).mappings()
    count = sum(known[version].changes for version in found)
    return {"change_count": count, "changes": [dict(row) for row in rows]}


def _between(latest: Iterable[str], order: versions.Order, old: str | None, new: str) -> set[str]:
    """Return the versions that `new` brings where `old` is: only itself if that is not known."""
    top, bottom = order(new), order(old) if old else ()
    if top is None or bottom is None:
        return {new}
    places = {version: order(version) for version in latest}
    return {version for version, place in places.items() if place and bottom < place <= top}
