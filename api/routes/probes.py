"""The index of the API and the probes of the service: liveness and readiness."""

from __future__ import annotations

from typing import Annotated

from apiflask import APIBlueprint, abort
from flask import current_app, url_for
from pydantic import Field

from api.domain.kit.models import Model
from api.health import DatabaseProbe, NotReadyError
from api.http.problems import RETRY_AFTER_S
from api.version import VERSION

bp = APIBlueprint("service", __name__, tag={"name": "Service", "description": "The ledger itself."})


class Index(Model):
    """The entry points of the API."""

    service: Annotated[str, Field(examples=["slipway"])]
    version: Annotated[str, Field(examples=["0.1.0"])]
    links: Annotated[dict[str, str], Field(examples=[{"matrix": "/api/v1/matrix"}])]


class Health(Model):
    """The process is alive."""

    status: Annotated[str, Field(examples=["ok"])]


class Readiness(Model):
    """The service can serve requests."""

    status: Annotated[str, Field(examples=["ready"])]
    schema_revision: Annotated[str, Field(examples=["0004"])]


@bp.get("/")
@bp.output(Index)
@bp.doc(operation_id="getIndex", summary="List the entry points of the API")
def index() -> dict[str, object]:
    """Return links to the resources of the API."""
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
        "docs": url_for("pages.show_operations"),
        "openapi": url_for("openapi.spec"),
        "metrics": url_for("metrics"),
    }
    return {"service": "slipway", "version": VERSION, "links": links}


@bp.get("/healthz")
@bp.output(Health)
@bp.doc(operation_id="getHealth", summary="Check whether the process is alive")
def healthz() -> dict[str, str]:
    """Answer 200, without checking the database: a restart would not repair it."""
    return {"status": "ok"}


@bp.get("/readyz")
@bp.output(Readiness)
@bp.doc(
    operation_id="getReadiness",
    summary="Check whether the service can serve requests",
    responses={503: "The database cannot serve, accepts no writes, or its schema is too old."},
)
def readyz() -> dict[str, str]:
    """Answer 200 if the database answers and its schema is new enough, else 503 with the reason."""
    probe: DatabaseProbe = current_app.extensions["database_probe"]
    try:
        revision = probe.check()
    except NotReadyError as error:
        abort(503, f"Not ready: {error}.", headers={"Retry-After": RETRY_AFTER_S})
    return {"status": "ready", "schema_revision": revision}
