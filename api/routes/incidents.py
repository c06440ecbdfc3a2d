"""`/incidents`: report, read, list and update incidents."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint, abort
from flask import Response, url_for
from pydantic import AwareDatetime, Field

from api import metrics
from api.database import database
from api.domain.incidents import reports, store
from api.domain.incidents.causes import Cause
from api.domain.incidents.model import IncidentChange, NewIncident
from api.domain.incidents.store import Filters
from api.domain.kit.errors import ConflictError, InvalidValueError
from api.domain.kit.models import Model
from api.domain.kit.types import Line, Link, Name
from api.http import etags, unchanged
from api.http.problems import InvalidBodyError, found_or_404
from api.routes import lists
from api.routes.lists import NextCursor, PageQuery

bp = APIBlueprint(
    "incidents",
    __name__,
    url_prefix="/incidents",
    tag={"name": "Incidents", "description": "Incidents and the deployments that caused them."},
)

UNKNOWN = "There is no incident with this id."


class Incident(Model):
    """An incident; times are in UTC."""

    id: UUID
    service: Name
    environment: Name
    title: Line
    detected_at: AwareDatetime
    resolved_at: Annotated[AwareDatetime | None, Field(description="Null while it is open.")]
    deployment_id: Annotated[
        UUID | None, Field(description="The deployment to which it is attributed.")
    ]
    link: Annotated[
        Cause | None,
        Field(
            description="How it is attributed: `stated` by a report or correction, or `inferred` as"
            " the latest deployment that finished there in the 72 hours before."
        ),
    ]
    links: list[Link]
    source: Name
    external_id: str | None
    created_at: Annotated[AwareDatetime, Field(description="When it was first reported.")]


class IncidentPage(Model):
    """A page of incidents, newest detection first."""

    items: list[Incident]
    next_cursor: NextCursor


class IncidentQuery(Filters, PageQuery):
    """The filters and the page of a list."""


@bp.post("")
@bp.input(NewIncident, arg_name="new")
@bp.output(Incident, status_code=201, description="The new incident; Location is its URL.")
@bp.doc(
    operation_id="recordIncident",
    summary="Report an incident",
    responses={
        200: "The incident, which the source has reported before, with this report merged.",
        409: "It contradicts an earlier report by the same source.",
    },
)
def record_incident(new: NewIncident) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Report an incident; its service and environment are created if they do not exist.

    Reports by a source may arrive in any order: the incident has the earliest detection with its
    title, and the latest resolution.
    """
    try:
        with database().write() as connection:
            recorded, created = reports.record(connection, new)
    except ConflictError as error:
        abort(409, str(error))
    except InvalidValueError as error:
        raise InvalidBodyError(error.pointer, error.detail) from error
    metrics.observe_lag(new.resolved_at or new.detected_at)
    location = url_for(".get_incident", incident_id=recorded["id"])
    return recorded, 201 if created else 200, {"Location": location}


@bp.get("")
@bp.input(IncidentQuery, location="query", arg_name="query")
@unchanged.while_nothing_is_written
@bp.output(IncidentPage)
@bp.doc(operation_id="listIncidents", summary="List incidents, newest first")
def list_incidents(query: IncidentQuery) -> Response:
    """Return a page of incidents; concurrent inserts neither repeat nor hide one."""
    return lists.page(query, store.LISTINGS[query.is_open], Incident)


@bp.get("/<uuid:incident_id>")
@bp.output(Incident)
@bp.doc(operation_id="getIncident", summary="Read an incident", responses={404: UNKNOWN})
def get_incident(incident_id: UUID) -> dict[str, Any]:
    """Return one incident."""
    with database().read() as connection:
        return found_or_404(store.find(connection, incident_id), "incident", incident_id)


@bp.patch("/<uuid:incident_id>")
@bp.input(IncidentChange, arg_name="changed")
@bp.output(Incident)
@bp.doc(
    operation_id="changeIncident",
    summary="Resolve or correct an incident",
    responses={404: UNKNOWN, 412: "It has changed since the ETag in If-Match."},
)
def change_incident(incident_id: UUID, changed: IncidentChange) -> dict[str, Any]:
    """Resolve or reopen an incident, state the deployment that caused it, or correct other fields.

    Later reports do not change a corrected field until it is set to null here.
    """
    try:
        with database().write() as connection:
            found = found_or_404(reports.hold(connection, incident_id), "incident", incident_id)
            etags.check(found, Incident)
            reports.change(connection, incident_id, changed)
            return store.find(connection, incident_id) or found
    except InvalidValueError as error:
        raise InvalidBodyError(error.pointer, error.detail) from error
