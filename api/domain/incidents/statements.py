"""Statements about incidents that events tell of: what each event, report and correction said.

Such an incident is worked out anew from all of them whenever one is added or taken back, so that
projecting the events again gives the same. One of which no event tells has no statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import Connection, and_, delete, insert, select, update
from uuid_utils.compat import uuid7

from api.domain import cells
from api.domain.cells import Cell
from api.domain.deployments import kinds
from api.domain.incidents.model import NewIncident
from api.domain.kit import ids
from api.domain.kit.errors import ConflictError
from api.domain.kit.times import now, parse_instant
from api.domain.kit.types import united
from api.tables import incident_statements as table
from api.tables import incidents

SAID = ("title", "detected_at", "resolved_at", "links")
TIMES = ("detected_at", "resolved_at")
# What reports leave alone once somebody has corrected it.
CORRECTABLE = {"title", "resolved_at", "deployment_id"}


class Key(NamedTuple):
    """What an incident is known by at its source."""

    source: str
    external_id: str


class Statement(NamedTuple):
    """What was said at once; of a correction only what it changes."""

    id: UUID
    event_id: UUID | None
    service_id: UUID
    environment_id: UUID
    source: str
    external_id: str
    correction: bool
    said: dict[str, Any]
    created_at: datetime


COLUMNS = tuple(table.c[name] for name in Statement._fields)


def merged(known: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a report adds up to with what is known; what was corrected stays."""
    ends = [end for end in (known["resolved_at"], told["resolved_at"]) if end is not None]
    earliest = min(known, told, key=lambda each: (each["detected_at"], each["title"]))
    values = {
        "title": earliest["title"],
        "detected_at": earliest["detected_at"],
        "resolved_at": max(ends, default=None),
        "links": united([*known["links"], *told["links"]]),
    }
    return {name: value for name, value in values.items() if name not in known["corrected"]}


def corrected(known: Iterable[str], values: Mapping[str, Any]) -> list[str]:
    """Return the names of what is corrected, after a further correction; null takes one back."""
    stated = {name for name in CORRECTABLE & values.keys() if values[name] is not None}
    return sorted((set(known) - values.keys()) | stated)


def settled(statements: Iterable[Statement]) -> dict[str, Any] | None:
    """Return what statements, in the order of their ids, amount to; None without a report."""
    known: dict[str, Any] | None = None
    for each in statements:
        said = {
            name: parse_instant(value) if value is not None and name in TIMES else value
            for name, value in each.said.items()
        }
        if known is None:
            first = {"id": each.id, "created_at": each.created_at, "corrected": []}
            known = None if each.correction else first | said
        elif each.correction:
            names = corrected(known["corrected"], said)
            known |= {name: said[name] for name in SAID if name in said} | {"corrected": names}
        else:
            known |= merged(known, said)
    if known is not None and known["resolved_at"] is not None:  # as somebody has corrected it
        known["detected_at"] = min(known["detected_at"], known["resolved_at"])
    return known


def tell(
    connection: Connection, cell: Cell, new: NewIncident, at: datetime, event_id: UUID
) -> None:
    """Keep what an event says of an incident of a cell that is held.

    Raises ConflictError for an incident that is known somewhere else.
    """
    assert new.external_id is not None  # noqa: S101 (an adapter gives one)
    key = Key(new.source, new.external_id)
    if not has(connection, key):
        _adopt(connection, key)
    said = _said(new.timed(at).model_dump())
    identifier = ids.derived(event_id, new.source, new.external_id)
    _add(
        connection,
        Statement(identifier, event_id, *cell, *key, correction=False, said=said, created_at=at),
    )


def has(connection: Connection, key: Key) -> bool:
    """Say whether there are statements about an incident."""
    found = select(table.c.id).where(*_of(key)).limit(1)
    return connection.execute(found).first() is not None


