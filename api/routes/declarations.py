"""`/declarations`: report, read and list the releases that git declares."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, url_for
from pydantic import AwareDatetime, Field

from api.database import database
from api.domain.declarations import reports, store
from api.domain.declarations.model import Folder, NewDeclarations
from api.domain.declarations.store import Filters
from api.domain.kit.models import Model
from api.domain.kit.types import ConfigRevision, ImageDigest, Name, RepositoryUrl, Version
from api.http import etags, unchanged
from api.http.problems import found_or_404
from api.routes import lists
from api.routes.lists import ByName, NextCursor, PageQuery
from api.routes.matrix import Declared

bp = APIBlueprint(
    "declarations",
    __name__,
    url_prefix="/declarations",
    tag={"name": "Declarations", "description": "The releases that git declares."},
)


class Declaration(Model):
    """A release declared from `declared_at` on; without version and digest, a withdrawal."""

    id: UUID
    service: Name
    environment: Name
    version: Version | None
    image_digest: ImageDigest | None
    config_revision: ConfigRevision
    repository: RepositoryUrl
    path: Folder
    declared_at: AwareDatetime
    created_at: Annotated[AwareDatetime, Field(description="When it was first reported.")]


class DeclarationPage(Model):
    """A page of declarations, newest first."""

    items: list[Declaration]
    next_cursor: NextCursor


class Declarations(Model):
    """The releases currently declared for an environment."""

    environment: Name
    services: Annotated[
        dict[str, Declared], Field(description="By service name.", examples=[{"checkout": {}}])
    ]


class DeclarationQuery(Filters, PageQuery):
    """The filters and the page of a list."""


@bp.get("")
@bp.input(DeclarationQuery, location="query", arg_name="query")
@unchanged.while_nothing_is_written
@bp.output(DeclarationPage)
@bp.doc(operation_id="listDeclarations", summary="List declarations, newest first")
def list_declarations(query: DeclarationQuery) -> Response:
    """Return a page of declarations, including replaced ones and withdrawals."""
    return lists.page(query, store.LISTING, Declaration)


@bp.get("/<name>")
@bp.input(ByName, location="path", arg_name="name")
@bp.output(Declarations)
@bp.doc(
    operation_id="getDeclarations",
    summary="Read the releases declared for an environment",
    responses={404: "There is no environment with this name.", 422: "The name is not valid."},
)
def get_declarations(name: ByName) -> dict[str, Any]:
    """Return the releases currently declared for an environment, by any repository and folder."""
    with database().read() as connection:
        return found_or_404(store.find(connection, name.name), "environment", name.name)


@bp.put("/<name>")
@bp.input(ByName, location="path", arg_name="name")
@bp.input(NewDeclarations, arg_name="new")
@bp.output(Declarations, description="The releases now declared for the environment.")
@bp.doc(
    operation_id="putDeclarations",
    summary="Report what git declares for an environment",
    responses={
        201: "The environment is new; Location is the URL of its declarations.",
        412: "It has changed since the ETag in If-Match.",
    },
)
def put_declarations(
    name: ByName, new: NewDeclarations
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Report everything that a folder of a repository declares for an environment.

    Services that the folder declared before and that are missing now are withdrawn; declarations by
    other folders are not affected. Repeating a report changes nothing. The history is kept, and a
    late report is inserted into it. Services and the environment are created if they do not exist.
    """
    with database().write() as connection:
        before = store.find(connection, name.name)
        etags.check(before, Declarations)
        reports.record(connection, name.name, new)
        declared = store.find(connection, name.name)
    location = url_for(".get_declarations", name=name.name)
    return declared or {}, 201 if before is None else 200, {"Location": location}
