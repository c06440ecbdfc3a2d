"""The inbox: every event is stored first and then projected, and can be projected again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from pydantic import BaseModel
from sqlalchemy import Connection, Row, Select, select, update
from sqlalchemy.exc import SQLAlchemyError
from uuid_utils.compat import uuid7

from api.domain import catalog, removals
from api.domain.changes import reports as change_reports
from api.domain.deployments import settling
from api.domain.events import moves, retraction, runs
from api.domain.events.adapter import Adapter, Received, State
from api.domain.events.adapters import ADAPTERS
from api.domain.events.deleted import without_deleted
from api.domain.events.interpret import Meaning, Outcome, interpret, nothing
from api.domain.events.redaction import redacted, text
from api.domain.events.rules import SourceRules
from api.domain.incidents import reports as incident_reports
from api.domain.incidents import statements as incident_statements
from api.domain.kit import pages, sql, strictjson
from api.domain.kit.errors import ConflictError
from api.domain.kit.pages import Order, TimeRange
from api.domain.kit.times import now
from api.domain.kit.types import Name, printable
from api.domain.notifications import outbox
from api.tables import events, evidence

Rules = Mapping[str, SourceRules]
MAX_HEADER = 500
MAX_DELIVERY_ID = 256
# What is sent may be less deep, and an envelope of CloudEvents is around it.
MAX_TOLD = strictjson.MAX_DEPTH + 2
ORDER: Order = {"received_at": events.c.received_at, "id": events.c.id}
# Without headers and body, which fewer people may read.
FIELDS = tuple(
    events.c[name]
    for name in ("id", "source", "delivery_id", "received_at", "outcome", "reason", "body_digest")
)

log = structlog.get_logger()


class Filters(TimeRange):
    """Filters of a list of events; `from` and `to` apply to `received_at`."""

    source: Name | None = None
    outcome: Outcome | None = None


class StoredEvent(BaseModel):
    """The id and the outcome of a stored event; `new` unless it was received before."""

    id: UUID
    outcome: Outcome
    new: bool


def received(adapter: Adapter, headers: Mapping[str, str], body: Any, raw: bytes) -> Received:
    """Return an event without its secrets, and with the headers to keep."""
    kept = {
        name.lower(): text(value)[:MAX_HEADER]
        for name, value in sorted(headers.items())
        if name.lower() in adapter.headers
    }
    return Received(kept, redacted(body), f"sha256:{hashlib.sha256(raw).hexdigest()}")


def delivery_id(adapter: Adapter, event: Received) -> str:
    """Return what identifies an event within its source."""
    return printable((adapter.delivery_id(event) or event.digest)[:MAX_DELIVERY_ID])


def receive(connection: Connection, adapter: Adapter, event: Received, rules: Rules) -> StoredEvent:
    """Store an event, project it, and announce what it means.

    One that was received before changes nothing.
    """
    stored, deployment_ids = record(connection, adapter, event, rules)
    outbox.announce(connection, deployment_ids)
    return stored


def record(
    connection: Connection, adapter: Adapter, event: Received, rules: Rules
) -> tuple[StoredEvent, Sequence[UUID]]:
    """Store an event and project it; return the ids of the deployments to announce."""
    identifier = delivery_id(adapter, event)
    state = _locked_state(connection, adapter, event, rules)
    meaning = _meaning(connection, adapter, event, rules)
    row: dict[str, Any] = {
        "id": uuid7(),
        "source": adapter.source,
        "delivery_id": identifier,
        "received_at": now(),
        "headers": dict(event.headers),
        "body": json.dumps(event.body, allow_nan=False, separators=(",", ":")),
        "body_digest": event.digest,
        "outcome": meaning.outcome,
        "reason": meaning.reason,
    }
    if not sql.inserted(connection, events, row):
        known = connection.execute(
            select(events.c.id, events.c.outcome).where(
                events.c.source == adapter.source, events.c.delivery_id == identifier
            )
        ).one()
        return StoredEvent(id=known.id, outcome=Outcome(known.outcome), new=False), ()
    outcome, deployment_ids = _project(connection, row["id"], row["received_at"], meaning)
    if state is not None and (later := runs.later(connection, adapter.source, state)):
        _project_again(connection, later, rules)
        deployment_ids = _deployments_of(connection, row["id"])
    stored = StoredEvent(id=row["id"], outcome=outcome, new=True)
    return stored, deployment_ids if outcome is Outcome.PROJECTED else ()


def replay(connection: Connection, event_id: UUID, rules: Rules) -> bool:
    """Project a stored event again, by the current rules. Return False if the id is unknown."""
    row = connection.execute(select(events).where(events.c.id == event_id)).one_or_none()
    if row is None:
        return False
    with suppress(UnreadableError):
        event = _event(row)
        _locked_state(connection, ADAPTERS[row.source], event, rules)
    # Lock it by an update, which waits for `rebuild`, and for nobody who refers to the event.
    connection.execute(update(events).where(events.c.id == event_id).values(reason=events.c.reason))
    _project_again(connection, [event_id], rules)
    return True


def rebuild(connection: Connection, rules: Rules) -> Counter[str]:
    """Undo the projection of all events and project each again; return the number of each outcome.

    Reports without an event and people's corrections stay.
    """
    # Those that are received meanwhile are projected afterwards.
    sql.lock_table(connection, events, "SHARE ROW EXCLUSIVE")
    ids = connection.execute(select(events.c.id).order_by(events.c.id)).scalars().all()
    return _project_again(connection, ids, rules)


def _project_again(connection: Connection, ids: Sequence[UUID], rules: Rules) -> Counter[str]:
    kept = retraction.retract(connection, ids)
    outcomes: Counter[str] = Counter()
    for event_id in ids:
        row = connection.execute(select(events).where(events.c.id == event_id)).one()
        meaning = _meaning_of(connection, row, rules)
        _record_outcome(connection, event_id, meaning)
        outcome, _ = _project(connection, event_id, row.received_at, meaning)
        outcomes[outcome] += 1
    retraction.restore(connection, kept)
    return outcomes


def find(connection: Connection, event_id: UUID) -> dict[str, Any] | None:
    """Return an event and the ids of its deployments and incidents, or None."""
    found = pages.one(connection, selected().where(events.c.id == event_id))
    if found is None:
        return None
    incidents = incident_statements.told_by(connection, event_id)
    deployments = _deployments_of(connection, event_id)
    return {**found, "deployments": deployments, "incidents": incidents}


def content(connection: Connection, event_id: UUID) -> dict[str, Any]:
    """Return the headers and the body of an event, as they are stored.

    What earlier versions took, and no answer can hold, has no body.
    """
    row = connection.execute(
        select(events.c.headers, events.c.body).where(events.c.id == event_id)
    ).one()
    body = _object(row.body)
    deep = strictjson.is_deeper(body, MAX_TOLD)
    return {"headers": row.headers, "body": None if deep else body}


def selected(filters: Filters | None = None) -> Select[Any]:
    """Return the statement for a list of events, to be ordered and cut into pages."""
    statement = select(*FIELDS)
    if filters is None:
        return statement
    if filters.source is not None:
        statement = statement.where(events.c.source == filters.source)
    if filters.outcome is not None:
        statement = statement.where(events.c.outcome == filters.outcome)
    return statement.where(*filters.within(events.c.received_at))


class UnreadableError(ValueError):
    """A stored event cannot be read; the message says why."""


def _event(row: Row[Any]) -> Received:
    if row.source not in ADAPTERS:
        raise UnreadableError(f"This version of the ledger reads no events of {row.source}.")
    body = _object(row.body)
    if body is None:
        raise UnreadableError("Its body is no JSON object.")
    return Received(row.headers, body, row.body_digest)


def _object(text: str) -> dict[str, Any] | None:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _locked_state(
    connection: Connection, adapter: Adapter, event: Received, rules: Rules
) -> State | None:
    """Return the state that an event repeats or changes, after locking what it is about."""
    state = adapter.state(event) if adapter.state else None
    if state is not None:
        runs.lock(connection, state)
    if adapter.moves:
        moves.lock(connection, interpret(adapter, rules, event))
    return state


def _meaning(connection: Connection, adapter: Adapter, event: Received, rules: Rules) -> Meaning:
    """Return the meaning of an event, given the stored ones if it may repeat or move something."""
    meaning = interpret(adapter, rules, event)
    if adapter.moves:
        return moves.placed(connection, meaning)
    state = adapter.state(event) if adapter.state else None
    return meaning if state is None else runs.placed(connection, adapter.source, state, meaning)


def _meaning_of(connection: Connection, row: Row[Any], rules: Rules) -> Meaning:
    """Return the meaning of a stored event; one that cannot be read does not stop the others."""
    try:
        event = _event(row)
    except UnreadableError as error:
        return nothing(Outcome.FAILED, str(error))
    return _meaning(connection, ADAPTERS[row.source], event, rules)


def _project(
    connection: Connection, event_id: UUID, at: datetime, meaning: Meaning
) -> tuple[Outcome, list[UUID]]:
    """Write what a stored event means; return the outcome and the ids of its deployments.

    A failure is undone and recorded, and the event stays.
    """
    if meaning.outcome is not Outcome.PROJECTED:
        return meaning.outcome, []
    try:
        with connection.begin_nested():
            left = without_deleted(connection, meaning, at)
            return meaning.outcome, _write(connection, event_id, at, left)
    except ConflictError as error:
        meaning = nothing(Outcome.FAILED, str(error))
    except (
        SQLAlchemyError,
        ValueError,
        LookupError,
        TypeError,
        ArithmeticError,
        AssertionError,
    ) as error:
        log.exception("an event was not projected", event_id=str(event_id))
        meaning = nothing(Outcome.FAILED, f"It could not be projected: {type(error).__name__}.")
    _record_outcome(connection, event_id, meaning)
    return meaning.outcome, []


def _write(connection: Connection, event_id: UUID, at: datetime, meaning: Meaning) -> list[UUID]:
    """Write what an event means; return the ids of its deployments. Raises ConflictError."""
    deployment_ids: list[UUID] = []
    if meaning.deployments:
        deployment_ids = sorted(set(settling.record(connection, meaning.deployments, at, event_id)))
    for incident in meaning.incidents:
        incident_reports.record_event(connection, incident, at, event_id)
    if meaning.environments:
        names = {each.name for each in meaning.environments}
        catalog.environment_ids(connection, names, at)
    for each in meaning.environments:
        catalog.learn(connection, [each.name], production=each.production, transient=each.transient)
    for change in meaning.changes:
        change_reports.record_event(connection, change, at, event_id)
    for removal in meaning.removals:
        removals.record(connection, removal, at, event_id)
    return deployment_ids


def _deployments_of(connection: Connection, event_id: UUID) -> list[UUID]:
    """Return the ids of the deployments that an event is evidence for."""
    ids = select(evidence.c.deployment_id).where(evidence.c.event_id == event_id).distinct()
    return list(connection.execute(ids.order_by(evidence.c.deployment_id)).scalars())


def _record_outcome(connection: Connection, event_id: UUID, meaning: Meaning) -> None:
    """Record the outcome of a stored event."""
    connection.execute(
        update(events)
        .where(events.c.id == event_id)
        .values(outcome=meaning.outcome, reason=meaning.reason)
    )
