"""Since when the deliveries of a service are other ones, after what has changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from itertools import batched, chain
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, Uuid, bindparam, func, select

from api.domain.changes.store import known_versions
from api.domain.changes.versions import ordering, precedence
from api.domain.dora.kept import scopes
from api.domain.dora.kept.changed import Changed
from api.domain.dora.kept.scopes import DeliveryScope
from api.domain.dora.kept.successes import first_successes
from api.domain.dora.rules.periods import EARLIEST, LATEST
from api.domain.kit.sql import one_of
from api.domain.kit.versions import canonical, spellings
from api.tables import changes, services

# How many versions are in one statement.
BATCH = 1_000
# To look for the first deployment that a change can concern pays for few services.
FEW = 20
Since = tuple[DeliveryScope, UUID, datetime]


def earliest(connection: Connection, changed: Changed) -> dict[DeliveryScope, dict[UUID, datetime]]:
    """Return the services whose deliveries may be other ones, and since when, by scope."""
    every = scopes.every(connection)
    found: dict[DeliveryScope, dict[UUID, datetime]] = defaultdict(dict)
    for scope, service_id, since in chain(
        _of_cells(changed, every),
        _of_versions(connection, changed, every),
        _of_production(connection, every) if changed.production else (),
    ):
        found[scope][service_id] = min(found[scope].get(service_id, since), since)
    return found


def _of_cells(changed: Changed, every: Collection[DeliveryScope]) -> Iterator[Since]:
    for cell, spans in changed.cells.items():
        # Also one whose environment was deleted meanwhile.
        for scope in {*every, DeliveryScope.of_one(cell.environment_id)}:
            if cell.environment_id in scope.environments:
                yield scope, cell.service_id, min(spans).since


def _of_versions(
    connection: Connection, changed: Changed, every: Collection[DeliveryScope]
) -> Iterator[Since]:
    few = len(changed.versions) <= FEW
    for service_id, written in changed.versions.items():
        for scope in every:
            since = _first_with(connection, scope, service_id, written) if few else EARLIEST
            if since is not None:
                yield scope, service_id, since


def _of_production(connection: Connection, every: Collection[DeliveryScope]) -> Iterator[Since]:
    known = connection.execute(select(services.c.id)).scalars().all()
    for scope in every:
        if scope.id == scopes.PRODUCTION:
            yield from ((scope, service_id, EARLIEST) for service_id in known)


def _first_with(
    connection: Connection,
    scope: DeliveryScope,
    service_id: UUID,
    written: Mapping[str, datetime],
) -> datetime | None:
    """Return when a deployment first succeeded whose deliveries some versions can concern.

    `written` has the earliest commit that was written of each version. A version that comes after a
    deployment's own has no part in what that and those before it delivered.
    """
    found = first_successes(connection, scope, [service_id])[service_id]
    if not found:
        return None
    known = known_versions(connection, service_id)
    latest = {version: changed.latest for version, changed in known.items()}
    lowest: Any
    if any(precedence(version) is None for version in latest.keys() - written):
        # They are ordered by their commits, and were before.
        spelled = {text for version in written for text in spellings(version)}
        lowest = (min(_first_commit(connection, service_id, spelled), *written.values()),)
    elif all(precedence(version) for version in written):
        lowest = min(filter(None, map(precedence, written)))
    else:  # it may be that they were ordered otherwise
        return min(found.values())
    order, names = ordering(latest), set(map(canonical, written))
    concerned = [
        first
        for version, first in found.items()
        if canonical(version) in names
        or ((place := order(version)) is not None and place >= lowest)
    ]
    return min(concerned, default=None)


def _first_commit(connection: Connection, service_id: UUID, versions: Iterable[str]) -> datetime:
    """Return the time of the first commit of any of some versions."""
    statement = _earliest_commit(connection.dialect.name)
    found = [
        connection.execute(statement, {"service_id": service_id, "versions": [*batch]}).scalar()
        for batch in batched(sorted(versions), BATCH)
    ]
    return min(filter(None, found), default=LATEST)


@cache
def _earliest_commit(dialect: str) -> Select[Any]:
    return select(func.min(changes.c.committed_at)).where(
        changes.c.service_id == bindparam("service_id", type_=Uuid),
        one_of(dialect, changes.c.version, "versions"),
    )
