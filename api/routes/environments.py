"""`/environments`: where deployments go to, and in which order."""

from __future__ import annotations

from typing import Annotated, Any

from apiflask import APIBlueprint, abort
from flask import url_for
from pydantic import AwareDatetime, BaseModel, Field

from api.database import database
from api.domain import catalog
from api.domain.catalog import EnvironmentDescription, Tier
from api.domain.kit.types import Name
from api.http import etags
from api.routes import lists
from api.routes.lists import ByName, NextCursor, PageQuery

bp = APIBlueprint(
    "environments",
    __name__,
    url_prefix="/environments",
    tag={"name": "Environments", "description": "Where deployments go to."},
)


class Environment(BaseModel):
    """An environment as the ledger tells it."""

    name: Name
    tier: Annotated[Tier, Field(description="The metrics look at production.")]
    promotion_order: Annotated[int, Field(description="Releases go from a lower to a higher one.")]
    created_at: Annotated[AwareDatetime, Field(description="When it was first seen.")]


class EnvironmentPage(BaseModel):
    """Some environments, by name, and where the next ones begin."""

    items: list[Environment]
    next_cursor: NextCursor


@bp.get("")
@bp.input(PageQuery, location="query", arg_name="query")
@bp.output(EnvironmentPage)
@bp.doc(operation_id="listEnvironments", summary="List environments by name")
def list_environments(query: PageQuery) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return a page of environments."""
    return lists.page(
        query, catalog.selected_environments(), catalog.ENVIRONMENT_ORDER, newest_first=False
    )


@bp.get("/<name>")
@bp.input(ByName, location="path", arg_name="name")
@bp.output(Environment)
@bp.doc(
    operation_id="getEnvironment",
    summary="Read an environment",
    responses={404: "There is no environment of that name.", 422: "There can be none."},
)
def get_environment(name: ByName) -> dict[str, Any]:
    """Return one environment."""
    with database().read() as connection:
        found = catalog.find_environment(connection, name.name)
    if found is None:
        abort(404, f"There is no environment {name.name}.")
    return found


@bp.put("/<name>")
@bp.input(ByName, location="path", arg_name="name")
@bp.input(EnvironmentDescription, arg_name="told")
@bp.output(Environment, description="The environment, which was there before.")
@bp.doc(
    operation_id="putEnvironment",
    summary="Say what an environment is for",
    responses={
        201: "The environment, which is new; Location says where it is.",
        412: "It has changed since the ETag in If-Match.",
    },
)
def put_environment(
    name: ByName, told: EnvironmentDescription
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Create an environment, or replace what was known or guessed of it.

    Without a promotion order it has that of its tier.
    """
    with database().write() as connection:
        etags.check(catalog.find_environment(connection, name.name), Environment)
        created = catalog.describe_environment(connection, name.name, told)
        described = catalog.find_environment(connection, name.name)
    location = url_for(".get_environment", name=name.name)
    return described or {}, 201 if created else 200, {"Location": location}
