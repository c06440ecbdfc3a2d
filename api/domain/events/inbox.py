"""The inbox: every event is stored first and then projected, and can be projected again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, update
from uuid_utils.compat import uuid7

from api.domain.events import projection, runs, store
from api.domain.events.adapter import Adapter, Received
from api.domain.events.adapters import ADAPTERS
from api.domain.events.interpret import Outcome, interpret
from api.domain.events.projection import Projected, Rules
from api.domain.events.redaction import redacted, text
from api.domain.kit import sql
from api.domain.kit.models import Model
from api.domain.kit.times import now
from api.domain.kit.types import printable
from api.domain.notifications import outbox
from api.tables import events

MAX_HEADER = 500
MAX_DELIVERY_ID = 256


class StoredEvent(Model):
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
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    return Received(kept, redacted(body), digest, now())


def delivery_id(adapter: Adapter, event: Received) -> str:
    """Return what identifies an event within its source."""
    return printable((adapter.delivery_id(event) or event.digest)[:MAX_DELIVERY_ID])


def receive(
    connection: Connection,
    adapter: Adapter,
    event: Received,
    rules: Rules,
    *,
    isolated: bool = True,
) -> StoredEvent:
    """Store an event, project it, and announce what it means.

    One that was received before changes nothing. Raises NotProjectedError as `project` does.
    """
    stored, projected = record(connection, adapter, event, rules, isolated=isolated)
    outbox.announce(connection, projected.deployments, projected.subscriptions)
    return stored


def record(
    connection: Connection, adapter: Adapter, event: Received, rules: Rules, *, isolated: bool
) -> tuple[StoredEvent, Projected]:
    """Store an event and project it; return what to announce."""
    identifier = delivery_id(adapter, event)
    meaning = interpret(adapter, rules, event)
    state = projection.locked_state(connection, adapter, event, meaning)
    meaning = projection.placed(connection, adapter, event, meaning)
    row: dict[str, Any] = {
        "id": uuid7(),
        "source": adapter.source,
        "delivery_id": identifier,
        "received_at": event.at,
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
        outcome = Outcome(known.outcome)
        return StoredEvent(id=known.id, outcome=outcome, new=False), Projected(outcome, {})
    projected = projection.project(connection, row["id"], event.at, meaning, isolated=isolated)
    if state is not None and (later := runs.later(connection, adapter.source, state)):
        projection.project_again(connection, [row["id"], *later], rules)
        deployments = dict.fromkeys(store.deployments_of(connection, row["id"]))
        projected = projected._replace(deployments=deployments)
    elif replaced := projection.project_replaced(connection, adapter, meaning, rules):
        ids = (each for event in replaced for each in store.deployments_of(connection, event))
        deployments = {**dict.fromkeys(ids), **projected.deployments}
        projected = projected._replace(deployments=deployments)
    return StoredEvent(id=row["id"], outcome=projected.outcome, new=True), projected


def replay(connection: Connection, event_id: UUID, rules: Rules) -> bool:
    """Project a stored event again, by the current rules. Return False if the id is unknown."""
    row = connection.execute(select(events).where(events.c.id == event_id)).one_or_none()
    if row is None:
        return False
    with suppress(store.UnreadableError):
        event = store.received(row)
        adapter = ADAPTERS[row.source]
        projection.locked_state(connection, adapter, event, interpret(adapter, rules, event))
    # Lock it by an update, which waits for `rebuild`, and for nobody who refers to the event.
    connection.execute(update(events).where(events.c.id == event_id).values(reason=events.c.reason))
    projection.project_again(connection, [event_id], rules)
    return True


def rebuild(connection: Connection, rules: Rules) -> Counter[str]:
    """Undo the projection of all events and project each again; return the number of each outcome.

    Reports without an event and people's corrections stay.
    """
    # Those that are received meanwhile are projected afterwards.
    sql.lock_table(connection, events, "SHARE ROW EXCLUSIVE")
    ids = connection.execute(select(events.c.id).order_by(events.c.id)).scalars().all()
    return projection.project_again(connection, ids, rules)
