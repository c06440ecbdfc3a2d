"""Versions: those that succeeded before a window, and the changes of those delivered in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import batched
from uuid import UUID

from sqlalchemy import Connection, and_, func, select

from api.domain.deployments.model import Kind, Status
from api.domain.dora.loading.stretches import Scope
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.records import Change
from api.tables import changes, deployments

# The number of versions in one statement.
BATCH = 1000


class ByService[T](Mapping[str, T]):
    """A mapping from service name to a value that is read from the database on each access."""

    def __init__(self, ids: Mapping[str, UUID], read: Callable[[UUID], T]) -> None:
        self._ids, self._read = ids, read

    def __getitem__(self, service: str) -> T:
        return self._read(self._ids[service])

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


def succeeded_before(
    connection: Connection, scope: Scope, window: Window, service_id: UUID
) -> set[str]:
    """Return the versions of a service that had succeeded before the window."""
    table = deployments.c
    success = and_(table.status == Status.SUCCEEDED, table.kind != Kind.RESYNC)
    # The first success of each version: in this form, both databases scan the index of versions.
    statement = (
        select(table.version)
        .where(table.service_id == service_id, table.environment_id.in_(scope.environments))
        .group_by(table.service_id, table.environment_id, table.version)
        .having(func.min(table.finished_at).filter(success) < window.since)
    )
    return set(connection.execute(statement).scalars())


def changes_of(
    connection: Connection, scope: Scope, versions: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[Change]]:
    """Return the changes of these versions, by service name and version."""
    wanted = set(versions)
    found: dict[tuple[str, str], list[Change]] = defaultdict(list)
    for batch in batched(sorted({version for _, version in wanted}), BATCH):
        statement = select(
            changes.c.service_id, changes.c.version, changes.c.commit, changes.c.committed_at
        ).where(changes.c.version.in_(batch), scope.of_service(changes))
        for row in connection.execute(statement).all():
            key = (scope.services[row.service_id], row.version)
            if key in wanted:
                found[key].append(Change(row.commit, row.version, row.committed_at))
    return found
