"""`/deployments`: all of them; `/deployments/{id}`: the facts, who said what, what it counts."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal
from uuid import UUID

from apiflask import abort
from flask import redirect, render_template
from flask.typing import ResponseReturnValue

from api.database import database
from api.domain import catalog, recording
from api.domain.deployments import nearby, store, transitions
from api.domain.deployments.model import DeploymentChange, Kind, Status
from api.domain.deployments.statements import Statement
from api.domain.deployments.witnesses import conflicts, witnesses
from api.domain.kit import pages
from api.domain.kit.errors import ConflictError
from api.domain.kit.times import parse_instant
from api.domain.kit.types import Actor, Name
from api.domain.promotions.replacing import neighbours
from api.http import auth
from api.http.problems import found_or_404
from api.http.turns import turn
from api.pages import paging
from api.pages.blueprint import bp
from api.pages.forms import Form, FormTime, choices, sent
from api.pages.paging import Cursor
from api.pages.plots import Metric
from api.pages.urls import deployment_url
from api.pages.verdicts import explanation

DEPLOYMENTS = 50
# What statements are compared by, in the order of the facts.
SAID = (
    "version",
    "status",
    "image_digest",
    "commit",
    "config_revision",
    "kind",
    "actor",
    "started_at",
    "finished_at",
)
BY_HISTORY = "history"


class DeploymentsForm(Form):
    """What the deployments are narrowed to, and the page of them."""

    service: Name | None = None
    environment: Name | None = None
    status: Status | None = None
    cursor: Cursor = None


class CorrectionForm(Form):
    """What a person says of a deployment; what is left empty stays as it is."""

    status: Status | None = None
    finished_at: FormTime | None = None
    kind: Kind | Literal["history"] | None = None
    actor: Actor | None = None


@bp.get("/deployments")
@auth.page
@bp.input(DeploymentsForm, location="query", arg_name="query")
def show_deployments(query: DeploymentsForm) -> str:
    """Return the deployments, newest start first."""
    after = paging.position(query.cursor)
    with database().read() as connection:
        names = choices(connection)
        found = store.LISTING.rows(connection, dict(query), DEPLOYMENTS + 1, after)
    items, older = paging.cut(found, DEPLOYMENTS, lambda row: pages.position(row, store.ORDER))
    return render_template(
        "deployments.html",
        query=query,
        **names,
        statuses=list(Status),
        deployments=items,
        older=older,
    )


@bp.get("/deployments/<uuid:deployment_id>")
@auth.page
def show_deployment(deployment_id: UUID) -> str:
    """Return a deployment with its evidence, its neighbours and what the metrics make of it."""
    with turn() as connection:
        known = store.find(connection, deployment_id)
        found = found_or_404(known, "deployment", deployment_id)
        statements = nearby.statements_of(connection, deployment_id)
        replaced, replaced_by = neighbours(connection, found)
        environment = catalog.find_environment(connection, found["environment"])
        explained = explanation(connection, found)
    return render_template(
        "deployment.html",
        deployment=found,
        statements=statements,
        fields=[name for name in SAID if any(statement.said.get(name) for statement in statements)],
        said=_said,
        conflicts=conflicts(witnesses(statements)),
        replaced=replaced,
        replaced_by=replaced_by,
        tier=environment and environment["tier"],
        explained=explained,
        metrics=list(Metric),
        statuses=[status for status in Status if status in transitions.LATER[found["status"]]],
        kinds={BY_HISTORY: "decide from the history", **{kind: kind for kind in Kind}},
    )


@bp.post("/deployments/<uuid:deployment_id>/correction")
@auth.page
def correct_deployment(deployment_id: UUID) -> ResponseReturnValue:
    """Change what is known of a deployment, as the API does; later reports do not change it."""
    given = sent(CorrectionForm).model_dump(exclude_unset=True)
    if given.get("kind") == BY_HISTORY:
        given["kind"] = None
    changed = DeploymentChange.model_validate(given)
    try:
        with database().write() as connection:
            held = transitions.hold(connection, deployment_id)
            found_or_404(held, "deployment", deployment_id)
            if given:
                recording.change_deployment(connection, deployment_id, changed)
    except ConflictError as error:
        abort(HTTPStatus.CONFLICT, str(error))
    return redirect(deployment_url(deployment_id), HTTPStatus.SEE_OTHER)


def _said(statement: Statement | Mapping[str, Any], name: str) -> Any:
    """Return what a statement says; its times are text, as it is kept in JSON."""
    value = statement.said.get(name) if isinstance(statement, Statement) else statement[name]
    return parse_instant(value) if name.endswith("_at") and isinstance(value, str) else value
