"""Recording of changes: a batch is stored completely or not at all, in a few SQL statements.

A change is identified by its service and commit, so later reports of it are merged. They must agree
on the commit time and on the version; a report may add the version later. Of several authors,
titles or spellings of the version the alphabetically first is kept, so that the order of reports
does not matter. An event tells when a change was merged, which counts as long as no report says
when it was committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, select, update
from uuid_utils.compat import uuid7

from api.domain import catalog
from api.domain.changes.model import NewChange
from api.domain.kit.errors import ContradictionError, InvalidValueError
from api.domain.kit.ids import derived
from api.domain.kit.sql import insert_new
from api.domain.kit.times import now
from api.domain.kit.versions import same
from api.tables import changes

# Fields on which the reports of a change must agree.
FIXED = ("committed_at", "version")
# Fields that a later report may add.
ADDED = ("version", "author", "title", "committed_at", "event_id")


class Key(NamedTuple):
    """What identifies a change."""

    service_id: UUID
    commit: str


class Recorded(NamedTuple):
    """The result of recording a batch."""

    # The stored changes, one for each report and in the same order.
    items: list[dict[str, Any]]
    # The number of new changes, of those with added values, and of those left as they were.
    created: int
    completed: int
    unchanged: int


def record_all(connection: Connection, batch: Sequence[NewChange]) -> Recorded:
    """Record a batch of changes; the number of SQL statements does not depend on its size.

    Raises ContradictionError with all the values that contradict earlier reports or each other.
    """
    reported_at = now()
    services = catalog.service_ids(connection, {new.service for new in batch}, reported_at)
    keys = [Key(services[new.service], new.commit) for new in batch]
    rows: dict[Key, dict[str, Any]] = {}
    for key, new in zip(keys, batch, strict=True):
        values = new.model_dump(exclude={"service", "commit"})
        # The first report of each change; the others are merged with it below.
        row = {"id": uuid7(), **key._asdict(), **values}
        rows.setdefault(key, {**row, "event_id": None, "created_at": reported_at})
    before = _stored(connection, rows)
    after = {key: dict(row) for key, row in before.items()}
    faults = [
        InvalidValueError(
            f"/changes/{index}/{name}", f"was reported as {_formatted(after[key][name])} before"
        )
        for index, (key, new) in enumerate(zip(keys, batch, strict=True))
        for name in _merge(after[key], new)
    ]
    if faults:
        detail = "Some changes contradict earlier reports; nothing was stored."
        raise ContradictionError(detail, faults)
    created = {key for key, row in after.items() if row["id"] == rows[key]["id"]}
    altered = {key for key, row in after.items() if row != before[key]}
    _store(connection, [after[key] for key in altered])
    completed = len(altered - created)
    return Recorded(
        items=[
            {"service": new.service, **after[key]} for key, new in zip(keys, batch, strict=True)
        ],
        created=len(created),
        completed=completed,
        unchanged=len(after) - len(created) - completed,
    )


def record_event(connection: Connection, new: NewChange, at: datetime, event_id: UUID) -> None:
    """Record a change by an event received `at`; a report of the change takes precedence."""
    service_id = catalog.service_ids(connection, [new.service], at)[new.service]
    key = Key(service_id, new.commit)
    row = {
        "id": derived(event_id, new.service, new.commit),
        **key._asdict(),
        **new.model_dump(exclude={"service", "commit"}),
        "event_id": event_id,
        "created_at": at,
    }
    before = _stored(connection, {key: row})[key]
    after = dict(before)
    _merge_texts(after, new)
    if before["event_id"] is not None and new.committed_at < before["committed_at"]:
        after |= {"committed_at": new.committed_at, "event_id": event_id}
    if after != before:
        _store(connection, [after])


def retract(connection: Connection, event_id: UUID) -> None:
    """Delete the changes that only this event has reported."""
    connection.execute(delete(changes).where(changes.c.event_id == event_id))


def _stored(
    connection: Connection, rows: Mapping[Key, dict[str, Any]]
) -> dict[Key, dict[str, Any]]:
    """Insert the new changes; return all of them as stored, locked until the transaction ends."""
    if not rows:
        return {}
    # Always in the same order, or two batches could deadlock.
    connection.execute(insert_new(connection, changes), [rows[key] for key in sorted(rows)])
    # Every combination of service and commit, which an index finds; a few more than needed.
    statement = (
        select(changes)
        .where(
            changes.c.service_id.in_({key.service_id for key in rows}),
            changes.c.commit.in_({key.commit for key in rows}),
        )
        .order_by(changes.c.service_id, changes.c.commit)
        .with_for_update()
    )
    found = connection.execute(statement).mappings()
    known = {Key(row["service_id"], row["commit"]): dict(row) for row in found}
    return {key: known[key] for key in rows}


def _merge(known: dict[str, Any], new: NewChange) -> list[str]:
    """Merge a report into a change; return the names of the fields that contradict it."""
    if known["event_id"] is not None:
        known |= {"committed_at": new.committed_at, "event_id": None}
    given = {name: getattr(new, name) for name in FIXED if getattr(new, name) is not None}
    contradicted = [name for name in given if _contradicts(name, known[name], given[name])]
    for name in given.keys() - contradicted:
        known[name] = min(given[name], known[name] or given[name])
    _merge_texts(known, new)
    return contradicted


def _contradicts(name: str, known: Any, given: Any) -> bool:
    """Return whether a value contradicts the known one: `v1.4.2` is `1.4.2`."""
    if known is None:
        return False
    return not same(known, given) if name == "version" else bool(known != given)


def _merge_texts(known: dict[str, Any], new: NewChange) -> None:
    for name in ("author", "title"):
        known[name] = min(filter(None, (known[name], getattr(new, name))), default=None)


def _store(connection: Connection, altered: Sequence[dict[str, Any]]) -> None:
    if altered:
        statement = update(changes).where(changes.c.id == bindparam("change_id"))
        connection.execute(
            statement.values({name: bindparam(f"new_{name}") for name in ADDED}),
            [
                {"change_id": row["id"], **{f"new_{name}": row[name] for name in ADDED}}
                for row in altered
            ],
        )


def _formatted(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
