"""`/deliveries`: list the webhooks to subscribers, and retry dead ones."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint, abort
from flask import Response
from pydantic import AwareDatetime, Field

from api.database import database
from api.domain.kit.models import Model
from api.domain.notifications import deliveries as domain
from api.domain.notifications.deliveries import DeliveryState, Filters
from api.domain.notifications.subscriptions import Type
from api.http import auth
from api.http.problems import found_or_404
from api.routes import lists
from api.routes.lists import NextCursor, PageQuery

bp = APIBlueprint(
    "deliveries",
    __name__,
    url_prefix="/deliveries",
    tag={"name": "Deliveries", "description": "Webhooks sent, waiting and given up."},
)

UNKNOWN = "There is no delivery with this id."


class Delivery(Model):
    """A webhook to a subscriber; times are in UTC."""

    id: Annotated[UUID, Field(description="The header webhook-id is `msg_` and this id.")]
    subscription_id: UUID
    type: Type
    state: DeliveryState
    attempts: int
    due_at: Annotated[
        AwareDatetime, Field(description="The time of the next attempt, or of the last one.")
    ]
    failure: Annotated[
        str | None, Field(examples=["answered 503"], description="Why the last attempt failed.")
    ]
    body: Annotated[
        str,
        Field(
            description="The signed body of the webhook: JSON as text.",
            examples=['{"type": "deployment.finished", "timestamp": "…", "data": {}}'],
        ),
    ]
    created_at: AwareDatetime


class DeliveryPage(Model):
    """A page of deliveries, newest first."""

    items: list[Delivery]
    next_cursor: NextCursor


class DeliveryQuery(Filters, PageQuery):
    """The filters and the page of a list."""


@bp.get("")
@auth.require("admin")
@bp.input(DeliveryQuery, location="query", arg_name="query")
@bp.output(DeliveryPage)
@bp.doc(operation_id="listDeliveries", summary="List deliveries, newest first")
def list_deliveries(query: DeliveryQuery) -> Response:
    """Return a page of deliveries; `state=dead` selects those that were given up."""
    return lists.page(query, domain.LISTING, Delivery)


@bp.post("/<uuid:delivery_id>/retry")
@auth.require("admin")
@bp.output(Delivery, status_code=202, description="It is due now.")
@bp.doc(
    operation_id="retryDelivery",
    summary="Retry a dead delivery",
    responses={404: UNKNOWN, 409: "It is not dead."},
)
def retry_delivery(delivery_id: UUID) -> tuple[dict[str, Any], int]:
    """Make a dead delivery due now, with all its attempts."""
    with database().write() as connection:
        revived = domain.retry(connection, delivery_id)
        found = found_or_404(domain.find(connection, delivery_id), "delivery", delivery_id)
    if not revived:
        abort(409, f"The delivery {delivery_id} is {found['state']}, not dead.")
    return found, 202
