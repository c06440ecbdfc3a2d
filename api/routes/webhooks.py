"""`/webhooks/{source}` and its like: where delivery tools send their events.

One way in for each adapter: a further one needs no line here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, current_app, request
from pydantic import BaseModel, ConfigDict, RootModel
from werkzeug.exceptions import BadRequest

from api import auth
from api.database import database
from api.domain.events import inbox
from api.domain.events.adapter import Adapter, Received
from api.domain.events.adapters import ADAPTERS
from api.domain.events.interpret import Outcome, interpret
from api.domain.tokens import READ
from api.domain.types import Commit, ImageDigest, Name, Status, Version

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


class DryRun(BaseModel):
    """What an event would become."""

    outcome: Outcome
    reason: str | None
    deployments: list[MappedDeployment]


def _receive(adapter: Adapter) -> Callable[..., Any]:
    def receive(payload: Payload) -> Response | tuple[dict[str, Any], int, Headers]:
        came = _received(adapter, payload)
        with database().write() as connection:
            told = inbox.receive(connection, adapter, came, current_app.extensions["event_rules"])
        location = {"Location": f"{auth.API_PREFIX}/events/{told.id}"}
        if told.new and told.outcome is Outcome.NOT_OURS:
            return Response(status=204, headers=location)
        return told.model_dump(include={"id", "outcome"}), 202 if told.new else 200, location

    return receive


def _dry_run(adapter: Adapter) -> Callable[..., Any]:
    def dry_run(payload: Payload) -> dict[str, Any]:
        came = _received(adapter, payload)
        meaning = interpret(adapter, current_app.extensions["event_rules"], came)
        reports = [report.model_dump() for report, _ in meaning.facts]
        return {"outcome": meaning.outcome, "reason": meaning.reason, "deployments": reports}

    return dry_run


def _received(adapter: Adapter, payload: Payload) -> Received:
    raw: bytes = request.raw_body()  # type: ignore[attr-defined]
    try:
        return inbox.received(adapter, dict(request.headers), payload.root, raw)
    except RecursionError as error:
        raise BadRequest("The body is nested too deeply.") from error


def _add(adapter: Adapter) -> None:
    """Make the two routes of an adapter."""
    title = adapter.source.capitalize()
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
    bp.add_url_rule(adapter.url, f"receive_{adapter.source}", receive, methods=["POST"])
    dry_run = bp.doc(
        operation_id=f"dryRun{title}Event",
        summary=f"Show what an event of {adapter.source} would become",
        description="Say how an event maps by the rules of this ledger, and store nothing.",
    )(bp.output(DryRun)(bp.input(Payload, arg_name="payload")(_dry_run(adapter))))
    dry_run = auth.require(f"ingest:{adapter.source}", READ)(dry_run)
    bp.add_url_rule(
        f"{adapter.url}/dry-run", f"dry_run_{adapter.source}", dry_run, methods=["POST"]
    )


for each in ADAPTERS.values():
    _add(each)
