"""Statements about incidents: what each event, report and correction states.

An incident is worked out anew from all of them whenever one is added or taken back, so that
projecting the events again gives the same. One that was reported once is nothing but its row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import Connection, and_, delete, insert, select, update
from uuid_utils.compat import uuid7

from api.domain.cells import Cell
from api.domain.deployments import reviewing
from api.domain.deployments.reviewing import END, Altered
from api.domain.incidents.model import DetectedIncident, NewIncident
from api.domain.kit.errors import ConflictError
from api.domain.kit.ids import derived, following
from api.domain.kit.times import now, parse_instant
from api.domain.kit.types import united
from api.tables import incident_statements as table
from api.tables import incidents

SAID = ("title", "detected_at", "resolved_at", "links")
TIMES = ("detected_at", "resolved_at")
# Of what an event has found open: a detection after the last resolution opens the incident again.
FOUND_OPEN = "found_open"
# What reports leave alone once somebody has corrected it.
CORRECTABLE = {"title", "resolved_at", "deployment_id"}


class Key(NamedTuple):
    """What an incident is known by at its source."""

    source: str
    external_id: str

    @classmethod
    def of(cls, known: Statement) -> Key:
        """Return what the incident of a statement is known by."""
        return cls(known.source, known.external_id)


class Statement(NamedTuple):
    """What one event or report states of an incident; `said` has of a correction its changes."""

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


def merged(known: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a report adds up to with what is known; what was corrected stays."""
    ends = [end for end in (known["resolved_at"], report["resolved_at"]) if end is not None]
    earliest = min(known, report, key=lambda incident: (incident["detected_at"], incident["title"]))
    values = {
        "title": earliest["title"],
        "detected_at": earliest["detected_at"],
        "resolved_at": max(ends, default=None),
        "links": united([*known["links"], *report["links"]]),
    }
    return {name: value for name, value in values.items() if name not in known["corrected"]}


def corrected(known: Iterable[str], values: Mapping[str, Any]) -> list[str]:
    """Return the names of what is corrected, after a further correction; null takes one back."""
    stated = {name for name in CORRECTABLE & values.keys() if values[name] is not None}
    return sorted((set(known) - values.keys()) | stated)


def settled(statements: Iterable[Statement]) -> dict[str, Any] | None:
    """Return what statements, in the order of their ids, amount to; None without a report."""
    known: dict[str, Any] | None = None
    found_at: dict[bool, list[datetime]] = {False: [], True: []}
    for statement in statements:
        said = _parsed(statement)
        found_open = said.pop(FOUND_OPEN, False)
        if not statement.correction and said["resolved_at"] is None:
            found_at[found_open].append(said["detected_at"])
        if known is None:
            first = {"id": statement.id, "created_at": statement.created_at, "corrected": []}
            known = None if statement.correction else first | said
        elif statement.correction:
            names = corrected(known["corrected"], said)
            known |= {name: said[name] for name in SAID if name in said} | {"corrected": names}
        else:
            known |= merged(known, said)
    if known is None or known["resolved_at"] is None:
        return known
    if "resolved_at" not in known["corrected"] and _is_open_again(known["resolved_at"], found_at):
        known["resolved_at"] = None
    else:  # somebody may have corrected it
        known["detected_at"] = min(known["detected_at"], known["resolved_at"])
    return known


def _is_open_again(resolved_at: datetime, found_at: Mapping[bool, Iterable[datetime]]) -> bool:
    """Return whether an incident was found open after its last resolution.

    Of one that was never detected before that, a clock was wrong. `found_at` has the detections, by
    whether they open it again.
    """
    before = any(at <= resolved_at for times in found_at.values() for at in times)
    return before and any(at > resolved_at for at in found_at[True])


def of_report(
    new: NewIncident, cell: Cell, at: datetime, event_id: UUID | None = None
) -> Statement:
    """Return the statement of a report that has its times and an external id."""
    assert new.external_id is not None  # noqa: S101 (others are reported once)
    identifier = uuid7() if event_id is None else derived(event_id, new.source, new.external_id)
    key = Key(new.source, new.external_id)
    said = _said(new.model_dump())
    if isinstance(new, DetectedIncident):
        said[FOUND_OPEN] = True
    return Statement(identifier, event_id, *cell, *key, correction=False, said=said, created_at=at)


def of_correction(incident: Mapping[str, Any], values: Mapping[str, Any]) -> Statement:
    """Return the statement of a person's correction; the incident has an external id."""
    cell = Cell(incident["service_id"], incident["environment_id"])
    key = Key(incident["source"], incident["external_id"])
    said = to_jsonable_python(dict(values))
    return Statement(uuid7(), None, *cell, *key, correction=True, said=said, created_at=now())


