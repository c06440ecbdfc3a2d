"""`/cloudevents`: events by the CloudEvents binding for HTTP, one or a batch of them."""

from __future__ import annotations

from typing import Annotated, Any

from apiflask import APIBlueprint, abort
from flask import Response, current_app, request
from pydantic import BaseModel, Field, RootModel, ValidationError

from api.database import database
from api.domain.events import cloudevents, inbox
from api.domain.events.adapter import Received
from api.domain.events.adapters.cdevents import CLOUDEVENTS
from api.domain.events.cloudevents import BATCH, MAX_BATCH, STRUCTURED, CloudEvent, HeaderError
from api.domain.events.interpret import Outcome
from api.domain.tokens import READ
from api.http import auth, openapi
from api.http.problems import MAX_FAULTS, InvalidHeaderError, faults
from api.routes.webhooks import DryRun, Headers, Receipt, received, where, would_be

bp = APIBlueprint(
    "cloudevents",
    __name__,
    url_prefix="/cloudevents",
    tag={"name": "CloudEvents", "description": "What tools send that speak CloudEvents."},
)

SCOPE = f"ingest:{CLOUDEVENTS.source}"
BINARY = "application/json"
MODES = (
    f"`{STRUCTURED}` is one event and `{BATCH}` up to {MAX_BATCH}, all of them or none. Any other"
    " JSON is the data of an event in binary mode, whose attributes are in the headers `ce-id`,"
    " `ce-source`, `ce-specversion`, `ce-type` and whatever else begins with `ce-`."
)


class CloudEventBatch(RootModel[list[CloudEvent]]):
    """Several events, each with attributes of its own."""


class BatchReceipt(Receipt):
    """What became of an event of a batch."""

    duplicate: Annotated[bool, Field(description="Whether it came before, and changed nothing.")]


class BatchReceipts(BaseModel):
    """What became of each event of a batch, in the order of the batch."""

    items: list[BatchReceipt]


class EventsReceipt(RootModel[Receipt | BatchReceipts]):
    """What became of an event; of a batch, what became of each."""


class DryRuns(BaseModel):
    """What each event of a batch would become, in the order of the batch."""

    items: list[DryRun]


class EventsDryRun(RootModel[DryRun | DryRuns]):
    """What an event would become; of a batch, what each would."""


Bodies = openapi.takes({STRUCTURED: CloudEvent, BATCH: CloudEventBatch, BINARY: None})


@bp.post("")
@auth.require(SCOPE)
@Bodies
@bp.output(EventsReceipt, status_code=202, description="Stored; of a batch, at least one is new.")
@bp.doc(
    operation_id="receiveCloudEvents",
    summary="Receive CloudEvents",
    description=f"Store events and project them; the same ones again change nothing. {MODES}",
    responses={
        200: "It came before, or every event of the batch did.",
        204: "It was stored, and tells nothing that the ledger records.",
    },
)
def receive_cloud_events() -> Response | tuple[dict[str, Any], int, Headers]:
    """Store events and project them, in one transaction."""
    came = _received()
    rules = current_app.extensions["event_rules"]
    with database().write() as connection:
        told = [inbox.receive(connection, CLOUDEVENTS, each, rules) for each in came]
    if request.mimetype == BATCH:
        items = [{**each.model_dump(), "duplicate": not each.new} for each in told]
        return {"items": items}, 202 if any(each.new for each in told) else 200, {}
    (one,) = told
    if one.new and one.outcome is Outcome.NOT_OURS:
        return Response(status=204, headers=where(one))
    return one.model_dump(), 202 if one.new else 200, where(one)


@bp.post("/dry-run")
@auth.require(SCOPE, READ)
@Bodies
@bp.output(EventsDryRun)
@bp.doc(
    operation_id="dryRunCloudEvents",
    summary="Show what CloudEvents would become",
    description=f"Say how events map by the rules of this ledger, and store nothing. {MODES}",
)
def dry_run_cloud_events() -> dict[str, Any]:
    """Say what events would become, each as if it came alone."""
    would = [would_be(CLOUDEVENTS, each) for each in _received()]
    return {"items": would} if request.mimetype == BATCH else would[0]


def _received() -> list[Received]:
    """Return the events of the current request."""
    body = request.get_json()
    try:
        events = cloudevents.read(request.mimetype, dict(request.headers), body)
    except HeaderError as error:
        raise InvalidHeaderError(error.header, error.detail) from error
    except ValidationError as error:
        abort(422, extra_data={"errors": _faults(error)})
    return [received(CLOUDEVENTS, event) for event in events]


def _faults(error: ValidationError) -> list[dict[str, str]]:
    if request.mimetype in (STRUCTURED, BATCH):
        return faults(error, in_body=True)
    return [
        {"header": f"ce-{each['parameter']}", "detail": each["detail"]}
        for each in faults(error, in_body=False)[:MAX_FAULTS]
    ]
