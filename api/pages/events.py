"""`/events/{id}`: an event as it was received, what became of it, and for admins its content."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import current_app, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from api.database import database
from api.domain.deployments import store as deployments
from api.domain.events import inbox, store
from api.domain.tokens import ADMIN
from api.http import auth
from api.http.problems import abort_unknown, found_or_404
from api.pages.blueprint import bp


@bp.get("/events/<uuid:event_id>")
@auth.page
def show_event(event_id: UUID) -> str:
    """Return an event and the records that it contributed to; its content if an admin asks."""
    who = auth.caller()
    content: dict[str, Any] = {}
    with database().read() as connection:
        found = found_or_404(store.find(connection, event_id), "event", event_id)
        versions = deployments.versions_of(connection, found["deployments"])
        if who is not None and who.may(ADMIN):
            content = store.content(connection, event_id)
    body = content.get("body")
    return render_template(
        "event.html",
        event=found,
        versions=versions,
        content=content,
        body=None if body is None else json.dumps(body, ensure_ascii=False, indent=2),
    )


@bp.post("/events/<uuid:event_id>/replay")
@auth.page
@auth.require(ADMIN)
def replay_event(event_id: UUID) -> ResponseReturnValue:
    """Project an event again, by the current rules."""
    with database().write() as connection:
        if not inbox.replay(connection, event_id, current_app.extensions["event_rules"]):
            abort_unknown("event", event_id)
    return redirect(url_for("pages.show_event", event_id=event_id), HTTPStatus.SEE_OTHER)
