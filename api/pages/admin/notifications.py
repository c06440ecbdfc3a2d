"""`/admin/notifications`: who is told what, and the deliveries that were given up."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from apiflask import abort
from flask import Response, current_app, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from api.database import database
from api.domain.kit import pages
from api.domain.kit.errors import InvalidValueError
from api.domain.notifications import deliveries, subscriptions
from api.domain.notifications.deliveries import DeliveryState
from api.domain.notifications.subscriptions import NewSubscription, Type
from api.domain.tokens import ADMIN
from api.http import auth
from api.http.problems import InvalidBodyError, abort_unknown, found_or_404
from api.pages import paging
from api.pages.admin.secrets import shown_once
from api.pages.blueprint import bp
from api.pages.forms import Form, sent
from api.pages.paging import Cursor

DELIVERIES = 30


class NotificationsForm(Form):
    """The page of the deliveries that were given up."""

    cursor: Cursor = None


@bp.get("/admin/notifications")
@auth.page
@auth.require(ADMIN)
@bp.input(NotificationsForm, location="query", arg_name="query")
def show_notifications(query: NotificationsForm) -> str:
    """Return the subscriptions, and the deliveries that were given up, newest first."""
    after = paging.position(query.cursor)
    dead = {"state": DeliveryState.DEAD}
    with database().read() as connection:
        subscribed = subscriptions.LISTING.rows(connection)
        found = deliveries.LISTING.rows(connection, dead, DELIVERIES + 1, after)
        waiting = deliveries.oldest_waiting(connection)
    items, older = paging.cut(found, DELIVERIES, lambda row: pages.position(row, deliveries.ORDER))
    return render_template(
        "admin/notifications.html",
        subscriptions=subscribed,
        urls={row["id"]: row["url"] for row in subscribed},
        deliveries=items,
        older=older,
        is_first=query.cursor is None,
        waiting=waiting,
        types=list(Type),
    )


@bp.post("/admin/subscriptions")
@auth.page
@auth.require(ADMIN)
def create_subscription() -> Response:
    """Create a subscription, and show its secret this once."""
    new = sent(NewSubscription)
    private_hosts = current_app.extensions["settings"].notification_private_hosts()
    try:
        with database().write() as connection:
            created, secret = subscriptions.create(connection, new, private_hosts)
    except InvalidValueError as error:
        raise InvalidBodyError(error.pointer, error.detail) from error
    return shown_once("subscription", created["url"], secret, url_for("pages.show_notifications"))


@bp.get("/admin/subscriptions/<uuid:subscription_id>")
@auth.page
@auth.require(ADMIN)
def show_subscription(subscription_id: UUID) -> str:
    """Return a subscription with the button that deletes it."""
    with database().read() as connection:
        known = subscriptions.find(connection, subscription_id)
    found = found_or_404(known, "subscription", subscription_id)
    return render_template("admin/subscription.html", subscription=found)


@bp.post("/admin/subscriptions/<uuid:subscription_id>/deletion")
@auth.page
@auth.require(ADMIN)
def delete_subscription(subscription_id: UUID) -> ResponseReturnValue:
    """Delete a subscription with its deliveries."""
    with database().write() as connection:
        if not subscriptions.remove(connection, subscription_id):
            abort_unknown("subscription", subscription_id)
    return redirect(url_for("pages.show_notifications"), HTTPStatus.SEE_OTHER)


@bp.post("/admin/deliveries/<uuid:delivery_id>/retry")
@auth.page
@auth.require(ADMIN)
def retry_delivery(delivery_id: UUID) -> ResponseReturnValue:
    """Make a delivery that was given up due now."""
    with database().write() as connection:
        revived = deliveries.retry(connection, delivery_id)
        found = found_or_404(deliveries.find(connection, delivery_id), "delivery", delivery_id)
    if not revived:
        abort(HTTPStatus.CONFLICT, f"The delivery {delivery_id} is {found['state']}, not dead.")
    return redirect(url_for("pages.show_notifications"), HTTPStatus.SEE_OTHER)
