"""Reports of changes: a batch becomes records, all of it or nothing, in a few statements.

Reports of the same service and commit are one change. They agree on when it was committed and on
the version that first contains it; a version is filled in when a report brings it. Of several
authors or titles the first in the order of the alphabet is kept, so that the order of reports does
not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, bindparam, select, update
from uuid_utils.compat import uuid7

from api.domain import catalog
from api.domain.changes.model import NewChange
from api.domain.kit.errors import ConflictError, InvalidValueError
from api.domain.kit.sql import insert_new
from api.domain.kit.times import now
from api.tables import changes

# What two reports of one change cannot say differently.
IDENTITY = ("committed_at", "version")
# What another report may add.
ADDED = ("version", "author", "title")


class Key(NamedTuple):
    """What a change is known by."""

    service_id: UUID
    commit: str


class ContradictionError(ConflictError):
    """Reports contradict what the ledger has, or each other."""

    def __init__(self, faults: Sequence[InvalidValueError]) -> None:
        super().__init__("Some changes are known otherwise; nothing was stored.")
        self.faults = faults


class Recorded(NamedTuple):
    """What became of a batch."""

    # As they are told, one for each that was reported and in the same order.
    items: list[dict[str, Any]]
    # How many changes were new, how many known ones got more, and how many stayed as they were.
    created: int
    completed: int
    unchanged: int


def record_all(connection: Connection, batch: Sequence[NewChange]) -> Recorded:
    """Write the reports of some changes, in a few statements however many they are.

    Raises ContradictionError, with all there is to say, where they contradict what is known.
    """
    reported_at = now()
    services = catalog.service_ids(connection, {new.service for new in batch}, reported_at)
    keys = [Key(services[new.service], new.commit) for new in batch]
    rows: dict[Key, dict[str, Any]] = {}
    for key, new in zip(keys, batch, strict=True):
        told = new.model_dump(exclude={"service", "commit"})
        # Of several reports of one change the first; the others are merged with it below.
        rows.setdefault(key, {"id": uuid7(), **key._asdict(), **told, "created_at": reported_at})
    before = _stored(connection, rows)
    after = {key: dict(row) for key, row in before.items()}
    faults = [
        InvalidValueError(f"/changes/{index}/{name}", f"is known as {_told(after[key][name])}")
        for index, (key, new) in enumerate(zip(keys, batch, strict=True))
        for name in _merge(after[key], new)
    ]
    if faults:
        raise ContradictionError(faults)
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


def _stored(
    connection: Connection, rows: Mapping[Key, dict[str, Any]]
) -> dict[Key, dict[str, Any]]:
    """Insert what is new; return what the ledger has now, which nobody else changes meanwhile."""
    if not rows:
        return {}
    # Always in the same order, or two batches could wait for each other for ever.
    connection.execute(insert_new(connection, changes), [rows[key] for key in sorted(rows)])
    # Each service with each commit: a few more than asked for, along an index.
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
    """Add a report to what is known; return the names of the values that contradict it."""
    told = {name: getattr(new, name) for name in IDENTITY if getattr(new, name) is not None}
    contradicted = [name for name in told if known[name] not in (None, told[name])]
    known.update({name: told[name] for name in told if name not in contradicted})
    for name in ("author", "title"):
        known[name] = min(filter(None, (known[name], getattr(new, name))), default=None)
    return contradicted


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


def _told(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
