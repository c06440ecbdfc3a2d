"""`/deliveries`: what was sent to subscribers, what waits, and what was given up."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint, abort
from pydantic import AwareDatetime, BaseModel, Field

from api.database import database
from api.domain.notifications import deliveries as domain
from api.domain.notifications.deliveries import DeliveryState, Filters
from api.domain.notifications.subscriptions import Type
from api.http import auth
from api.routes import lists
from api.routes.lists import NextCursor, PageQuery

bp = APIBlueprint(
    "deliveries",
    __name__,
    url_prefix="/deliveries",
    tag={"name": "Deliveries", "description": "What was sent, what waits, what was given up."},
)

UNKNOWN = "There is no delivery of that id."


class Delivery(BaseModel):
    """What is sent to a subscriber; times are in UTC."""

    id: Annotated[UUID, Field(description="The header webhook-id has it, after `msg_`.")]
    subscription_id: UUID
    type: Type
    state: DeliveryState
    attempts: int
    due_at: Annotated[
        AwareDatetime, Field(description="When the next attempt follows, or the last one was.")
    ]
    failure: Annotated[
        str | None, Field(examples=["answered 503"], description="Why the last attempt failed.")
    ]
    body: Annotated[
        str,
        Field(
            description="What is sent, and signed: JSON as a text.",
            examples=['{"type": "deployment.finished", "timestamp": "…", "data": {}}'],
        ),
    ]
    created_at: AwareDatetime


class DeliveryPage(BaseModel):
    """Some deliveries, newest first, and where the next ones begin."""

    items: list[Delivery]
    next_cursor: NextCursor


class DeliveryQuery(Filters, PageQuery):
    """The filters of a list, and which part of it."""


@bp.get("")
@auth.require("admin")
@bp.input(DeliveryQuery, location="query", arg_name="query")
@bp.output(DeliveryPage)
@bp.doc(operation_id="listDeliveries", summary="List deliveries, newest first")
def list_deliveries(query: DeliveryQuery) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return a page of deliveries; with `state=dead`, of what was given up."""
    return lists.page(query, domain.selected(query), domain.ORDER)


@bp.post("/<uuid:delivery_id>/retry")
@auth.require("admin")
@bp.output(Delivery, status_code=202, description="It is due now.")
@bp.doc(
    operation_id="retryDelivery",
    summary="Try a dead delivery again",
    responses={404: UNKNOWN, 409: "It is not dead."},
)
def retry_delivery(delivery_id: UUID) -> tuple[dict[str, Any], int]:
    """Make a dead delivery due, with all its attempts."""
    with database().write() as connection:
        revived = domain.retry(connection, delivery_id)
        found = domain.find(connection, delivery_id)
    if found is None:
        abort(404, f"There is no delivery {delivery_id}.")
    if not revived:
        abort(409, f"The delivery {delivery_id} is {found['state']}, not dead.")
    return found, 202
