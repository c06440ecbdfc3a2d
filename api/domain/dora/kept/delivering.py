"""Keeps what each deployment was the first to deliver, and the lead times of those changes.

What a deployment delivers first depends on all before it. So what changes can concern the first
deployment that has it, and all that follow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import batched
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Delete, Select, Table, Uuid, bindparam, delete, select

from api.domain.changes.store import known_versions_of
from api.domain.dora.kept import scopes, since
from api.domain.dora.kept.changed import Changed
from api.domain.dora.kept.successes import SINCE, Part, first_successes, parts, successes
from api.domain.dora.rules.first_deliveries import FirstDelivery, Success, deliveries_of
from api.domain.kit.records import upsert
from api.domain.kit.sql import one_of
from api.tables import changes, first_deliveries, lead_times

# How many versions are in one statement, and how many rows are inserted at once.
BATCH = 1_000
# The deployment that delivered a version of a service first.
Delivered = Mapping[tuple[UUID, str], Success]


def refresh(connection: Connection, changed: Changed) -> None:
    """Compute anew the deliveries that changes can concern."""
    if changed.production:
        for table in (first_deliveries, lead_times):
            connection.execute(delete(table).where(table.c.scope_id == scopes.PRODUCTION))
    for scope, of_services in since.earliest(connection, changed).items():
        for part in parts(connection, scope, of_services):
            _compute(connection, part)


def _compute(connection: Connection, part: Part) -> None:
    for table in (first_deliveries, lead_times):
        connection.execute(_deletion(connection.dialect.name, table), part.values)
    found = list(_deliveries(connection, part))
    _write(connection, first_deliveries, (_row(part, *each) for each in found))
    delivered = {
        (service_id, version): success
        for service_id, success, delivery in found
        for version in delivery.versions
    }
    _write(connection, lead_times, _leads(connection, part, delivered))


@cache
def _deletion(dialect: str, table: Table) -> Delete:
    return delete(table).where(
        table.c.scope_id == bindparam("scope_id", type_=Uuid),
        one_of(dialect, table.c.service_id, "services"),
        table.c.finished_at >= SINCE,
    )


def _deliveries(
    connection: Connection, part: Part
) -> Iterator[tuple[UUID, Success, FirstDelivery]]:
    """Yield what each success of some services delivers first, unless there is nothing to say."""
    following = successes(connection, part)
    first = first_successes(connection, part.scope, following)
    known = known_versions_of(connection, following)
    for service_id, of_it in following.items():
        before = {version for version, at in first[service_id].items() if at < part.since}
        for success, delivery in deliveries_of(of_it, before, known[service_id]):
            if delivery.says_something:
                yield service_id, success, delivery


def _row(part: Part, service_id: UUID, success: Success, delivery: FirstDelivery) -> dict[str, Any]:
    return {
        "scope_id": part.scope.id,
        "deployment_id": success.id,
        "service_id": service_id,
        "finished_at": success.moment,
        "new_version": delivery.new_version,
        "changes_known": delivery.changes_known,
        "earlier_changes": delivery.earlier_changes,
    }


def _leads(connection: Connection, part: Part, delivered: Delivered) -> Iterator[dict[str, Any]]:
    """Yield the lead time of each change of the versions that were delivered."""
    services: dict[str, set[UUID]] = defaultdict(set)
    for service_id, version in delivered:
        services[version].add(service_id)
    statement = _changes(connection.dialect.name)
    for batch in batched(sorted(services), BATCH):
        here = {service_id for version in batch for service_id in services[version]}
        values = {"services": [*here], "versions": [*batch]}
        for change in connection.execute(statement, values).all():
            success = delivered.get((change.service_id, change.version))
            if success is not None:
                yield _lead(part, success, change)


@cache
def _changes(dialect: str) -> Select[Any]:
    columns = (changes.c.id, changes.c.service_id, changes.c.version, changes.c.committed_at)
    return select(*columns).where(
        one_of(dialect, changes.c.service_id, "services"),
        one_of(dialect, changes.c.version, "versions"),
    )


def _lead(part: Part, success: Success, change: Any) -> dict[str, Any]:
    return {
        "scope_id": part.scope.id,
        "change_id": change.id,
        "deployment_id": success.id,
        "service_id": change.service_id,
        "finished_at": success.moment,
        "seconds": (success.moment - change.committed_at).total_seconds(),
    }


def _write(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    for batch in batched(rows, BATCH):
        # A row of the service that a deployment had before may come in a later part.
        upsert(connection, table, batch)
