"""The service itself: where to begin, whether it lives, and whether it is ready."""

from __future__ import annotations

from typing import Annotated

from apiflask import APIBlueprint, abort
from flask import current_app, url_for
from pydantic import BaseModel, Field

from api.health import DatabaseProbe, NotReadyError
from api.version import VERSION

bp = APIBlueprint("service", __name__, tag={"name": "Service", "description": "The ledger itself."})


class Index(BaseModel):
    """Where to begin."""

    service: Annotated[str, Field(examples=["slipway"])]
    version: Annotated[str, Field(examples=["0.1.0"])]
    links: Annotated[dict[str, str], Field(examples=[{"matrix": "/api/v1/matrix"}])]


class Health(BaseModel):
    """The process answers."""

    status: Annotated[str, Field(examples=["ok"])]


class Readiness(BaseModel):
    """The service can do its work."""

    status: Annotated[str, Field(examples=["ready"])]
    schema_revision: Annotated[str, Field(examples=["0004"])]


@bp.get("/")
@bp.output(Index)
@bp.doc(operation_id="getIndex", summary="List where to begin")
def index() -> dict[str, object]:
    """Return the links of the API."""
    links = {
        "services": url_for("services.list_services"),
        "environments": url_for("environments.list_environments"),
        "deployments": url_for("deployments.list_deployments"),
        "incidents": url_for("incidents.list_incidents"),
        "changes": url_for("changes.list_changes"),
        "declarations": url_for("declarations.list_declarations"),
        "matrix": url_for("matrix.get_matrix"),
        "promotions": url_for("promotions.list_pending"),
        "dora": url_for("dora.get_metrics"),
        "openapi": url_for("openapi.spec"),
        "metrics": url_for("metrics"),
    }
    return {"service": "slipway", "version": VERSION, "links": links}


@bp.get("/healthz")
@bp.output(Health)
@bp.doc(operation_id="getHealth", summary="Say whether the process lives")
def healthz() -> dict[str, str]:
    """Answer, and touch nothing outside the process: a restart would not mend a database."""
    return {"status": "ok"}


@bp.get("/readyz")
@bp.output(Readiness)
@bp.doc(
    operation_id="getReadiness",
    summary="Say whether the service can do its work",
    responses={503: "The database does not answer, or its schema is too old."},
)
def readyz() -> dict[str, str]:
    """Answer 200 when the database answers and its schema is new enough, else 503 and why."""
    probe: DatabaseProbe = current_app.extensions["database_probe"]
    try:
        revision = probe.check()
    except NotReadyError as error:
        abort(503, f"Not ready: {error}.")
    return {"status": "ready", "schema_revision": revision}
