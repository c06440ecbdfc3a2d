"""`/webhooks/{source}`: where delivery tools send their events.

One way in for each adapter: a further one needs no line here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, current_app, request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, RootModel
from werkzeug.exceptions import BadRequest

from api.database import database
from api.domain.deployments.model import Status
from api.domain.events import inbox
from api.domain.events.adapter import Adapter, Received
from api.domain.events.adapters import WEBHOOKS
from api.domain.events.interpret import Outcome, interpret
from api.domain.kit.types import Commit, ImageDigest, Line, Name, Version
from api.domain.tokens import READ
from api.http import auth

bp = APIBlueprint(
    "webhooks",
    __name__,
    url_prefix="",
    tag={"name": "Events in", "description": "What delivery tools send."},
)

Headers = dict[str, str]


class Payload(RootModel[dict[str, Any]]):
    """An event's body, as its sender makes it."""

    model_config = ConfigDict(hide_input_in_errors=True)


class Receipt(BaseModel):
    """What became of an event; `GET /api/v1/events/{id}` tells more."""

    id: UUID
    outcome: Outcome


class MappedDeployment(BaseModel):
    """A deployment that an event would tell of."""

    service: Name
    environment: Name
    version: Version
    image_digest: ImageDigest | None
    commit: Commit | None
    config_revision: str | None
    status: Status
    external_id: str | None


class MappedIncident(BaseModel):
    """An incident that an event would tell of."""

    service: Name
    environment: Name
    title: Line
    detected_at: AwareDatetime | None
    resolved_at: AwareDatetime | None
    external_id: str | None


class DryRun(BaseModel):
    """What an event would become."""

    outcome: Outcome
    reason: str | None
    deployments: list[MappedDeployment]
    incidents: list[MappedIncident]
    environments: Annotated[list[Name], Field(description="Those that it makes known by itself.")]


def received(adapter: Adapter, body: Any) -> Received:
    """Return one of the events of the current request, without what is secret in it."""
    raw: bytes = request.raw_body()  # type: ignore[attr-defined]
    try:
        return inbox.received(adapter, dict(request.headers), body, raw)
    except RecursionError as error:
        raise BadRequest("The body is nested too deeply.") from error


def where(told: inbox.StoredEvent) -> Headers:
    """Return the header that says where an event is."""
    return {"Location": f"{auth.API_PREFIX}/events/{told.id}"}


def would_be(adapter: Adapter, came: Received) -> dict[str, Any]:
    """Return what an event would become, as a DryRun."""
    meaning = interpret(adapter, current_app.extensions["event_rules"], came)
    return {
        "outcome": meaning.outcome,
        "reason": meaning.reason,
        "deployments": [report.model_dump() for report, _ in meaning.deployments],
        "incidents": [each.model_dump() for each in meaning.incidents],
        "environments": [each.name for each in meaning.environments],
    }


def _receive(adapter: Adapter) -> Callable[..., Any]:
    def receive(payload: Payload) -> Response | tuple[dict[str, Any], int, Headers]:
        came = received(adapter, payload.root)
        with database().write() as connection:
            told = inbox.receive(connection, adapter, came, current_app.extensions["event_rules"])
        if told.new and told.outcome is Outcome.NOT_OURS:
            return Response(status=204, headers=where(told))
        return told.model_dump(include={"id", "outcome"}), 202 if told.new else 200, where(told)

    return receive


def _dry_run(adapter: Adapter) -> Callable[..., Any]:
    def dry_run(payload: Payload) -> dict[str, Any]:
        return would_be(adapter, received(adapter, payload.root))

    return dry_run


def _add(adapter: Adapter) -> None:
    """Make the two routes of an adapter."""
    title, url = adapter.source.capitalize(), f"/webhooks/{adapter.source}"
    receive = bp.doc(
        operation_id=f"receive{title}Event",
        summary=f"Receive an event of {adapter.source}",
        description="Store an event and project it; the same delivery again changes nothing.",
        responses={
            200: "It came before.",
            204: "It was stored, and tells nothing that the ledger records.",
        },
    )(
        bp.output(Receipt, status_code=202, description="It is stored.")(
            bp.input(Payload, arg_name="payload")(_receive(adapter))
        )
    )
    receive = auth.require(f"ingest:{adapter.source}")(receive)
    if adapter.signature is not None:
        receive = auth.signed_by(adapter.source, adapter.signature)(receive)
    bp.add_url_rule(url, f"receive_{adapter.source}", receive, methods=["POST"])
    dry_run = bp.doc(
        operation_id=f"dryRun{title}Event",
        summary=f"Show what an event of {adapter.source} would become",
        description="Say how an event maps by the rules of this ledger, and store nothing.",
    )(bp.output(DryRun)(bp.input(Payload, arg_name="payload")(_dry_run(adapter))))
    dry_run = auth.require(f"ingest:{adapter.source}", READ)(dry_run)
    bp.add_url_rule(f"{url}/dry-run", f"dry_run_{adapter.source}", dry_run, methods=["POST"])


for each in WEBHOOKS:
    _add(each)
