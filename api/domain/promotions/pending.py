"""Promotions: what one environment runs and the next does not, and what stands in the way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from api.domain import releases
from api.domain.declarations.model import SOURCE
from api.domain.declarations.store import declared_for
from api.domain.kit.times import this_minute
from api.domain.kit.versions import alike
from api.domain.promotions.blockers import Candidate, Facts, facts
from api.domain.promotions.brought import Replacement, brought
from api.domain.releases import Release
from api.tables import environments

RUNNING = ("version", "image_digest", "commit", "since", "deployment_id")
# What runs in an environment, by service.
Running = Mapping[str, Release]
# The names of the environments from which and to which something is promoted.
Pair = tuple[str, str]


def pending(connection: Connection, upstream: str, downstream: str) -> list[dict[str, Any]]:
    """Return what `upstream` runs and `downstream` does not, one item for each service.

    Versions and images are compared; the configuration is each environment's own. A version that
    `downstream` had and replaced since is listed too, and blocked.
    """
    return _told(connection, _candidates(connection, [(upstream, downstream)]))


def made_pending(
    connection: Connection, steps: Collection[Pair], services: Collection[str], by: Collection[UUID]
) -> Iterator[tuple[Pair, dict[str, Any]]]:
    """Yield what waits for these steps since deployments of some services, `by` their ids.

    That takes as many statements for any number of steps and services as for one.
    """
    found = [
        candidate
        for candidate in _candidates(connection, steps, services)
        if candidate.upstream.deployment_id in by
    ]
    for candidate, item in zip(found, _told(connection, found), strict=True):
        yield (candidate.upstream.environment, candidate.downstream_name), item


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


def waiting(upstream: Running, downstream: Running) -> Iterator[Release]:
    """Yield what runs upstream and not downstream, in the order of `upstream`."""
    for service, here in upstream.items():
        there = downstream.get(service)
        if there is None or differs(here, there):
            yield here


def candidates(
    waits: Iterable[Release], downstream: Running, downstream_name: str, downstream_id: UUID
) -> list[Candidate]:
    """Return what waits for an environment, each with what runs of it there."""
    return [
        Candidate(
            here.service_id,
            here,
            here.environment_id,
            downstream.get(here.service),
            downstream_id,
            downstream_name,
        )
        for here in waits
    ]


def _candidates(
    connection: Connection, steps: Collection[Pair], services: Collection[str] | None = None
) -> list[Candidate]:
    names = {name for step in steps for name in step}
    running: dict[str, dict[str, Release]] = {name: {} for name in names}
    for release in releases.running(connection, names, services):
        running[release.environment][release.service] = release
    found = select(environments.c.name, environments.c.id).where(environments.c.name.in_(names))
    identifiers = {row.name: row.id for row in connection.execute(found)}
    return [
        candidate
        for upstream, downstream in steps
        if downstream in identifiers
        for there in [running[downstream]]
        for candidate in candidates(
            waiting(running[upstream], there), there, downstream, identifiers[downstream]
        )
    ]


def _told(connection: Connection, found: Sequence[Candidate]) -> list[dict[str, Any]]:
    changes = brought(connection, [_replacement(candidate) for candidate in found])
    return [
        {**waits, **of_it} for waits, of_it in zip(items(connection, found), changes, strict=True)
    ]


def items(connection: Connection, candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    """Return what waits and what blocks it, without the changes that it brings."""
    known = facts(connection, candidates)
    return [_item(*both) for both in zip(candidates, known, strict=True)]


def _item(candidate: Candidate, known: Facts) -> dict[str, Any]:
    here = candidate.upstream
    return {
        "service": here.service,
        **_running(here),
        "waiting_since": here.since,
        "age_seconds": max(0, int((this_minute() - here.since).total_seconds())),
        "replaces": None if candidate.downstream is None else _running(candidate.downstream),
        "blockers": [blocker._asdict() for blocker in known.blockers(candidate)],
    }


def _running(release: Release) -> dict[str, Any]:
    return {name: getattr(release, name) for name in RUNNING}


def _place(declared: dict[str, Any] | None) -> dict[str, str] | None:
    return None if declared is None else {name: declared[name] for name in SOURCE}


def differs(here: Release, there: Release) -> bool:
    """Return whether two environments run different releases.

    An image that got another tag on its way is the same one.
    """
    one, other = here.image_digest, there.image_digest
    return one != other if one and other else not alike(here, there)


def _replacement(candidate: Candidate) -> Replacement:
    old = candidate.downstream.version if candidate.downstream else None
    return Replacement(candidate.id, old, candidate.upstream.version)
