"""`/deployments`: record, read, list, update and delete deployments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

import structlog
from apiflask import APIBlueprint, abort
from flask import Response, url_for
from pydantic import AwareDatetime, BaseModel, Field, RootModel

from api import metrics
from api.database import database
from api.domain import deletions, recording
from api.domain.deployments import nearby, store, transitions
from api.domain.deployments.model import (
    DeploymentChange,
    DeploymentReports,
    Kind,
    NewDeployment,
    Status,
)
from api.domain.deployments.store import Filters
from api.domain.deployments.witnesses import conflicts, witnesses
from api.domain.kit.errors import ConflictError, ContradictionError
from api.domain.kit.models import Model
from api.domain.kit.types import Commit, ImageDigest, Link, Name, Version
from api.http import auth, bodies, etags, problems, strict, unchanged
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


class Deployment(Model):
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


class DeploymentPage(Model):
    """A page of deployments, newest start first."""

    items: list[Deployment]
    next_cursor: NextCursor


class DeploymentAnswer(Model):
    """The answer to a report of a list."""

    status: Annotated[
        Literal[200, 201],
        Field(description="201 if it made the deployment, 200 if that was reported before."),
    ]
    deployment: Annotated[
        Deployment, Field(description="The deployment as all reports of the list have made it.")
    ]


class DeploymentAnswers(Model):
    """The answers to a list of reports, in its order."""

    items: list[DeploymentAnswer]


class RecordedDeployments(RootModel[Deployment | DeploymentAnswers]):
    """The deployment of a report, or the answers to a list of reports."""


class EvidenceStatement(Model):
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


class Evidence(Model):
    """All statements about a deployment, in the order in which they were received."""

    items: list[EvidenceStatement]
    conflicts: Annotated[
        list[str],
        Field(description="The fields on which sources disagree.", examples=[["version"]]),
    ]


class DeploymentQuery(Filters, PageQuery):
    """The filters and the page of a list."""


@bp.post("")
@strict.takes_lists
@bp.input(DeploymentReports, arg_name="told")
@bp.output(
    RecordedDeployments,
    status_code=201,
    description="The new deployment, whose URL is in Location; or the answers to a list, at least"
    " one of whose deployments is new.",
)
@bp.doc(
    operation_id="recordDeployment",
    summary="Record a deployment, or a list of them",
    responses={
        200: "The deployment, which the source has reported before, with this report merged; or the"
        " answers to a list, none of whose deployments is new.",
        409: "It contradicts an earlier report by the same source. `errors` lists which reports of"
        " a list do; none of it was recorded.",
    },
)
def record_deployment(told: DeploymentReports) -> tuple[BaseModel, int, dict[str, str]]:
    """Record a deployment; its service and environment are created if they do not exist.

    Of a list of up to 1000 reports, all are recorded or none.
    """
    if isinstance(told.root, list):
        return _record_list(told.root)
    try:
        with database().write() as connection:
            (recorded,) = recording.report_deployments(connection, [told.root])
    except ConflictError as error:
        abort(409, str(error))
    metrics.observe_lag(told.root.finished_at or told.root.started_at)
    deployment = Deployment.model_validate(recorded.deployment)
    location = url_for(".get_deployment", deployment_id=deployment.id)
    return deployment, _status(recorded), {"Location": location}


def _record_list(batch: Sequence[NewDeployment]) -> tuple[BaseModel, int, dict[str, str]]:
    auth.count_reports(len(batch))
    try:
        with database().write() as connection:
            recorded = recording.report_deployments(connection, batch)
    except ContradictionError as error:
        problems.abort_with_faults(error)
    answers = DeploymentAnswers.model_validate(
        {
            "items": [
                {"status": _status(report), "deployment": report.deployment} for report in recorded
            ]
        }
    )
    return answers, max(map(_status, recorded), default=200), {}


def _status(recorded: recording.Reported) -> int:
    return 201 if recorded.created else 200


@bp.get("")
@bp.input(DeploymentQuery, location="query", arg_name="query")
@unchanged.while_nothing_is_written
@bp.output(DeploymentPage)
@bp.doc(operation_id="listDeployments", summary="List deployments, newest first")
def list_deployments(query: DeploymentQuery) -> Response:
    """Return a page of deployments; concurrent inserts neither repeat nor hide one."""
    return lists.page(query, store.LISTING, Deployment)


@bp.get("/<uuid:deployment_id>")
@unchanged.while_nothing_is_written
@bp.output(Deployment)
@bp.doc(operation_id="getDeployment", summary="Read a deployment", responses={404: UNKNOWN})
def get_deployment(deployment_id: UUID) -> Response:
    """Return one deployment."""
    with database().read() as connection:
        found = store.find(connection, deployment_id)
    return bodies.response(found_or_404(found, "deployment", deployment_id))


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
