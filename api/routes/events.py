"""`/events`: list, read and replay received events."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint, abort
from flask import Response, current_app
from pydantic import AwareDatetime, Field

from api.database import database
from api.domain.events import inbox, store
from api.domain.events.interpret import Outcome
from api.domain.events.store import Filters
from api.domain.kit.models import Model
from api.domain.kit.types import ImageDigest, Name
from api.domain.tokens import ADMIN
from api.http import auth
from api.http.problems import found_or_404
from api.routes import lists
from api.routes.lists import NextCursor, PageQuery

bp = APIBlueprint(
    "events",
    __name__,
    url_prefix="/events",
    tag={"name": "Events", "description": "Received events and their outcomes."},
)

UNKNOWN = "There is no event with this id."


class Event(Model):
    """A received event without its content; times are in UTC."""

    id: UUID
    source: Name
    delivery_id: Annotated[str, Field(examples=["72d3162e-cc78-11e3-81ab-4c9367dc0958"])]
    received_at: AwareDatetime
    outcome: Outcome
    reason: Annotated[
        str | None,
        Field(examples=["ping is not about deployments"], description="The reason of the outcome."),
    ]
    body_digest: Annotated[ImageDigest, Field(description="The digest of the received body.")]


class EventDetail(Event):
    """An event and the records that it contributed to; only an admin sees its content."""

    deployments: list[UUID]
    incidents: list[UUID]
    headers: Annotated[
        dict[str, str] | None, Field(examples=[{"x-github-event": "deployment_status"}])
    ] = None
    body: Annotated[
        dict[str, Any] | None,
        Field(examples=[{"action": "created"}], description="The body, with secrets removed."),
    ] = None


class EventPage(Model):
    """A page of events, newest first."""

    items: list[Event]
    next_cursor: NextCursor


class EventQuery(Filters, PageQuery):
    """The filters and the page of a list."""


@bp.get("")
@bp.input(EventQuery, location="query", arg_name="query")
@bp.output(EventPage)
@bp.doc(operation_id="listEvents", summary="List events, newest first")
def list_events(query: EventQuery) -> Response:
    """Return a page of events, without their content."""
    return lists.page(query, store.LISTING, Event)


@bp.get("/<uuid:event_id>")
@bp.output(EventDetail)
@bp.doc(operation_id="getEvent", summary="Read an event", responses={404: UNKNOWN})
def get_event(event_id: UUID) -> dict[str, Any]:
    """Return one event; its headers and body are null unless the caller is an admin."""
    who = auth.caller()
    with database().read() as connection:
        found = found_or_404(store.find(connection, event_id), "event", event_id)
        if who is not None and who.may(ADMIN):
            found |= store.content(connection, event_id)
    return {"headers": None, "body": None, **found}


@bp.post("/<uuid:event_id>/replay")
@auth.require("admin")
@bp.output(EventDetail, status_code=202, description="The event with its new outcome.")
@bp.doc(operation_id="replayEvent", summary="Project an event again", responses={404: UNKNOWN})
def replay_event(event_id: UUID) -> tuple[dict[str, Any], int]:
    """Undo what the event recorded, and project it again by the current rules."""
    with database().write() as connection:
        if not inbox.replay(connection, event_id, current_app.extensions["event_rules"]):
            abort(404, f"There is no event {event_id}.")
        found = store.find(connection, event_id)
        assert found is not None  # noqa: S101 (it is locked)
        found |= store.content(connection, event_id)
    return found, 202
