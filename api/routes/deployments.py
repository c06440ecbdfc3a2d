"""`/deployments`: record, read, list, update and delete deployments."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import structlog
from apiflask import APIBlueprint, abort
from flask import url_for
from pydantic import AwareDatetime, BaseModel, Field

from api import metrics
from api.database import database
from api.domain import deletions, recording
from api.domain.deployments import nearby, store, transitions
from api.domain.deployments.model import DeploymentChange, Kind, NewDeployment, Status
from api.domain.deployments.store import Filters
from api.domain.deployments.witnesses import conflicts, witnesses
from api.domain.kit.errors import ConflictError
from api.domain.kit.types import Commit, ImageDigest, Link, Name, Version
from api.http import auth, etags
from api.http.problems import found_or_404
from api.routes import lists
from api.routes.lists import NextCursor, PageQuery

bp = APIBlueprint(
    "deployments",
    __name__,
    url_prefix="/deployments",
    tag={"name": "Deployments", "description": "Deployments of services to environments."},
)

UNKNOWN = "There is no deployment with this id."

log = structlog.get_logger()


class Deployment(BaseModel):
    """A deployment; times are in UTC."""

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
    """A page of deployments, newest start first."""

    items: list[Deployment]
    next_cursor: NextCursor


class EvidenceStatement(BaseModel):
    """What an event or a report states about a deployment."""

    source: Name
    external_id: str | None
    event_id: Annotated[UUID | None, Field(description="Null for a report without an event.")]
    sequence: Annotated[
        int | None,
        Field(description="The sender's sequence number, if it has one; the greater is newer."),
    ]
    said: Annotated[
        dict[str, Any],
        Field(
            description="The stated fields.",
            examples=[{"version": "1.4.2", "status": "succeeded"}],
        ),
    ]
    correction: Annotated[bool, Field(description="Whether it is a correction by a person.")]
    created_at: AwareDatetime


class Evidence(BaseModel):
    """All statements about a deployment, in the order in which they were received."""

    items: list[EvidenceStatement]
    conflicts: Annotated[
        list[str],
        Field(description="The fields on which sources disagree.", examples=[["version"]]),
    ]


class DeploymentQuery(Filters, PageQuery):
    """The filters and the page of a list."""


@bp.post("")
@bp.input(NewDeployment, arg_name="new")
@bp.output(Deployment, status_code=201, description="The new deployment; Location is its URL.")
@bp.doc(
    operation_id="recordDeployment",
    summary="Record a deployment",
    responses={
        200: "The deployment, which the source has reported before, with this report merged.",
        409: "It contradicts an earlier report by the same source.",
    },
)
def record_deployment(new: NewDeployment) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Record a deployment; its service and environment are created if they do not exist."""
    try:
        with database().write() as connection:
            recorded, created = recording.report_deployment(connection, new)
    except ConflictError as error:
        abort(409, str(error))
    metrics.observe_lag(new.finished_at or new.started_at)
    location = url_for(".get_deployment", deployment_id=recorded["id"])
    return recorded, 201 if created else 200, {"Location": location}


@bp.get("")
@bp.input(DeploymentQuery, location="query", arg_name="query")
@bp.output(DeploymentPage)
@bp.doc(operation_id="listDeployments", summary="List deployments, newest first")
def list_deployments(query: DeploymentQuery) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return a page of deployments; concurrent inserts neither repeat nor hide one."""
    return lists.page(query, store.LISTING)


@bp.get("/<uuid:deployment_id>")
@bp.output(Deployment)
@bp.doc(operation_id="getDeployment", summary="Read a deployment", responses={404: UNKNOWN})
def get_deployment(deployment_id: UUID) -> dict[str, Any]:
    """Return one deployment."""
    with database().read() as connection:
        return found_or_404(store.find(connection, deployment_id), "deployment", deployment_id)


@bp.get("/<uuid:deployment_id>/evidence")
@bp.output(Evidence)
@bp.doc(
    operation_id="getDeploymentEvidence",
    summary="Read the evidence of a deployment",
    responses={404: UNKNOWN},
)
def get_evidence(deployment_id: UUID) -> dict[str, Any]:
    """Return what each event and report stated about a deployment.

    The list is empty for a deployment without events, which is exactly as it was reported.
    """
    with database().read() as connection:
        found_or_404(store.find(connection, deployment_id), "deployment", deployment_id)
        statements = nearby.evidence_of(connection, deployment_id)
    items = [statement._asdict() for statement in statements]
    return {"items": items, "conflicts": conflicts(witnesses(statements))}


@bp.patch("/<uuid:deployment_id>")
@bp.input(DeploymentChange, arg_name="changed")
@bp.output(Deployment)
@bp.doc(
    operation_id="changeDeployment",
    summary="Update a deployment",
    responses={
        404: UNKNOWN,
        409: "Its status does not allow this change.",
        412: "It has changed since the ETag in If-Match.",
    },
)
def change_deployment(deployment_id: UUID, changed: DeploymentChange) -> dict[str, Any]:
    """Change a deployment's status, and complete its other fields.

    Allowed transitions: pending → running, succeeded, failed or cancelled; running → succeeded,
    failed or cancelled. The other statuses are final.
    """
    try:
        with database().write() as connection:
            found = found_or_404(
                transitions.hold(connection, deployment_id), "deployment", deployment_id
            )
            etags.check(found, Deployment)
            recording.change_deployment(connection, deployment_id, changed)
            return store.find(connection, deployment_id) or found
    except ConflictError as error:
        abort(409, str(error))


@bp.delete("/<uuid:deployment_id>")
@auth.require("admin")
@bp.output({}, status_code=204, description="It is deleted.")
@bp.doc(
    operation_id="deleteDeployment",
    summary="Delete a deployment",
    responses={404: UNKNOWN, 412: "It has changed since the ETag in If-Match."},
)
def delete_deployment(deployment_id: UUID) -> tuple[str, int]:
    """Delete a deployment, as if it had never been reported.

    Incidents that it caused stay. Events about it, stored or still to come, do not bring it back.
    The log and the list of deletions say who deleted it.
    """
    with database().write() as connection:
        found = found_or_404(
            transitions.hold(connection, deployment_id), "deployment", deployment_id
        )
        etags.check(found, Deployment)
        deleted = deletions.delete_deployment(connection, deployment_id, auth.caller_name())
    log.info("deleted", **deleted)  # once it is committed
    return "", 204
