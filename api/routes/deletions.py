"""`/deletions`: who deleted what, and when; needs the scope admin."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response
from pydantic import AwareDatetime, Field

from api.domain import deletions as domain
from api.domain.kit.models import Model
from api.domain.kit.types import Name
from api.domain.lookups import Deleted
from api.http import auth
from api.routes import lists
from api.routes.lists import NextCursor, PageQuery

bp = APIBlueprint(
    "deletions",
    __name__,
    url_prefix="/deletions",
    tag={"name": "Deletions", "description": "Who deleted what."},
)


class Deletion(Model):
    """What was deleted; of a deployment, one for each of its senders."""

    id: UUID
    deleted: Deleted
    service: Name | None
    environment: Name | None
    deployment: UUID | None
    source: Name | None
    external_id: str | None
    deleted_at: AwareDatetime
    actor: Annotated[Name, Field(description="The name of the token.")]


class DeletionPage(Model):
    """A page of deletions, newest first."""

    items: list[Deletion]
    next_cursor: NextCursor


@bp.get("")
@auth.require("admin")
@bp.input(PageQuery, location="query", arg_name="query")
@bp.output(DeletionPage)
@bp.doc(operation_id="listDeletions", summary="List what was deleted, newest first")
def list_deletions(query: PageQuery) -> Response:
    """Return a page of deletions."""
    return lists.page(query, domain.LISTING, Deletion)
