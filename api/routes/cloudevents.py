"""`/cloudevents`: receive events by the HTTP binding of CloudEvents, single or in batches."""

from __future__ import annotations

from typing import Annotated, Any

from apiflask import APIBlueprint, abort
from flask import Response, current_app, request
from pydantic import Field, RootModel, ValidationError

from api.domain.events import batches, cloudevents
from api.domain.events.adapter import Received
from api.domain.events.adapters.cdevents import CLOUDEVENTS
from api.domain.events.cloudevents import (
    BATCH,
    BINARY_MARK,
    MAX_BATCH,
    PREFIX,
    STRUCTURED,
    CloudEvent,
    HeaderError,
)
from api.domain.events.interpret import Outcome
from api.domain.kit.models import Model
from api.domain.tokens import READ
from api.http import auth, idempotency, openapi
from api.http.headers import header
from api.http.problems import MAX_FAULTS, InvalidHeaderError, faults
from api.routes.webhooks import DryRun, Headers, Receipt, dry_run_of, location, received, stored_by

bp = APIBlueprint(
    "cloudevents",
    __name__,
    url_prefix="/cloudevents",
    tag={"name": "CloudEvents", "description": "Events from tools that send CloudEvents."},
)

SCOPE = f"ingest:{CLOUDEVENTS.source}"
BINARY = "application/json"
# The handshake of CloudEvents' web hooks (http-webhook.md 1.0.1, section 4).
ORIGIN, ALLOWED_ORIGIN = "WebHook-Request-Origin", "WebHook-Allowed-Origin"
ALLOWED_RATE = "WebHook-Allowed-Rate"
MODES = (
    f"`{STRUCTURED}` is one event, and `{BATCH}` up to {MAX_BATCH} events, all of which are stored"
    " or none. Any other JSON is the data of an event in binary mode, whose attributes are in the"
    " headers `ce-id`, `ce-source`, `ce-specversion`, `ce-type` and any others that begin with"
    " `ce-`. Such an event may have no data, and its data no Content-Type."
)


class CloudEventBatch(RootModel[list[CloudEvent]]):
    """A batch of events."""


class BatchReceipt(Receipt):
    """The result of receiving an event of a batch."""

    duplicate: Annotated[
        bool, Field(description="Whether it was received before, so that nothing changed.")
    ]


class BatchReceipts(Model):
    """The results of receiving a batch, in its order."""

    items: list[BatchReceipt]


class EventsReceipt(RootModel[Receipt | BatchReceipts]):
    """The result of receiving an event or a batch."""


class DryRuns(Model):
    """The results of a dry run of a batch, in its order."""

    items: list[DryRun]


class EventsDryRun(RootModel[DryRun | DryRuns]):
    """The result of a dry run of an event or a batch."""


# Without what is decoded: quotes and percent signs.
PLAIN = r"^[!#$&-~]+$"
Attributes = openapi.reads(
    header("ce-specversion", "Of an event in binary mode.", enum=["1.0"]),
    *(
        header(f"ce-{name}", "Of an event in binary mode.", pattern=PLAIN, maxLength=2048)
        for name in ("id", "source", "type")
    ),
)
Bodies = openapi.accepts({STRUCTURED: CloudEvent, BATCH: CloudEventBatch, BINARY: None})


@bp.post("", provide_automatic_options=False)
@auth.require(SCOPE)
@idempotency.identified_by(lambda name: name.startswith(PREFIX) or name == "content-type")
@Attributes
@Bodies
@bp.output(
    EventsReceipt, status_code=202, description="Stored; at least one event of a batch is new."
)
@bp.doc(
    operation_id="receiveCloudEvents",
    summary="Receive CloudEvents",
    description=f"Store events and project them; repeated events change nothing. {MODES}",
    responses={
        200: "The event, or every event of the batch, was received before.",
        204: "The event was stored, but contains nothing that the ledger records.",
    },
)
def receive_cloud_events() -> Response | tuple[dict[str, Any], int, Headers]:
    """Store events and project them, in one transaction."""
    events = _received()
    rules = current_app.extensions["event_rules"]
    stored = stored_by(
        lambda connection, isolated: batches.receive(
            connection, CLOUDEVENTS, events, rules, isolated=isolated
        )
    )
    if request.mimetype == BATCH:
        items = [{**one.model_dump(), "duplicate": not one.new} for one in stored]
        return {"items": items}, 202 if any(one.new for one in stored) else 200, {}
    (one,) = stored
    if one.new and one.outcome is Outcome.NOT_OURS:
        return Response(status=204, headers=location(one))
    return one.model_dump(), 202 if one.new else 200, location(one)


@bp.route("", methods=["OPTIONS"], provide_automatic_options=False)
@auth.open_to_all
def agree_to_deliveries() -> Response:
    """Tell a sender that asks first that it may deliver events, and how many a minute.

    That allows nothing: a delivery needs a token.
    """
    response = Response(headers={"Allow": "OPTIONS, POST"})
    origin = request.headers.get(ORIGIN)
    if origin is not None:
        response.headers[ALLOWED_ORIGIN] = origin
        response.headers[ALLOWED_RATE] = str(auth.requests_a_minute())
    return response


@bp.post("/dry-run")
@auth.require(SCOPE, READ)
@Attributes
@Bodies
@bp.output(EventsDryRun)
@bp.doc(
    operation_id="dryRunCloudEvents",
    summary="Show how CloudEvents would be recorded",
    description=f"Show how the rules of this ledger map events, without storing them. {MODES}",
)
def dry_run_cloud_events() -> dict[str, Any]:
    """Show how events would be recorded, each as if it were the only one."""
    results = [dry_run_of(CLOUDEVENTS, event) for event in _received()]
    return {"items": results} if request.mimetype == BATCH else results[0]


def _received() -> list[Received]:
    """Parse the events of the current request."""
    try:
        events = cloudevents.read(request.mimetype, dict(request.headers), _body())
    except HeaderError as error:
        raise InvalidHeaderError(error.header, error.detail) from error
    except ValidationError as error:
        abort(422, extra_data={"errors": _faults(error)})
    return [received(CLOUDEVENTS, event) for event in events]


def _body() -> Any:
    """Return the parsed body; None for an event in binary mode that has no data.

    The type of such data is optional, too; what has none is JSON.
    """
    is_binary = BINARY_MARK in request.headers and request.mimetype not in (STRUCTURED, BATCH)
    has_body = request.content_length or "Transfer-Encoding" in request.headers
    if is_binary and not has_body:
        return None
    return request.get_json(force=is_binary and not request.mimetype)


def _faults(error: ValidationError) -> list[dict[str, str]]:
    if request.mimetype in (STRUCTURED, BATCH):
        return faults(error, in_body=True)
    return [
        {"header": f"ce-{fault['parameter']}", "detail": fault["detail"]}
        for fault in faults(error, in_body=False)[:MAX_FAULTS]
    ]
