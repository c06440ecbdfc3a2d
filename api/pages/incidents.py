"""`/incidents`: what is broken, what was, and what caused it; `/incidents/{id}` changes it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from api.database import database
from api.domain.deployments import store as deployments
from api.domain.incidents import reports, store
from api.domain.incidents.model import IncidentChange
from api.domain.incidents.store import LISTINGS, ORDER
from api.domain.kit import pages
from api.domain.kit.errors import InvalidValueError
from api.domain.kit.times import now
from api.domain.kit.types import Name
from api.http import auth
from api.http.problems import InvalidBodyError, found_or_404
from api.pages import paging
from api.pages.blueprint import bp
from api.pages.forms import Form, FormTime, choices, sent
from api.pages.paging import Cursor

# The most open incidents that are listed, the resolved ones of a page, and the deployments before
# an incident that may have caused it.
OPEN = 100
RESOLVED = 30
CANDIDATES = 15


class IncidentsForm(Form):
    """What the incidents are narrowed to, and the page of the resolved ones."""

    service: Name | None = None
    environment: Name | None = None
    cursor: Cursor = None


class ResolutionForm(Form):
    """When an incident ended: now, unless it says so."""

    resolved_at: FormTime | None = None


class CauseForm(Form):
    """The deployment that caused an incident; none has it inferred."""

    deployment_id: UUID | None = None


@bp.get("/incidents")
@auth.page
@bp.input(IncidentsForm, location="query", arg_name="query")
def show_incidents(query: IncidentsForm) -> str:
    """Return the open incidents, then the resolved ones, newest first."""
    after = paging.position(query.cursor)
    with database().read() as connection:
        names = choices(connection)
        is_open = LISTINGS[True].rows(connection, dict(query), OPEN + 1)
        ended = LISTINGS[False].rows(connection, dict(query), RESOLVED + 1, after)
        resolved, older = paging.cut(ended, RESOLVED, lambda row: pages.position(row, ORDER))
        causes = {row["deployment_id"] for row in (*is_open, *resolved)} - {None}
        versions = deployments.versions_of(connection, causes)
    return render_template(
        "incidents.html",
        query=query,
        **names,
        open=is_open[:OPEN],
        more=len(is_open) > OPEN,
        resolved=resolved,
        versions=versions,
        older=older,
    )


@bp.get("/incidents/<uuid:incident_id>")
@auth.page
def show_incident(incident_id: UUID) -> str:
    """Return an incident with the forms that change it, for those who may."""
    with database().read() as connection:
        found = found_or_404(store.find(connection, incident_id), "incident", incident_id)
        candidates = _candidates(connection, found)
    cause = next((row for row in candidates if row["id"] == found["deployment_id"]), None)
    return render_template("incident.html", incident=found, cause=cause, candidates=candidates)


@bp.post("/incidents/<uuid:incident_id>/resolution")
@auth.page
def resolve_incident(incident_id: UUID) -> ResponseReturnValue:
    """Resolve an incident."""
    resolved_at = sent(ResolutionForm).resolved_at or now()
    return _change(incident_id, IncidentChange(resolved_at=resolved_at))


@bp.post("/incidents/<uuid:incident_id>/reopening")
@auth.page
def reopen_incident(incident_id: UUID) -> ResponseReturnValue:
    """Open an incident again."""
    return _change(incident_id, IncidentChange(resolved_at=None))


@bp.post("/incidents/<uuid:incident_id>/cause")
@auth.page
def link_incident(incident_id: UUID) -> ResponseReturnValue:
    """State the deployment that caused an incident, or have it inferred."""
    return _change(incident_id, IncidentChange(deployment_id=sent(CauseForm).deployment_id))


def _candidates(connection: Connection, incident: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the deployments that began before an incident, with the one it is put down to."""
    place = {name: incident[name] for name in ("service", "environment")}
    before = {**place, "until": incident["detected_at"]}
    found = deployments.LISTING.rows(connection, before, CANDIDATES)
    cause = incident["deployment_id"]
    if cause is not None and cause not in {row["id"] for row in found}:
        linked = deployments.find(connection, cause)
        found += [linked] if linked else []
    return found


def _change(incident_id: UUID, changed: IncidentChange) -> ResponseReturnValue:
    """Change an incident as the API does, and lead back to it."""
    try:
        with database().write() as connection:
            found_or_404(reports.hold(connection, incident_id), "incident", incident_id)
            reports.change(connection, incident_id, changed)
    except InvalidValueError as error:
        raise InvalidBodyError(error.pointer, error.detail) from error
    return redirect(url_for(".show_incident", incident_id=incident_id), HTTPStatus.SEE_OTHER)
