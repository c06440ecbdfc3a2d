"""`/subscriptions`: create, read, list and delete subscriptions; needs the scope admin."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, current_app, url_for
from pydantic import AwareDatetime, Field

from api.database import database
from api.domain.kit.errors import InvalidValueError
from api.domain.kit.models import Model
from api.domain.notifications import subscriptions as domain
from api.domain.notifications.subscriptions import NewSubscription, Type
from api.http import auth
from api.http.problems import InvalidBodyError, abort_unknown, found_or_404
from api.routes import lists
from api.routes.lists import NextCursor, PageQuery

bp = APIBlueprint(
    "subscriptions",
    __name__,
    url_prefix="/subscriptions",
    tag={"name": "Subscriptions", "description": "Subscriptions to signed webhooks."},
)

UNKNOWN = "There is no subscription with this id."


class Subscription(Model):
    """A subscription without its secret; times are in UTC."""

    id: UUID
    url: Annotated[str, Field(examples=["https://chat.example.com/hooks/releases"])]
    types: list[Type]
    created_at: AwareDatetime


class CreatedSubscription(Subscription):
    """A new subscription with its secret."""

    secret: Annotated[
        str,
        Field(
            description="The secret that signs its webhooks; it is not shown again.",
            examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        ),
    ]


class SubscriptionPage(Model):
    """A page of subscriptions, newest first."""

    items: list[Subscription]
    next_cursor: NextCursor


@bp.post("")
@auth.require("admin")
@bp.input(NewSubscription, arg_name="new")
@bp.output(
    CreatedSubscription, status_code=201, description="The new subscription; Location is its URL."
)
@bp.doc(operation_id="createSubscription", summary="Create a subscription")
def create_subscription(new: NewSubscription) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Create a subscription; only this response shows its secret."""
    private_hosts = current_app.extensions["settings"].notification_private_hosts()
    try:
        with database().write() as connection:
            created, secret = domain.create(connection, new, private_hosts)
    except InvalidValueError as error:
        raise InvalidBodyError(error.pointer, error.detail) from error
    location = url_for(".get_subscription", subscription_id=created["id"])
    return {**created, "secret": secret}, 201, {"Location": location, "Cache-Control": "no-store"}


@bp.get("")
@auth.require("admin")
@bp.input(PageQuery, location="query", arg_name="query")
@bp.output(SubscriptionPage)
@bp.doc(operation_id="listSubscriptions", summary="List subscriptions, newest first")
def list_subscriptions(query: PageQuery) -> Response:
    """Return a page of subscriptions, without their secrets."""
    return lists.page(query, domain.LISTING, Subscription)


@bp.get("/<uuid:subscription_id>")
@auth.require("admin")
@bp.output(Subscription)
@bp.doc(operation_id="getSubscription", summary="Read a subscription", responses={404: UNKNOWN})
def get_subscription(subscription_id: UUID) -> dict[str, Any]:
    """Return one subscription, without its secret."""
    with database().read() as connection:
        return found_or_404(
            domain.find(connection, subscription_id), "subscription", subscription_id
        )


@bp.delete("/<uuid:subscription_id>")
@auth.require("admin")
@bp.output({}, status_code=204, description="The subscription was deleted.")
@bp.doc(
    operation_id="deleteSubscription", summary="Delete a subscription", responses={404: UNKNOWN}
)
def delete_subscription(subscription_id: UUID) -> tuple[str, int]:
    """Delete a subscription and its deliveries; nothing more is sent to it."""
    with database().write() as connection:
        if not domain.remove(connection, subscription_id):
            abort_unknown("subscription", subscription_id)
    return "", 204
