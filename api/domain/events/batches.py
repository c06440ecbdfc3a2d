"""Batches: several events in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from api.domain.events import inbox
from api.domain.events.adapter import Adapter, Received
from api.domain.events.inbox import StoredEvent
from api.domain.events.interpret import interpret
from api.domain.events.projection import Deployments, Rules
from api.domain.lookups import Subscription
from api.domain.notifications import outbox


def receive(
    connection: Connection,
    adapter: Adapter,
    batch: Sequence[Received],
    rules: Rules,
    *,
    isolated: bool = True,
) -> list[StoredEvent]:
    """Store and project events; return one result for each, in the same order.

    They are projected in the order of the services and environments that they are about, and
    announced after that: in any other order, transactions could deadlock. Raises NotProjectedError
    as `project` does.
    """

    def place(index: int) -> tuple[list[tuple[str, str]], str]:
        meaning = interpret(adapter, rules, batch[index])
        places = [(report.service, report.environment) for report, _ in meaning.deployments]
        places += [(incident.service, incident.environment) for incident in meaning.incidents]
        return sorted(places), inbox.delivery_id(adapter, batch[index])

    stored: dict[int, StoredEvent] = {}
    deployments: Deployments = {}
    subscribed: Sequence[Subscription] = ()
    for index in sorted(range(len(batch)), key=place):
        stored[index], projected = inbox.record(
            connection, adapter, batch[index], rules, isolated=isolated
        )
        deployments |= projected.deployments
        subscribed = projected.subscriptions or subscribed
    if len(batch) > 1:  # an event may have changed what one before it wrote
        deployments = dict.fromkeys(deployments)
    outbox.announce(connection, deployments, subscribed)
    return [stored[index] for index in range(len(batch))]
