"""`/services`: describe, read, list and delete services."""

from __future__ import annotations

from typing import Annotated, Any

from apiflask import APIBlueprint
from flask import Response
from pydantic import AwareDatetime, Field

from api.domain import catalog, deletions
from api.domain.catalog import ServiceDescription
from api.domain.kit.models import Model
from api.domain.kit.types import Name
from api.http import auth, unchanged
from api.routes import lists
from api.routes.lists import ByName, NextCursor, PageQuery
from api.routes.named import Named

bp = APIBlueprint(
    "services",
    __name__,
    url_prefix="/services",
    tag={"name": "Services", "description": "The services that are deployed."},
)


class Service(Model):
    """A service."""

    name: Name
    owner: str | None
    repository: str | None
    image: str | None
    created_at: Annotated[AwareDatetime, Field(description="When it was created.")]


class ServicePage(Model):
    """A page of services, by name."""

    items: list[Service]
    next_cursor: NextCursor


SERVICES = Named(
    "service",
    Service,
    catalog.find_service,
    catalog.describe_service,
    deletions.delete_service,
)


@bp.get("")
@bp.input(PageQuery, location="query", arg_name="query")
@unchanged.while_nothing_is_written
@bp.output(ServicePage)
@bp.doc(operation_id="listServices", summary="List services by name")
def list_services(query: PageQuery) -> Response:
    """Return a page of services."""
    return lists.page(query, catalog.SERVICES, Service)


@bp.get("/<name>")
@bp.input(ByName, location="path", arg_name="name")
@bp.output(Service)
@bp.doc(
    operation_id="getService",
    summary="Read a service",
    responses={404: "There is no service with this name.", 422: "The name is not valid."},
)
def get_service(name: ByName) -> dict[str, Any]:
    """Return one service."""
    return SERVICES.get(name.name)


@bp.put("/<name>")
@bp.input(ByName, location="path", arg_name="name")
@bp.input(ServiceDescription, arg_name="description")
@bp.output(Service, description="The service, which existed before.")
@bp.doc(
    operation_id="putService",
    summary="Describe a service",
    responses={
        201: "The new service; Location is its URL.",
        412: "It has changed since the ETag in If-Match.",
    },
)
def put_service(
    name: ByName, description: ServiceDescription
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Create a service, or replace its description; fields that are left out become null."""
    return SERVICES.put(name.name, description)


@bp.delete("/<name>")
@auth.require("admin")
@bp.input(ByName, location="path", arg_name="name")
@bp.output({}, status_code=204, description="It is deleted.")
@bp.doc(
    operation_id="deleteService",
    summary="Delete a service and its history",
    responses={
        404: "There is no service with this name.",
        412: "It has changed since the ETag in If-Match.",
        422: "The name is not valid.",
    },
)
def delete_service(name: ByName) -> tuple[str, int]:
    """Delete a service with its deployments, incidents, changes and declarations.

    Stored events do not bring it back; what happens later does. The log and the list of deletions
    say who deleted it.
    """
    return SERVICES.remove(name.name)
