"""`/deployments`: record one, read one, list them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint, abort
from flask import url_for
from pydantic import AwareDatetime, BaseModel, Field

from api.database import database
from api.domain import cursor as cursors
from api.domain import deployments as domain
from api.domain.deployments import Filters, NewDeployment
from api.domain.types import Commit, ImageDigest, Kind, Name, Status, Version
from api.problems import InvalidParameterError

bp = APIBlueprint(
    "deployments",
    __name__,
    url_prefix="/deployments",
    tag={"name": "Deployments", "description": "What was deployed, where and when."},
)


class Deployment(BaseModel):
    """A deployment as the ledger tells it; times are in UTC."""

    id: UUID
    service: Name
    environment: Name
    version: Version
    image_digest: ImageDigest | None
    commit: Commit | None
    kind: Kind
    status: Status
    started_at: AwareDatetime
    finished_at: AwareDatetime | None
    created_at: AwareDatetime


class DeploymentPage(BaseModel):
    """Some deployments, newest start first, and where the next ones begin."""

    items: list[Deployment]
    next_cursor: Annotated[
        str | None, Field(description="Ask again with this as cursor; null on the last page.")
    ]


class DeploymentQuery(Filters):
    """The filters of a list, and which part of it."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str | None, Field(max_length=cursors.MAX_LENGTH)] = None


@bp.post("")
@bp.input(NewDeployment, arg_name="new")
@bp.output(Deployment, status_code=201, description="The deployment; Location says where it is.")
@bp.doc(operation_id="recordDeployment", summary="Record a deployment")
def record_deployment(new: NewDeployment) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Record a deployment; its service and environment are created on first sight."""
    with database().write() as connection:
        recorded = domain.record(connection, new)
    location = url_for(".get_deployment", deployment_id=recorded["id"])
    return recorded, 201, {"Location": location}


@bp.get("")
@bp.input(DeploymentQuery, location="query", arg_name="query")
@bp.output(DeploymentPage)
@bp.doc(operation_id="listDeployments", summary="List deployments, newest first")
def list_deployments(query: DeploymentQuery) -> dict[str, Any]:
    """Return a page of deployments; inserts meanwhile neither repeat nor hide one."""
    try:
        after = cursors.decode(query.cursor, query) if query.cursor is not None else None
    except cursors.CursorError as error:
        raise InvalidParameterError("cursor", str(error)) from error
    with database().read() as connection:
        rows = domain.newest(connection, query, query.limit + 1, after)
    items, more = rows[: query.limit], rows[query.limit :]
    last = (items[-1]["started_at"], items[-1]["id"]) if more else None
    return {"items": items, "next_cursor": cursors.encode(last, query) if last else None}


@bp.get("/<uuid:deployment_id>")
@bp.output(Deployment)
@bp.doc(
    operation_id="getDeployment",
    summary="Read a deployment",
    responses={404: "There is no deployment of that id."},
)
def get_deployment(deployment_id: UUID) -> dict[str, Any]:
    """Return one deployment."""
    with database().read() as connection:
        found = domain.find(connection, deployment_id)
    if found is None:
        abort(404, f"There is no deployment {deployment_id}.")
    return found
