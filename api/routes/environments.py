"""`/environments`: describe, read, list and delete environments."""

from __future__ import annotations

from typing import Annotated, Any

from apiflask import APIBlueprint
from flask import Response
from pydantic import AwareDatetime, Field

from api.domain import catalog, deletions
from api.domain.catalog import EnvironmentDescription
from api.domain.kit.models import Model
from api.domain.kit.types import Name
from api.domain.tiers import Tier
from api.http import auth, unchanged
from api.routes import lists
from api.routes.lists import ByName, NextCursor, PageQuery
from api.routes.named import Named

bp = APIBlueprint(
    "environments",
    __name__,
    url_prefix="/environments",
    tag={"name": "Environments", "description": "The environments to which services are deployed."},
)


class Environment(Model):
    """An environment."""

    name: Name
    tier: Annotated[
        Tier, Field(description="The metrics are about the tier production by default.")
    ]
    promotion_order: Annotated[
        int, Field(description="Releases are promoted from a lower to a higher one.")
    ]
    transient: Annotated[bool, Field(description="Whether it comes and goes, as a preview does.")]
    described: Annotated[
        bool,
        Field(description="Whether it was described by a PUT; no event changes its tier then."),
    ]
    created_at: Annotated[AwareDatetime, Field(description="When it was created.")]


class EnvironmentPage(Model):
    """A page of environments, by name."""

    items: list[Environment]
    next_cursor: NextCursor


ENVIRONMENTS = Named(
    "environment",
    Environment,
    catalog.find_environment,
    catalog.describe_environment,
    deletions.delete_environment,
)


@bp.get("")
@bp.input(PageQuery, location="query", arg_name="query")
@unchanged.while_nothing_is_written
@bp.output(EnvironmentPage)
@bp.doc(operation_id="listEnvironments", summary="List environments by name")
def list_environments(query: PageQuery) -> Response:
    """Return a page of environments."""
    return lists.page(query, catalog.ENVIRONMENTS, Environment)


@bp.get("/<name>")
@bp.input(ByName, location="path", arg_name="name")
@bp.output(Environment)
@bp.doc(
    operation_id="getEnvironment",
    summary="Read an environment",
    responses={404: "There is no environment with this name.", 422: "The name is not valid."},
)
def get_environment(name: ByName) -> dict[str, Any]:
    """Return one environment."""
    return ENVIRONMENTS.get(name.name)


@bp.put("/<name>")
@bp.input(ByName, location="path", arg_name="name")
@bp.input(EnvironmentDescription, arg_name="description")
@bp.output(Environment, description="The environment, which existed before.")
@bp.doc(
    operation_id="putEnvironment",
    summary="Describe an environment",
    responses={
        201: "The new environment; Location is its URL.",
        412: "It has changed since the ETag in If-Match.",
    },
)
def put_environment(
    name: ByName, description: EnvironmentDescription
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Create an environment, or replace its description.

    The promotion order defaults to that of the tier. What is described here is not changed by
    events, which otherwise show that an environment is production, or transient.
    """
    return ENVIRONMENTS.put(name.name, description)


@bp.delete("/<name>")
@auth.require("admin")
@bp.input(ByName, location="path", arg_name="name")
@bp.output({}, status_code=204, description="It is deleted.")
@bp.doc(
    operation_id="deleteEnvironment",
    summary="Delete an environment and its history",
    responses={
        404: "There is no environment with this name.",
        412: "It has changed since the ETag in If-Match.",
        422: "The name is not valid.",
    },
)
def delete_environment(name: ByName) -> tuple[str, int]:
    """Delete an environment with its deployments, incidents and declarations.

    Stored events do not bring it back; what happens later does. The log and the list of deletions
    say who deleted it.
    """
    return ENVIRONMENTS.remove(name.name)
