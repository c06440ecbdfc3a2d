"""Subscriptions: where to send which notifications, and the secret that signs them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field
from sqlalchemy import Connection, delete, insert, select
from uuid_utils.compat import uuid7

from api.domain.kit import pages, sql
from api.domain.kit.errors import InvalidValueError
from api.domain.kit.models import Incoming
from api.domain.kit.pages import Listing, Order
from api.domain.kit.times import now
from api.domain.notifications import addresses
from api.tables import deliveries, subscriptions

# Standard Webhooks asks for 24 to 64 random bytes.
SECRET_BYTES = 32


class Type(StrEnum):
    """The type of a notification."""

    FINISHED = "deployment.finished"
    PENDING = "promotion.pending"


def _sorted(types: list[Type]) -> list[Type]:
    return sorted(set(types))


class NewSubscription(Incoming):
    """A request for a subscription."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "url": "https://chat.example.com/hooks/releases",
                "types": ["deployment.finished", "promotion.pending"],
            }
        },
    )

    url: Annotated[
        str,
        Field(
            min_length=1,
            max_length=addresses.MAX_URL,
            description="Where to send notifications; https only.",
            examples=["https://chat.example.com/hooks/releases"],
        ),
    ]
    types: Annotated[
        list[Type],
        Field(min_length=1, max_length=20, description="Which notifications to send."),
        AfterValidator(_sorted),
    ]


# The columns that are shown: all but the secret.
FIELDS = tuple(column for column in subscriptions.c if column is not subscriptions.c.secret)
ORDER: Order = {"created_at": subscriptions.c.created_at, "id": subscriptions.c.id}
LISTING = Listing(select(*FIELDS), ORDER)


def create(
    connection: Connection, new: NewSubscription, private_hosts: Collection[str]
) -> tuple[dict[str, Any], str]:
    """Create a subscription; return it and its secret, which is not shown again.

    `private_hosts` are the hosts that may have private addresses. Raises InvalidValueError if
    nothing may be sent to the URL.
    """
    try:
        addresses.parse(new.url, private_hosts)
    except addresses.RefusedError as error:
        raise InvalidValueError("/url", str(error)) from error
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    row = {"id": uuid7(), **new.model_dump(mode="json"), "secret": secret, "created_at": now()}
    connection.execute(insert(subscriptions), row)
    return {column.name: row[column.name] for column in FIELDS}, secret


def find(connection: Connection, subscription_id: UUID) -> dict[str, Any] | None:
    """Return the subscription with this id, without its secret, or None."""
    return pages.one(connection, select(*FIELDS).where(subscriptions.c.id == subscription_id))


def remove(connection: Connection, subscription_id: UUID) -> bool:
    """Delete a subscription and its deliveries; return False if the id is unknown."""
    # Those who add deliveries refer to its row.
    sql.lock_table(connection, subscriptions, "EXCLUSIVE")
    sql.without_time_limit(connection)
    connection.execute(delete(deliveries).where(deliveries.c.subscription_id == subscription_id))
    deleted = connection.execute(delete(subscriptions).where(subscriptions.c.id == subscription_id))
    return deleted.rowcount == 1