def add(
    connection: Connection,
    statement: Statement,
    row: Mapping[str, Any] | None,
    deployment: Mapping[str, Any] | None = None,
) -> None:
    """Add a statement about an incident, and compute the incident anew.

    `row` is the incident as it is, `deployment` has its new `deployment_id` if that changes. A
    report that changes nothing is not stored unless an event is about the incident, too. Raises
    ConflictError for an incident of another service or environment.
    """
    cell, key = Cell(statement.service_id, statement.environment_id), Key.of(statement)
    known = _known(connection, key)
    new = [statement]
    # An incident with one report has no statement of its own: its row is that report.
    if row is not None and all(other.correction for other in known):
        new.insert(0, _of_incident(row))
    others = [*known, *new[:-1]]
    if any(Cell(other.service_id, other.environment_id) != cell for other in others):
        raise ConflictError(
            f"The incident {key.external_id} of {key.source} is known in another service or"
            " environment."
        )
    if statement.event_id is None:
        reported = not any(other.event_id for other in others)
        if reported and not deployment and not _adds(statement, row):
            return
        new[-1] = statement._replace(id=following(other.id for other in others))
    connection.execute(insert(table), [added._asdict() for added in new])
    _settle(connection, cell, key, [*known, *new], row, deployment or {})


def retract(connection: Connection, event_id: UUID) -> None:
    """Remove the statements of an event about incidents, as if it had never been received.

    Their cells must be locked.
    """
    found = connection.execute(select(*COLUMNS).where(table.c.event_id == event_id))
    for statement in [Statement._make(row) for row in found]:
        cell = Cell(statement.service_id, statement.environment_id)
        connection.execute(delete(table).where(table.c.id == statement.id))
        key = Key.of(statement)
        _settle(connection, cell, key, _known(connection, key), find(connection, key), {})


def of_event(connection: Connection, event_id: UUID) -> list[UUID]:
    """Return the ids of the incidents that an event is about."""
    same = and_(
        incidents.c.source == table.c.source, incidents.c.external_id == table.c.external_id
    )
    found = select(incidents.c.id).join(table, same).where(table.c.event_id == event_id)
    return list(connection.execute(found.order_by(incidents.c.id)).scalars())


def _adds(statement: Statement, row: Mapping[str, Any] | None) -> bool:
    """Return whether a statement changes the incident."""
    if row is None or statement.correction:
        return True
    values = merged(row, _parsed(statement))
    return any(row[name] != value for name, value in values.items())


def _parsed(statement: Statement) -> dict[str, Any]:
    return {
        name: parse_instant(value) if value is not None and name in TIMES else value
        for name, value in statement.said.items()
    }


def _settle(
    connection: Connection,
    cell: Cell,
    key: Key,
    statements: Iterable[Statement],
    before: Mapping[str, Any] | None,
    deployment: Mapping[str, Any],
) -> None:
    """Write the incident that the statements add up to; without a report, delete it."""
    values = settled(sorted(statements, key=lambda statement: statement.id))
    same = (incidents.c.source == key.source, incidents.c.external_id == key.external_id)
    if values is None:
        connection.execute(delete(incidents).where(*same))
    elif before is None:
        connection.execute(insert(incidents), {**values, **cell._asdict(), **key._asdict()})
    else:
        connection.execute(update(incidents).where(*same).values({**values, **deployment}))
    spans = [
        (row["detected_at"], row["resolved_at"]) for row in (before, values) if row is not None
    ]
    if spans and (len(spans) == 1 or spans[0] != spans[1]):
        ends = [resolved_at or END for _, resolved_at in spans]
        since = min(detected_at for detected_at, _ in spans)
        reviewing.review(connection, cell, Altered(since, max(ends)))


def find(connection: Connection, key: Key) -> dict[str, Any] | None:
    """Return the row of an incident, or None."""
    same = (incidents.c.source == key.source, incidents.c.external_id == key.external_id)
    row = connection.execute(select(incidents).where(*same)).mappings().one_or_none()
    return None if row is None else dict(row)


def _known(connection: Connection, key: Key) -> list[Statement]:
    found = select(*COLUMNS).where(
        table.c.source == key.source, table.c.external_id == key.external_id
    )
    return [Statement._make(row) for row in connection.execute(found)]


def _of_incident(row: Mapping[str, Any]) -> Statement:
    """Return the only statement about an incident, made from its row."""
    return Statement(
        id=row["id"],
        event_id=None,
        service_id=row["service_id"],
        environment_id=row["environment_id"],
        source=row["source"],
        external_id=row["external_id"],
        correction=False,
        said={**_said(row), "corrected": row["corrected"]},
        created_at=row["created_at"],
    )


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = to_jsonable_python({name: values[name] for name in SAID})
    return said | {"links": united(said["links"])}
