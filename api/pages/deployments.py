"""`/deployments/{id}`: the facts, who said what, and what came before and after."""

from __future__ import annotations

from uuid import UUID

from flask import g, render_template, url_for

from api.database import database
from api.domain.deployments import nearby, store
from api.domain.deployments.history import neighbours
from api.domain.deployments.witnesses import conflicts, witnesses
from api.http import auth
from api.http.problems import found_or_404
from api.pages.blueprint import bp

ANY = UUID(int=0)
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


@bp.app_template_global("deployment_url")
def deployment_url(deployment_id: UUID) -> str:
    """Return the URL of a deployment's page; faster than `url_for` for a thousand cells."""
    if "deployment_url" not in g:
        g.deployment_url = url_for("pages.show_deployment", deployment_id=ANY).removesuffix(
            str(ANY)
        )
    return f"{g.deployment_url}{deployment_id}"


@bp.get("/deployments/<uuid:deployment_id>")
@auth.page
def show_deployment(deployment_id: UUID) -> str:
    """Return a deployment with its evidence and its neighbours."""
    with database().read() as connection:
        known = store.find(connection, deployment_id)
        found = found_or_404(known, "deployment", deployment_id)
        statements = nearby.statements_of(connection, deployment_id)
        replaced, replaced_by = neighbours(connection, found)
    return render_template(
        "deployment.html",
        deployment=found,
        statements=statements,
        fields=[name for name in SAID if any(statement.said.get(name) for statement in statements)],
        conflicts=conflicts(witnesses(statements)),
        replaced=replaced,
        replaced_by=replaced_by,
    )
