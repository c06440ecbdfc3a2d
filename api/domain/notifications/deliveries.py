"""Deliveries of webhooks: sent at least once, retried, and finally given up.

A process leases a delivery for a minute before sending it, so that no other process sends it
meanwhile. If the process dies, the lease expires and the delivery is sent again.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, func, select, update

from api.domain.kit import pages
from api.domain.kit.pages import Listing, Order, TimeRange
from api.domain.kit.times import now
from api.domain.kit.types import printable
from api.tables import deliveries, subscriptions

# Longer than one attempt may take.
LEASE = timedelta(minutes=1)
# The wait after each attempt, plus jitter: the schedule that Standard Webhooks recommends, three
# days in all.
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
    """The state of a delivery; a dead one is sent again only on request."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


class Leased(NamedTuple):
    """A delivery to be sent now by the process that leased it."""

    id: UUID
    subscription_id: UUID
    attempts: int
    url: str
    secret: str
    body: str


class Filters(TimeRange):
    """Filters of a list of deliveries; `from` and `to` apply to `created_at`."""

    state: DeliveryState | None = None


# The columns that are shown: all but `subject`, which only prevents duplicates.
FIELDS = tuple(column for column in deliveries.c if column is not deliveries.c.subject)
ORDER: Order = {"created_at": deliveries.c.created_at, "id": deliveries.c.id}
LISTING = Listing(
    select(*FIELDS),
    ORDER,
    {
        "state": deliveries.c.state == bindparam("state"),
        **pages.within(deliveries.c.created_at),
    },
)


def lease(connection: Connection, last: Collection[UUID] = ()) -> Leased | None:
    """Lease the delivery that has been due longest; return None if none is due.

    Those of the subscriptions in `last` come after all others.
    """
    at = now()
    due = (
        select(deliveries.c.id, deliveries.c.subscription_id, deliveries.c.attempts)
        .add_columns(subscriptions.c.url, subscriptions.c.secret, deliveries.c.body)
        .join(subscriptions)
        .where(deliveries.c.state == DeliveryState.WAITING, deliveries.c.due_at <= at)
        .order_by(deliveries.c.due_at)
        .limit(1)
        .with_for_update(skip_locked=True, of=deliveries)
    )
    row = connection.execute(due.where(deliveries.c.subscription_id.not_in(last))).one_or_none()
    if row is None and last:
        row = connection.execute(due).one_or_none()
    if row is None:
        return None
    leased = Leased._make(row)._replace(attempts=row.attempts + 1)
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == leased.id)
        .values(attempts=leased.attempts, due_at=at + LEASE)
    )
    return leased


def settle(
    connection: Connection, leased: Leased, failure: str | None, *, final: bool
) -> DeliveryState:
    """Store the result of an attempt; return the new state of the delivery.

    `failure` is None if it was sent; `final` says that retrying is pointless. If another process
    has leased the delivery in the meantime, nothing is stored.
    """
    state = DeliveryState.WAITING
    due_at = now()
    if failure is None:
        state = DeliveryState.SENT
    elif final or leased.attempts > len(WAITS):
        state = DeliveryState.DEAD
    else:
        wait = WAITS[leased.attempts - 1]
        due_at += wait * random.uniform(1, 1 + JITTER)  # noqa: S311 (spreads attempts)
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == leased.id, deliveries.c.attempts == leased.attempts)
        .values(state=state, due_at=due_at, failure=failure and printable(failure[:MAX_FAILURE]))
    )
    return state


def retry(connection: Connection, delivery_id: UUID) -> bool:
    """Make a dead delivery due now, with all its attempts; return False if it is not dead."""
    revived = connection.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery_id, deliveries.c.state == DeliveryState.DEAD)
        .values(state=DeliveryState.WAITING, attempts=0, due_at=now())
    )
    return revived.rowcount == 1


def find(connection: Connection, delivery_id: UUID) -> dict[str, Any] | None:
    """Return the delivery with this id, or None."""
    return pages.one(connection, select(*FIELDS).where(deliveries.c.id == delivery_id))


def oldest_waiting(connection: Connection) -> datetime | None:
    """Return when the oldest waiting delivery was created, or None if none waits."""
    waiting = deliveries.c.state == DeliveryState.WAITING
    found: datetime | None = connection.execute(
        select(func.min(deliveries.c.created_at)).where(waiting)
    ).scalar_one()
    return found


def forget(connection: Connection) -> None:
    """Delete deliveries that were sent more than a week ago."""
    old = (
        select(deliveries.c.id)
        .where(deliveries.c.state == DeliveryState.SENT)
        .where(deliveries.c.due_at < now() - SENT_IS_KEPT)
        # Do not wait for rows that another transaction is deleting.
        .with_for_update(skip_locked=True)
    )
    connection.execute(delete(deliveries).where(deliveries.c.id.in_(old)))
