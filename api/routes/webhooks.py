"""`/webhooks/{source}`: receive events from delivery tools.

Every adapter in WEBHOOKS gets its routes here, so that a new adapter needs no change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, current_app, request
from pydantic import AwareDatetime, ConfigDict, Field, RootModel
from sqlalchemy import Connection

from api.database import database
from api.domain.deployments.model import Status
from api.domain.events import inbox
from api.domain.events.adapter import Adapter, Received
from api.domain.events.adapters import WEBHOOKS
from api.domain.events.interpret import Outcome, interpret
from api.domain.events.projection import NotProjectedError
from api.domain.kit.models import Model
from api.domain.kit.types import Commit, ImageDigest, Line, Name, Version
from api.domain.tokens import READ
from api.http import auth, idempotency, openapi
from api.http.headers import header

bp = APIBlueprint(
    "webhooks",
    __name__,
    url_prefix="",
    tag={"name": "Events in", "description": "Events from delivery tools."},
)

Headers = dict[str, str]
KEPT = "As its sender sends it; it says what the event is, and is kept with it."


class Payload(RootModel[dict[str, Any]]):
    """The body of an event, in its sender's format."""

    model_config = ConfigDict(hide_input_in_errors=True)


class Receipt(Model):
    """The result of receiving an event; `GET /api/v1/events/{id}` returns more."""

    id: UUID
    outcome: Outcome


class MappedDeployment(Model):
    """A deployment to which an event maps."""

    service: Name
    environment: Name
    version: Version
    image_digest: ImageDigest | None
    commit: Commit | None
    config_revision: str | None
    status: Status
    external_id: str | None


class MappedIncident(Model):
    """An incident to which an event maps."""

    service: Name
    environment: Name
    title: Line
    detected_at: AwareDatetime | None
    resolved_at: AwareDatetime | None
    external_id: str | None


class MappedRemoval(Model):
    """The end of what runs in an environment, to which an event maps."""

    service: Annotated[Name | None, Field(description="Null: everything that runs there.")]
    environment: Name
    at: AwareDatetime


class MappedChange(Model):
    """A change to which an event maps."""

    service: Name
    commit: Commit
    committed_at: AwareDatetime
    title: Line | None


class DryRun(Model):
    """The result of a dry run of an event."""

    outcome: Outcome
    reason: str | None
    deployments: list[MappedDeployment]
    incidents: list[MappedIncident]
    environments: Annotated[list[Name], Field(description="The environments that it declares.")]
    removals: list[MappedRemoval]
    changes: list[MappedChange]


def received(adapter: Adapter, body: Any) -> Received:
    """Return an event of the current request with its secrets removed."""
    raw: bytes = request.raw_body()  # type: ignore[attr-defined]
    return inbox.received(adapter, dict(request.headers), body, raw)


def stored_by[Result](receive: Callable[[Connection, bool], Result]) -> Result:
    """Store events in a transaction; if one cannot be projected, in another that isolates each.

    That is rare, and to isolate an event takes two round trips.
    """
    try:
        with database().write() as connection:
            return receive(connection, False)
    except NotProjectedError:
        with database().write() as connection:
            return receive(connection, True)


def location(stored: inbox.StoredEvent) -> Headers:
    """Return the Location header of an event."""
    return {"Location": f"{auth.API_PREFIX}/events/{stored.id}"}


def dry_run_of(adapter: Adapter, event: Received) -> dict[str, Any]:
    """Return how an event would be recorded, as the fields of a DryRun."""
    meaning = interpret(adapter, current_app.extensions["event_rules"], event)
    return {
        "outcome": meaning.outcome,
        "reason": meaning.reason,
        "deployments": [report.model_dump() for report, _ in meaning.deployments],
        "incidents": [report.model_dump() for report in meaning.incidents],
        "environments": [environment.name for environment in meaning.environments],
        "removals": [each._asdict() for each in meaning.removals if not each.leaves],
        "changes": [report.model_dump() for report in meaning.changes],
    }


def _receive(adapter: Adapter) -> Callable[..., Any]:
    def receive(payload: Payload) -> Response | tuple[dict[str, Any], int, Headers]:
        event, rules = received(adapter, payload.root), current_app.extensions["event_rules"]
        stored = stored_by(
            lambda connection, isolated: inbox.receive(
                connection, adapter, event, rules, isolated=isolated
            )
        )
        if stored.new and stored.outcome is Outcome.NOT_OURS and adapter.takes_no_content:
            return Response(status=204, headers=location(stored))
        receipt = stored.model_dump(include={"id", "outcome"})
        return receipt, 202 if stored.new else 200, location(stored)

    return receive


def _dry_run(adapter: Adapter) -> Callable[..., Any]:
    def dry_run(payload: Payload) -> dict[str, Any]:
        return dry_run_of(adapter, received(adapter, payload.root))

    return dry_run


def _add(adapter: Adapter) -> None:
    """Add the two routes of an adapter."""
    title, url = adapter.source.capitalize(), f"/webhooks/{adapter.source}"
    receive = bp.doc(
        operation_id=f"receive{title}Event",
        summary=f"Receive an event from {adapter.source}",
        description="Store an event and project it; a repeated delivery changes nothing.",
        responses={
            200: "The event was received before.",
            204: "The event was stored, but contains nothing that the ledger records.",
        },
    )(
        bp.output(Receipt, status_code=202, description="The event was stored.")(
            bp.input(Payload, arg_name="payload")(_receive(adapter))
        )
    )
    receive = auth.require(f"ingest:{adapter.source}")(receive)
    names = adapter.headers - {"user-agent"}
    spelled = [name.title().replace("Github", "GitHub") for name in sorted(names)]
    headers = [header(name, KEPT) for name in spelled]
    receive = idempotency.identified_by(names.__contains__)(openapi.reads(*headers)(receive))
    if adapter.signature is not None:
        receive = auth.signed_by(adapter.source, adapter.signature, adapter.verify)(receive)
    bp.add_url_rule(url, f"receive_{adapter.source}", receive, methods=["POST"])
    dry_run = bp.doc(
        operation_id=f"dryRun{title}Event",
        summary=f"Show how an event from {adapter.source} would be recorded",
        description="Show how the rules of this ledger map an event, without storing it.",
    )(bp.output(DryRun)(bp.input(Payload, arg_name="payload")(_dry_run(adapter))))
    dry_run = openapi.reads(*headers)(dry_run)
    dry_run = auth.require(f"ingest:{adapter.source}", READ)(dry_run)
    bp.add_url_rule(f"{url}/dry-run", f"dry_run_{adapter.source}", dry_run, methods=["POST"])


for webhook in WEBHOOKS:
    _add(webhook)
