"""The transactional outbox: notifications are stored in the transaction that causes them.

Imports, replays and rebuilds cause none. A deployment is announced only if it finished within the
last day and after the subscription was created, and once to each subscription.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import Connection, select, true
from uuid_utils.compat import uuid7

from api.domain.deployments.model import Kind, Status
from api.domain.deployments.store import find_all
from api.domain.kit.records import records_of
from api.domain.kit.sql import Insert, insert_into
from api.domain.kit.times import now
from api.domain.lookups import Subscription
from api.domain.notifications.subscriptions import Type
from api.domain.promotions.pending import made_pending
from api.domain.promotions.queue import steps
from api.domain.stages import stages
from api.tables import deliveries, subscriptions

Deployment = Mapping[str, Any]
NEWS = timedelta(hours=24)
ROWS = records_of(deliveries, "rows")
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


class Message(NamedTuple):
    """A notification; each subscription gets one with the same type and subject only once."""

    type: Type
    subject: str
    at: datetime
    data: dict[str, Any]

    @property
    def body(self) -> str:
        """Return what is sent."""
        body = {"type": self.type, "timestamp": self.at, "data": self.data}
        return json.dumps(to_jsonable_python(body))


def announce(
    connection: Connection,
    reported: Mapping[UUID, Deployment | None],
    subscribed: Sequence[Subscription],
) -> None:
    """Store the notifications that deployments, just reported, cause; None are looked up.

    Called at most once in a transaction, after everything else.
    """
    new = {
        identifier: known
        for identifier, known in reported.items()
        if known is None or _is_news(known)
    }
    if new and subscribed:
        found = find_all(connection, {identifier for identifier, known in new.items() if not known})
        known = (known or found.get(identifier) for identifier, known in new.items())
        _announce(connection, subscribed, [each for each in known if each and _is_news(each)])


def _announce(
    connection: Connection, subscribed: Sequence[Subscription], news: Collection[Deployment]
) -> None:
    wanted = {kind for subscription in subscribed for kind in subscription.types}
    pending = _pending(connection, news) if Type.PENDING in wanted else {}
    messages: list[Message] = []
    for deployment in news:
        if Type.FINISHED in wanted:
            messages.append(_finished(deployment))
        messages += pending.get(deployment["id"], ())
    _store(connection, subscribed, messages)


def _is_news(deployment: Deployment) -> bool:
    finished_at: datetime | None = deployment["finished_at"]
    return finished_at is not None and finished_at > now() - NEWS


def _finished(deployment: Deployment) -> Message:
    subject = f"{deployment['id']} {deployment['status']}"
    return Message(Type.FINISHED, subject, deployment["finished_at"], dict(deployment))


def _pending(connection: Connection, news: Collection[Deployment]) -> Mapping[UUID, list[Message]]:
    """Return the promotions to the next environments that successes make pending, by their ids."""
    found: dict[UUID, list[Message]] = defaultdict(list)
    new = {
        deployment["id"]: deployment
        for deployment in news
        if deployment["status"] == Status.SUCCEEDED and deployment["kind"] != Kind.RESYNC
    }
    if not new:
        return found
    here = {deployment["environment"] for deployment in new.values()}
    following = [step for step in steps(stages(connection)) if step[0] in here]
    services = {deployment["service"] for deployment in new.values()}
    for (upstream, downstream), item in made_pending(connection, following, services, new):
        deployment = new[item["deployment_id"]]
        data = {"from": upstream, "to": downstream, **{name: item[name] for name in SENT}}
        subject = f"{deployment['id']} {downstream}"
        message = Message(Type.PENDING, subject, deployment["finished_at"], data)
        found[deployment["id"]].append(message)
    return found


def _store(
    connection: Connection, subscribed: Sequence[Subscription], messages: Iterable[Message]
) -> None:
    at = now()
    rows = [
        {
            "id": uuid7(),
            "subscription_id": subscription_id,
            "type": message.type,
            "subject": message.subject,
            # The signature covers this text, so every attempt must send the same.
            "body": body,
            "state": "waiting",
            "attempts": 0,
            "due_at": at,
            "failure": None,
            "created_at": at,
        }
        for message in messages
        if (wanted := [each.id for each in subscribed if _wants(each, message)])
        for body in [message.body]
        for subscription_id in wanted
    ]
    if rows:
        dialect = connection.dialect
        connection.execute(_insertion(dialect.name), {ROWS.name: ROWS.packed(dialect, rows)})


@cache
def _insertion(dialect: str) -> Insert:
    """Return the INSERT of those deliveries that are new.

    Nobody deletes a subscription before its deliveries are committed; one that is gone gets none.
    """
    rows = ROWS.table(dialect)
    known = (
        select(rows)
        .join(subscriptions, subscriptions.c.id == rows.c.subscription_id)
        .where(true())  # without, SQLite takes the conflict for a part of the SELECT
        .with_for_update(read=True, key_share=True, of=subscriptions)
    )
    inserted = insert_into(dialect, deliveries).from_select(list(ROWS.columns), known)
    return inserted.on_conflict_do_nothing()


def _wants(subscription: Subscription, message: Message) -> bool:
    return message.type in subscription.types and subscription.created_at <= message.at
