"""`/declarations`: what git declares for each environment."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint, abort
from flask import url_for
from pydantic import AwareDatetime, BaseModel, Field

from api.database import database
from api.domain.declarations import reports, store
from api.domain.declarations.model import Folder, NewDeclarations
from api.domain.declarations.store import Filters
from api.domain.kit.types import ConfigRevision, ImageDigest, Name, RepositoryUrl, Version
from api.http import etags
from api.routes import lists
from api.routes.lists import ByName, NextCursor, PageQuery
from api.routes.matrix import Declared

bp = APIBlueprint(
    "declarations",
    __name__,
    url_prefix="/declarations",
    tag={"name": "Declarations", "description": "What git declares for each environment."},
)


class Declaration(BaseModel):
    """From some time on, a release was declared; or nothing any more, if it names none."""

    id: UUID
    service: Name
    environment: Name
    version: Version | None
    image_digest: ImageDigest | None
    config_revision: ConfigRevision
    repository: RepositoryUrl
    path: Folder
    declared_at: AwareDatetime
    created_at: Annotated[AwareDatetime, Field(description="When it was first told.")]


class DeclarationPage(BaseModel):
    """Some declarations, newest first, and where the next ones begin."""

    items: list[Declaration]
    next_cursor: NextCursor


class Declarations(BaseModel):
    """What is declared for an environment now."""

    environment: Name
    services: Annotated[
        dict[str, Declared], Field(description="By name.", examples=[{"checkout": {}}])
    ]


class DeclarationQuery(Filters, PageQuery):
    """The filters of a list, and which part of it."""


@bp.get("")
@bp.input(DeclarationQuery, location="query", arg_name="query")
@bp.output(DeclarationPage)
@bp.doc(operation_id="listDeclarations", summary="List all that was declared, newest first")
def list_declarations(query: DeclarationQuery) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return a page of declarations, earlier ones and withdrawals included."""
    return lists.page(query, store.selected(query), store.ORDER)


@bp.get("/<name>")
@bp.input(ByName, location="path", arg_name="name")
@bp.output(Declarations)
@bp.doc(
    operation_id="getDeclarations",
    summary="Read what is declared for an environment",
    responses={404: "There is no environment of that name.", 422: "There can be none."},
)
def get_declarations(name: ByName) -> dict[str, Any]:
    """Return what is declared for one environment now, whoever declares it."""
    with database().read() as connection:
        found = store.find(connection, name.name)
    if found is None:
        abort(404, f"There is no environment {name.name}.")
    return found


@bp.put("/<name>")
@bp.input(ByName, location="path", arg_name="name")
@bp.input(NewDeclarations, arg_name="new")
@bp.output(Declarations, description="What is declared for the environment now.")
@bp.doc(
    operation_id="putDeclarations",
    summary="Say what git declares for an environment",
    responses={
        201: "What is declared for the environment, which is new; Location says where it is.",
        412: "It has changed since the ETag in If-Match.",
    },
)
def put_declarations(
    name: ByName, new: NewDeclarations
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Replace what a folder of a repository declares for an environment.

    What it declared there and does not any more is withdrawn; what others declare stays. The same
    again changes nothing. What was declared before is kept, and a report that comes late takes its
    place in that past. Services and the environment are created on first sight.
    """
    with database().write() as connection:
        before = store.find(connection, name.name)
        etags.check(before, Declarations)
        reports.record(connection, name.name, new)
        declared = store.find(connection, name.name)
    location = url_for(".get_declarations", name=name.name)
    return declared or {}, 201 if before is None else 200, {"Location": location}