def report(connection: Connection, cell: Cell, key: Key, told: Mapping[str, Any]) -> UUID:
    """Keep a report without an event of what events tell of, too; return the incident's id."""
    said = _said(told)
    identifier = _add(
        connection,
        Statement(uuid7(), None, *cell, *key, correction=False, said=said, created_at=now()),
    )
    assert identifier is not None  # noqa: S101 (this is a report of it)
    return identifier


def correct(connection: Connection, cell: Cell, key: Key, values: Mapping[str, Any]) -> None:
    """Keep what a person says of an incident of which there are statements."""
    said = to_jsonable_python(dict(values))
    _add(
        connection,
        Statement(uuid7(), None, *cell, *key, correction=True, said=said, created_at=now()),
    )


def retract(connection: Connection, event_id: UUID) -> None:
    """Take back what an event has said of incidents, as if it had never come."""
    found = connection.execute(select(*COLUMNS).where(table.c.event_id == event_id))
    for each in [Statement._make(row) for row in found]:
        cell = Cell(each.service_id, each.environment_id)
        cells.lock(connection, cell)
        connection.execute(delete(table).where(table.c.id == each.id))
        _settle(connection, cell, Key(each.source, each.external_id))


def told_by(connection: Connection, event_id: UUID) -> list[UUID]:
    """Return the ids of the incidents that an event tells of."""
    same = and_(
        incidents.c.source == table.c.source, incidents.c.external_id == table.c.external_id
    )
    found = select(incidents.c.id).join(table, same).where(table.c.event_id == event_id)
    return list(connection.execute(found.order_by(incidents.c.id)).scalars())


def _add(connection: Connection, statement: Statement) -> UUID | None:
    """Add a statement, and work its incident out anew; return the id of that."""
    cell = Cell(statement.service_id, statement.environment_id)
    key = Key(statement.source, statement.external_id)
    places = select(table.c.service_id, table.c.environment_id).where(*_of(key)).distinct()
    if any(Cell(*place) != cell for place in connection.execute(places)):
        raise ConflictError(
            f"The incident {key.external_id} of {key.source} is known in another service or"
            " environment."
        )
    connection.execute(insert(table), statement._asdict())
    return _settle(connection, cell, key)


def _settle(connection: Connection, cell: Cell, key: Key) -> UUID | None:
    """Work out an incident anew; return its id, or None if nobody tells of it any more."""
    said = connection.execute(select(*COLUMNS).where(*_of(key)).order_by(table.c.id))
    values = settled(map(Statement._make, said))
    before = _row(connection, key)
    same = (incidents.c.source == key.source, incidents.c.external_id == key.external_id)
    if values is None:
        connection.execute(delete(incidents).where(*same))
    elif before is None:
        connection.execute(insert(incidents), {**values, **cell._asdict(), **key._asdict()})
    else:
        connection.execute(update(incidents).where(*same).values(values))
    starts = [each["detected_at"] for each in (before, values) if each is not None]
    if starts:
        kinds.review(connection, cell, min(starts))
    return None if values is None else values["id"]


def _adopt(connection: Connection, key: Key) -> None:
    """Take an incident that was only reported so far for what its first report said."""
    row = _row(connection, key)
    if row is None:
        return
    cell = Cell(row["service_id"], row["environment_id"])
    said = {**_said(row), "corrected": row["corrected"]}
    first = Statement(
        row["id"], None, *cell, *key, correction=False, said=said, created_at=row["created_at"]
    )
    connection.execute(insert(table), first._asdict())


def _row(connection: Connection, key: Key) -> dict[str, Any] | None:
    same = (incidents.c.source == key.source, incidents.c.external_id == key.external_id)
    row = connection.execute(select(incidents).where(*same)).mappings().one_or_none()
    return None if row is None else dict(row)


def _said(told: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = to_jsonable_python({name: told[name] for name in SAID})
    return said | {"links": united(said["links"])}


def _of(key: Key) -> tuple[Any, Any]:
    return table.c.source == key.source, table.c.external_id == key.external_id
