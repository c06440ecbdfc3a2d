"""`/services`: what is deployed, by name."""

from __future__ import annotations

from typing import Annotated, Any

from apiflask import APIBlueprint, abort
from flask import url_for
from pydantic import AwareDatetime, BaseModel, Field

from api.database import database
from api.domain import catalog
from api.domain.catalog import ServiceDescription
from api.domain.kit.types import Name
from api.http import etags
from api.routes import lists
from api.routes.lists import ByName, NextCursor, PageQuery

bp = APIBlueprint(
    "services",
    __name__,
    url_prefix="/services",
    tag={"name": "Services", "description": "What is deployed."},
)


class Service(BaseModel):
    """A service as the ledger tells it."""

    name: Name
    owner: str | None
    repository: str | None
    image: str | None
    created_at: Annotated[AwareDatetime, Field(description="When it was first seen.")]


class ServicePage(BaseModel):
    """Some services, by name, and where the next ones begin."""

    items: list[Service]
    next_cursor: NextCursor


@bp.get("")
@bp.input(PageQuery, location="query", arg_name="query")
@bp.output(ServicePage)
@bp.doc(operation_id="listServices", summary="List services by name")
def list_services(query: PageQuery) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return a page of services."""
    return lists.page(query, catalog.selected_services(), catalog.SERVICE_ORDER, newest_first=False)


@bp.get("/<name>")
@bp.input(ByName, location="path", arg_name="name")
@bp.output(Service)
@bp.doc(
    operation_id="getService",
    summary="Read a service",
    responses={404: "There is no service of that name.", 422: "There can be none."},
)
def get_service(name: ByName) -> dict[str, Any]:
    """Return one service."""
    with database().read() as connection:
        found = catalog.find_service(connection, name.name)
    if found is None:
        abort(404, f"There is no service {name.name}.")
    return found


@bp.put("/<name>")
@bp.input(ByName, location="path", arg_name="name")
@bp.input(ServiceDescription, arg_name="told")
@bp.output(Service, description="The service, which was there before.")
@bp.doc(
    operation_id="putService",
    summary="Say what a service is",
    responses={
        201: "The service, which is new; Location says where it is.",
        412: "It has changed since the ETag in If-Match.",
    },
)
def put_service(
    name: ByName, told: ServiceDescription
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Create a service, or replace what was known of it: what is not given is forgotten."""
    with database().write() as connection:
        etags.check(catalog.find_service(connection, name.name), Service)
        created = catalog.describe_service(connection, name.name, told)
        described = catalog.find_service(connection, name.name)
    location = url_for(".get_service", name=name.name)
    return described or {}, 201 if created else 200, {"Location": location}
