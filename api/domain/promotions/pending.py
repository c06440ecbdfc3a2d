"""Promotions: what one environment runs and the next does not, and what stands in the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from api.domain import matrix
from api.domain.changes import versions
from api.domain.changes.store import known_versions
from api.domain.declarations.model import SOURCE
from api.domain.declarations.store import declared_for
from api.domain.kit.times import this_minute
from api.domain.kit.versions import same
from api.domain.promotions.blockers import Candidate, Facts, facts
from api.tables import changes, environments

# What runs in an environment, by service: cells of the matrix.
Running = Mapping[str, dict[str, Any]]
# A reviewer reads the newest ones; the count says how many there are.
MAX_CHANGES = 100
CHANGE_FIELDS = ("id", "commit", "committed_at", "author", "title", "version")


def pending(
    connection: Connection, upstream: str, downstream: str, service: str | None = None
) -> list[dict[str, Any]]:
    """Return what `upstream` runs and `downstream` does not, one item for each service, or for one.

    Versions and images are compared; the configuration is each environment's own. A version that
    `downstream` had and replaced since is listed too, and blocked.
    """
    candidates = list(_waiting(connection, upstream, downstream, service))
    known = facts(connection, candidates)
    return [
        {**item(candidate, known), **_changes(connection, candidate)} for candidate in candidates
    ]


def with_folders(
    connection: Connection, downstream: str, items: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return pending promotions, each with the folder that declares it for `downstream`."""
    declared = {cell["service"]: cell for cell in declared_for(connection, downstream)}
    return [{**item, "declared_in": _place(declared.get(item["service"]))} for item in items]


def unknown(connection: Connection, names: set[str]) -> set[str]:
    """Return the names that no environment has."""
    found = select(environments.c.name).where(environments.c.name.in_(names))
    return names - set(connection.execute(found).scalars())


def waiting(
    upstream: Running, downstream: Running, downstream_name: str, downstream_id: UUID
) -> Iterator[Candidate]:
    """Yield what runs upstream and not downstream, in the order of `upstream`."""
    for service, here in upstream.items():
        there = downstream.get(service)
        if there is None or differs(here, there):
            places = here["environment_id"], there, downstream_id, downstream_name
            yield Candidate(here["service_id"], here, *places)


def _waiting(
    connection: Connection, upstream: str, downstream: str, service: str | None
) -> Iterator[Candidate]:
    running: dict[str, dict[str, dict[str, Any]]] = {upstream: {}, downstream: {}}
    for cell in matrix.running(connection, among=running, service=service):
        running[cell["environment"]][cell["service"]] = cell
    found = select(environments.c.id).where(environments.c.name == downstream)
    downstream_id: UUID | None = connection.execute(found).scalar()
    if downstream_id is not None:
        yield from waiting(running[upstream], running[downstream], downstream, downstream_id)


def item(candidate: Candidate, known: Facts) -> dict[str, Any]:
    """Return what waits and what blocks it, without the changes that it brings."""
    here = candidate.upstream
    since: datetime = here["since"]
    return {
        "service": here["service"],
        **_running(here),
        "waiting_since": since,
        "age_seconds": max(0, int((this_minute() - since).total_seconds())),
        "replaces": None if candidate.downstream is None else _running(candidate.downstream),
        "blockers": [blocker._asdict() for blocker in known.blockers(candidate)],
    }


def _running(cell: dict[str, Any]) -> dict[str, Any]:
    return {
        name: cell[name] for name in ("version", "image_digest", "commit", "since", "deployment_id")
    }


def _place(declared: dict[str, Any] | None) -> dict[str, str] | None:
    return None if declared is None else {name: declared[name] for name in SOURCE}


def differs(here: Mapping[str, Any], there: Mapping[str, Any]) -> bool:
    """Return whether two environments run different releases."""
    digests = {here["image_digest"], there["image_digest"]} - {None}
    return bool(not same(here["version"], there["version"]) or len(digests) > 1)


def _changes(connection: Connection, candidate: Candidate) -> dict[str, Any]:
    """Return the changes that the promotion brings, newest first, and how many they are."""
    known = known_versions(connection, candidate.id)
    new = candidate.upstream["version"]
    old = candidate.downstream["version"] if candidate.downstream else None
    latest = {version: versions_of.latest for version, versions_of in known.items()}
    order = versions.ordering(latest, [new, *([old] if old else [])])
    brought = _between(latest, order, old, new) & known.keys()
    if not brought:
        return {"change_count": 0, "changes": []}
    rows = connection.execute(
        select(*(changes.c[name] for name in CHANGE_FIELDS))
        .where(changes.c.service_id == candidate.id, changes.c.version.in_(brought))
        .order_by(changes.c.committed_at.desc(), changes.c.id.desc())
        .limit(MAX_CHANGES)
    ).mappings()
    count = sum(known[version].changes for version in brought)
    return {"change_count": count, "changes": [dict(row) for row in rows]}


def _between(latest: Iterable[str], order: versions.Order, old: str | None, new: str) -> set[str]:
    """Return the versions that `new` brings where `old` is: only itself if that is not known."""
    top, bottom = order(new), order(old) if old else ()
    if top is None or bottom is None:
        return {new}
    places = {version: order(version) for version in latest}
    return {version for version, place in places.items() if place and bottom < place <= top}
