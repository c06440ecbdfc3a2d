"""The stored events: lists of them, one with its content, and what was received with it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, select

from api.domain.events.adapter import Received
from api.domain.events.adapters import ADAPTERS
from api.domain.events.interpret import Outcome
from api.domain.incidents import statements as incident_statements
from api.domain.kit import pages, strictjson
from api.domain.kit.pages import Listing, Order, TimeRange
from api.domain.kit.types import Name
from api.tables import events, evidence

# What is sent may be less deep, and an envelope of CloudEvents is around it.
MAX_DEPTH = strictjson.MAX_DEPTH + 2
ORDER: Order = {"received_at": events.c.received_at, "id": events.c.id}
# Without headers and body, which fewer people may read.
FIELDS = tuple(
    events.c[name]
    for name in ("id", "source", "delivery_id", "received_at", "outcome", "reason", "body_digest")
)


class UnreadableError(ValueError):
    """A stored event cannot be read; the message says why."""


class Filters(TimeRange):
    """Filters of a list of events; `from` and `to` apply to `received_at`."""

    source: Name | None = None
    outcome: Outcome | None = None


LISTING = Listing(
    select(*FIELDS),
    ORDER,
    {
        "source": events.c.source == bindparam("source"),
        "outcome": events.c.outcome == bindparam("outcome"),
        **pages.within(events.c.received_at),
    },
)


def find(connection: Connection, event_id: UUID) -> dict[str, Any] | None:
    """Return an event and the ids of its deployments and incidents, or None."""
    found = pages.one(connection, select(*FIELDS).where(events.c.id == event_id))
    if found is None:
        return None
    incidents = incident_statements.of_event(connection, event_id)
    deployments = deployments_of(connection, event_id)
    return {**found, "deployments": deployments, "incidents": incidents}


def content(connection: Connection, event_id: UUID) -> dict[str, Any]:
    """Return the headers and the body of an event, as they are stored.

    What earlier versions took, and no answer can hold, has no body.
    """
    row = connection.execute(
        select(events.c.headers, events.c.body).where(events.c.id == event_id)
    ).one()
    body = _object(row.body)
    deep = strictjson.is_deeper(body, MAX_DEPTH)
    return {"headers": row.headers, "body": None if deep else body}


def deployments_of(connection: Connection, event_id: UUID) -> list[UUID]:
    """Return the ids of the deployments that an event is evidence for."""
    ids = select(evidence.c.deployment_id).where(evidence.c.event_id == event_id).distinct()
    return list(connection.execute(ids.order_by(evidence.c.deployment_id)).scalars())


def received(row: Row[Any]) -> Received:
    """Return what was received with a stored event. Raises UnreadableError."""
    if row.source not in ADAPTERS:
        raise UnreadableError(f"This version of the ledger reads no events of {row.source}.")
    body = _object(row.body)
    if body is None:
        raise UnreadableError("Its body is no JSON object.")
    return Received(row.headers, body, row.body_digest, row.received_at)


def _object(text: str) -> dict[str, Any] | None:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
