"""The transactional outbox: notifications are stored in the transaction that causes them.

Imports, replays and rebuilds cause none. A deployment is announced only if it finished within the
last day and after the subscription was created, and once to each subscription.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import Connection, Row, select
from uuid_utils.compat import uuid7

from api.domain.deployments.model import Kind, Status
from api.domain.deployments.store import find
from api.domain.kit.sql import insert_new
from api.domain.kit.times import now
from api.domain.notifications.subscriptions import Type
from api.domain.promotions import pending as promotions
from api.tables import deliveries, environments, subscriptions

NEWS = timedelta(hours=24)
# The fields of a pending promotion that a notification contains; the API has the rest.
SENT = (
    "service",
    "version",
    "image_digest",
    "commit",
    "deployment_id",
    "waiting_since",
    "replaces",
    "blockers",
    "change_count",
)
# Nobody deletes one before its deliveries are committed.
SUBSCRIBED = (
    select(subscriptions).order_by(subscriptions.c.id).with_for_update(read=True, key_share=True)
)


class Message(NamedTuple):
    """A notification; each subscription gets one with the same type and subject only once."""

    type: Type
    subject: str
    at: datetime
    data: dict[str, Any]


def announce(connection: Connection, deployment_ids: Sequence[UUID]) -> None:
    """Store the notifications that these deployments, just reported, cause.

    Called at most once in a transaction, after everything else.
    """
    if not deployment_ids:
        return
    subscribed = connection.execute(SUBSCRIBED).all()
    if not subscribed:
        return
    wanted = {kind for subscription in subscribed for kind in subscription.types}
    for deployment_id in deployment_ids:
        deployment = find(connection, deployment_id)
        if deployment is None or not _is_news(deployment["finished_at"]):
            continue
        if Type.FINISHED in wanted:
            _store(connection, subscribed, _finished(deployment))
        if Type.PENDING in wanted:
            for message in _pending(connection, deployment):
                _store(connection, subscribed, message)


def _is_news(finished_at: datetime | None) -> bool:
    return finished_at is not None and finished_at > now() - NEWS


def _finished(deployment: dict[str, Any]) -> Message:
    subject = f"{deployment['id']} {deployment['status']}"
    return Message(Type.FINISHED, subject, deployment["finished_at"], deployment)


def _pending(connection: Connection, deployment: dict[str, Any]) -> Iterable[Message]:
    """Yield the promotions to the next environments that a successful deployment makes pending."""
    if deployment["status"] != Status.SUCCEEDED or deployment["kind"] == Kind.RESYNC:
        return
    upstream, service = deployment["environment"], deployment["service"]
    for downstream in _next(connection, upstream):
        for item in promotions.pending(connection, upstream, downstream, service):
            if item["deployment_id"] == deployment["id"]:
                data = {"from": upstream, "to": downstream, **{name: item[name] for name in SENT}}
                subject = f"{deployment['id']} {downstream}"
                yield Message(Type.PENDING, subject, deployment["finished_at"], data)


def _next(connection: Connection, name: str) -> Sequence[str]:
    """Return the names of the environments with the next higher promotion order.

    Previews come and go: nothing is promoted from them or to them.
    """
    lasting = ~environments.c.transient
    here = select(environments.c.promotion_order).where(lasting, environments.c.name == name)
    later = (
        select(environments.c.promotion_order)
        .where(lasting, environments.c.promotion_order > here.scalar_subquery())
        .order_by(environments.c.promotion_order)
        .limit(1)
    )
    following = select(environments.c.name).where(
        lasting, environments.c.promotion_order == later.scalar_subquery()
    )
    return connection.execute(following.order_by(environments.c.name)).scalars().all()


def _store(connection: Connection, subscribed: Sequence[Row[Any]], message: Message) -> None:
    body = {"type": message.type, "timestamp": message.at, "data": message.data}
    at = now()
    rows = [
        {
            "id": uuid7(),
            "subscription_id": subscription.id,
            "type": message.type,
            "subject": message.subject,
            # The signature covers this text, so every attempt must send the same.
            "body": json.dumps(to_jsonable_python(body)),
            "state": "waiting",
            "attempts": 0,
            "due_at": at,
            "created_at": at,
        }
        for subscription in subscribed
        if message.type in subscription.types and subscription.created_at <= message.at
    ]
    if rows:
        connection.execute(insert_new(connection, deliveries), rows)
