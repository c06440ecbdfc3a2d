"""`/events`: what came in, what became of it, and once more."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint, abort
from flask import current_app
from pydantic import AwareDatetime, BaseModel, Field

from api.database import database
from api.domain.events import inbox
from api.domain.events.inbox import Filters
from api.domain.events.interpret import Outcome
from api.domain.kit.types import ImageDigest, Name
from api.domain.tokens import ADMIN
from api.http import auth
from api.routes import lists
from api.routes.lists import NextCursor, PageQuery

bp = APIBlueprint(
    "events",
    __name__,
    url_prefix="/events",
    tag={"name": "Events", "description": "What came in, and what became of it."},
)

UNKNOWN = "There is no event of that id."


class Event(BaseModel):
    """An event without its content; times are in UTC."""

    id: UUID
    source: Name
    delivery_id: Annotated[str, Field(examples=["72d3162e-cc78-11e3-81ab-4c9367dc0958"])]
    received_at: AwareDatetime
    outcome: Outcome
    reason: Annotated[
        str | None, Field(examples=["ping is not about deployments"], description="Why.")
    ]
    body_digest: Annotated[ImageDigest, Field(description="The digest of what was sent.")]


class EventDetail(Event):
    """An event and what it tells of; only an admin is shown its content."""

    deployments: list[UUID]
    incidents: list[UUID]
    headers: Annotated[
        dict[str, str] | None, Field(examples=[{"x-github-event": "deployment_status"}])
    ] = None
    body: Annotated[
        dict[str, Any] | None,
        Field(examples=[{"action": "created"}], description="Without what is secret in it."),
    ] = None


class EventPage(BaseModel):
    """Some events, newest first, and where the next ones begin."""

    items: list[Event]
    next_cursor: NextCursor


class EventQuery(Filters, PageQuery):
    """The filters of a list, and which part of it."""


@bp.get("")
@bp.input(EventQuery, location="query", arg_name="query")
@bp.output(EventPage)
@bp.doc(operation_id="listEvents", summary="List events, newest first")
def list_events(query: EventQuery) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return a page of events, without their content."""
    return lists.page(query, inbox.selected(query), inbox.ORDER)


@bp.get("/<uuid:event_id>")
@bp.output(EventDetail)
@bp.doc(operation_id="getEvent", summary="Read an event", responses={404: UNKNOWN})
def get_event(event_id: UUID) -> dict[str, Any]:
    """Return one event; to an admin with its headers and body, to others with null for both."""
    who = auth.caller()
    with database().read() as connection:
        found = inbox.find(connection, event_id)
        if found is None:
            abort(404, f"There is no event {event_id}.")
        if who is not None and who.may(ADMIN):
            found |= inbox.content(connection, event_id)
    return {"headers": None, "body": None, **found}


@bp.post("/<uuid:event_id>/replay")
@auth.require("admin")
@bp.output(EventDetail, status_code=202, description="The event, and what became of it now.")
@bp.doc(operation_id="replayEvent", summary="Project an event again", responses={404: UNKNOWN})
def replay_event(event_id: UUID) -> tuple[dict[str, Any], int]:
    """Take back what the event has told, and project it by the rules of now."""
    with database().write() as connection:
        if not inbox.replay(connection, event_id, current_app.extensions["event_rules"]):
            abort(404, f"There is no event {event_id}.")
        found = inbox.find(connection, event_id)
        assert found is not None  # noqa: S101 (it is held)
        found |= inbox.content(connection, event_id)
    return found, 202
