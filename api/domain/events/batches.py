"""Batches: several events in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from api.domain.events import inbox
from api.domain.events.adapter import Adapter, Received
from api.domain.events.inbox import Rules, StoredEvent
from api.domain.events.interpret import interpret


def receive(
    connection: Connection, adapter: Adapter, batch: Sequence[Received], rules: Rules
) -> list[StoredEvent]:
    """Store and project events; return one result for each, in the same order.

    They are projected in the order of the services and environments that they are about: in any
    other order, two batches could deadlock.
    """

    def place(index: int) -> tuple[list[tuple[str, str]], str]:
        meaning = interpret(adapter, rules, batch[index])
        places = [(report.service, report.environment) for report, _ in meaning.deployments]
        places += [(incident.service, incident.environment) for incident in meaning.incidents]
        return sorted(places), inbox.delivery_id(adapter, batch[index])

    stored = {
        index: inbox.receive(connection, adapter, batch[index], rules)
        for index in sorted(range(len(batch)), key=place)
    }
    return [stored[index] for index in range(len(batch))]
