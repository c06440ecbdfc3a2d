"""Deliveries: what is sent, tried again, and given up.

A delivery is taken for a minute before it is sent, so that of several processes one sends it, and
what one takes and never tells the outcome of is taken again. So each is delivered at least once.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Select, delete, func, select, update

from api.domain.kit import pages
from api.domain.kit.pages import Order, TimeRange
from api.domain.kit.times import now
from api.tables import deliveries, subscriptions

# Longer than one attempt may take.
TAKEN_FOR = timedelta(minutes=1)
# How long after each attempt the next one follows, a fifth longer at most: the schedule that the
# specification of Standard Webhooks recommends, three days in all.
WAITS = [
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
]
JITTER = 0.2
SENT_IS_KEPT = timedelta(days=7)
MAX_FAILURE = 200


class DeliveryState(StrEnum):
    """Where a delivery stands; a dead one is tried again when somebody asks for it."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


class Taken(NamedTuple):
    """A delivery to be sent now, by whoever took it."""

    id: UUID
    attempts: int
    url: str
    secret: str
    body: str


class Filters(TimeRange):
    """What a list of deliveries is narrowed to; `from` and `to` are about `created_at`."""

    state: DeliveryState | None = None


# The columns of a delivery as it is told: its body is told too, the subject is ours.
FIELDS = tuple(column for column in deliveries.c if column is not deliveries.c.subject)
ORDER: Order = {"created_at": deliveries.c.created_at, "id": deliveries.c.id}


def take(connection: Connection) -> Taken | None:
    """Take the delivery that is due first, and nobody else has taken; None if none is due."""
    at = now()
    row = connection.execute(
        select(deliveries.c.id, deliveries.c.attempts, subscriptions.c.url)
        .add_columns(subscriptions.c.secret, deliveries.c.body)
        .join(subscriptions)
        .where(deliveries.c.state == DeliveryState.WAITING, deliveries.c.due_at <= at)
        .order_by(deliveries.c.due_at)
        .limit(1)
        .with_for_update(skip_locked=True, of=deliveries)
    ).one_or_none()
    if row is None:
        return None
    taken = Taken(row.id, row.attempts + 1, row.url, row.secret, row.body)
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == taken.id)
        .values(attempts=taken.attempts, due_at=at + TAKEN_FOR)
    )
    return taken


def settle(
    connection: Connection, taken: Taken, failure: str | None, *, final: bool
) -> DeliveryState:
    """Note what became of an attempt; return where the delivery stands now.

    Of one that was taken by somebody else meanwhile, nothing is noted.
    """
    state = DeliveryState.WAITING
    due_at = now()
    if failure is None:
        state = DeliveryState.SENT
    elif final or taken.attempts > len(WAITS):
        state = DeliveryState.DEAD
    else:
        wait = WAITS[taken.attempts - 1]
        due_at += wait * random.uniform(1, 1 + JITTER)  # noqa: S311 (spreads attempts)
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == taken.id, deliveries.c.attempts == taken.attempts)
        .values(state=state, due_at=due_at, failure=failure and failure[:MAX_FAILURE])
    )
    return state


def retry(connection: Connection, delivery_id: UUID) -> bool:
    """Make a dead delivery due, with all its attempts; say whether it was dead."""
    revived = connection.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery_id, deliveries.c.state == DeliveryState.DEAD)
        .values(state=DeliveryState.WAITING, attempts=0, due_at=now())
    )
    return revived.rowcount == 1


def find(connection: Connection, delivery_id: UUID) -> dict[str, Any] | None:
    """Return the delivery of that id, or None."""
    return pages.one(connection, select(*FIELDS).where(deliveries.c.id == delivery_id))


def selected(filters: Filters) -> Select[Any]:
    """Return the statement for a list of deliveries, to be ordered and cut into pages."""
    statement = select(*FIELDS).where(*filters.within(deliveries.c.created_at))
    if filters.state is None:
        return statement
    return statement.where(deliveries.c.state == filters.state)


def oldest_waiting(connection: Connection) -> datetime | None:
    """Return when the oldest delivery that waits was written, or None."""
    waiting = deliveries.c.state == DeliveryState.WAITING
    found: datetime | None = connection.execute(
        select(func.min(deliveries.c.created_at)).where(waiting)
    ).scalar_one()
    return found


def forget(connection: Connection) -> None:
    """Remove what was sent a week ago or longer."""
    sent = deliveries.c.state == DeliveryState.SENT
    connection.execute(delete(deliveries).where(sent, deliveries.c.due_at < now() - SENT_IS_KEPT))
