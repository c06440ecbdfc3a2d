"""`/deployments`: record one, read one, list them, say what became of one."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint, abort
from flask import url_for
from pydantic import AwareDatetime, BaseModel, Field

from api import metrics
from api.database import database
from api.domain import recording
from api.domain.deployments import store, transitions
from api.domain.deployments.evidence import reading
from api.domain.deployments.evidence.statements import conflicts, witnesses
from api.domain.deployments.model import DeploymentChange, Kind, NewDeployment, Status
from api.domain.deployments.store import Filters
from api.domain.kit.errors import ConflictError
from api.domain.kit.types import Commit, ImageDigest, Link, Name, Version
from api.http import etags
from api.routes import lists
from api.routes.lists import NextCursor, PageQuery

bp = APIBlueprint(
    "deployments",
    __name__,
    url_prefix="/deployments",
    tag={"name": "Deployments", "description": "What was deployed, where and when."},
)

UNKNOWN = "There is no deployment of that id."


class Deployment(BaseModel):
    """A deployment as the ledger tells it; times are in UTC."""

    id: UUID
    service: Name
    environment: Name
    version: Version
    image_digest: ImageDigest | None
    commit: Commit | None
    config_revision: str | None
    kind: Kind
    status: Status
    started_at: AwareDatetime
    finished_at: AwareDatetime | None
    actor: str | None
    links: list[Link]
    source: Name
    external_id: str | None
    created_at: Annotated[AwareDatetime, Field(description="When it was first reported.")]


class DeploymentPage(BaseModel):
    """Some deployments, newest start first, and where the next ones begin."""

    items: list[Deployment]
    next_cursor: NextCursor


class Said(BaseModel):
    """What one event or one report said of a deployment."""

    source: Name
    external_id: str | None
    event_id: Annotated[UUID | None, Field(description="Null for a report without an event.")]
    sequence: Annotated[
        int | None, Field(description="The greater is the newer, where the sender numbers them.")
    ]
    said: Annotated[dict[str, Any], Field(examples=[{"version": "1.4.2", "status": "succeeded"}])]
    correction: Annotated[bool, Field(description="Whether a person has said it.")]
    created_at: AwareDatetime


class Evidence(BaseModel):
    """All that was said of a deployment, in the order in which it came."""

    items: list[Said]
    conflicts: Annotated[
        list[str],
        Field(description="The fields that sources disagree on.", examples=[["version"]]),
    ]


class DeploymentQuery(Filters, PageQuery):
    """The filters of a list, and which part of it."""


@bp.post("")
@bp.input(NewDeployment, arg_name="new")
@bp.output(Deployment, status_code=201, description="The deployment; Location says where it is.")
@bp.doc(
    operation_id="recordDeployment",
    summary="Record a deployment",
    responses={
        200: "The deployment that the source has reported before, with what this report adds.",
        409: "The source has reported it before, and said something else.",
    },
)
def record_deployment(new: NewDeployment) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Record a deployment; its service and environment are created on first sight."""
    try:
        with database().write() as connection:
            recorded, created = recording.report_deployment(connection, new)
    except ConflictError as error:
        abort(409, str(error))
    metrics.note_lag(new.finished_at or new.started_at)
    location = url_for(".get_deployment", deployment_id=recorded["id"])
    return recorded, 201 if created else 200, {"Location": location}


@bp.get("")
@bp.input(DeploymentQuery, location="query", arg_name="query")
@bp.output(DeploymentPage)
@bp.doc(operation_id="listDeployments", summary="List deployments, newest first")
def list_deployments(query: DeploymentQuery) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return a page of deployments; inserts meanwhile neither repeat nor hide one."""
    return lists.page(query, store.selected(query), store.ORDER)


@bp.get("/<uuid:deployment_id>")
@bp.output(Deployment)
@bp.doc(operation_id="getDeployment", summary="Read a deployment", responses={404: UNKNOWN})
def get_deployment(deployment_id: UUID) -> dict[str, Any]:
    """Return one deployment."""
    with database().read() as connection:
        found = store.find(connection, deployment_id)
    if found is None:
        abort(404, f"There is no deployment {deployment_id}.")
    return found


@bp.get("/<uuid:deployment_id>/evidence")
@bp.output(Evidence)
@bp.doc(
    operation_id="getDeploymentEvidence",
    summary="Read what a deployment is known from",
    responses={404: UNKNOWN},
)
def get_evidence(deployment_id: UUID) -> dict[str, Any]:
    """Return what each event and report said of a deployment that events tell of.

    It is empty for one that was only reported.
    """
    with database().read() as connection:
        if store.find(connection, deployment_id) is None:
            abort(404, f"There is no deployment {deployment_id}.")
        said = reading.evidence_of(connection, deployment_id)
    items = [each._asdict() for each in said]
    return {"items": items, "conflicts": conflicts(witnesses(said))}


@bp.patch("/<uuid:deployment_id>")
@bp.input(DeploymentChange, arg_name="changed")
@bp.output(Deployment)
@bp.doc(
    operation_id="changeDeployment",
    summary="Say what became of a deployment",
    responses={
        404: UNKNOWN,
        409: "A deployment with its status cannot become that.",
        412: "It has changed since the ETag in If-Match.",
    },
)
def change_deployment(deployment_id: UUID, changed: DeploymentChange) -> dict[str, Any]:
    """Change a deployment's status, and what else is known better now.

    pending → running, succeeded, failed or cancelled; running → succeeded, failed or cancelled;
    from there nowhere.
    """
    try:
        with database().write() as connection:
            found = transitions.hold(connection, deployment_id)
            if found is None:
                abort(404, f"There is no deployment {deployment_id}.")
            etags.check(found, Deployment)
            recording.change_deployment(connection, deployment_id, changed)
            return store.find(connection, deployment_id) or found
    except ConflictError as error:
        abort(409, str(error))
