"""`/changes`: report, read and list the commits of services."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response
from pydantic import AwareDatetime, Field

from api.database import database
from api.domain.changes import reports, store
from api.domain.changes.model import NewChanges
from api.domain.changes.store import Filters
from api.domain.kit.errors import ContradictionError
from api.domain.kit.models import Model
from api.domain.kit.types import Commit, Name
from api.http import problems, unchanged
from api.http.problems import found_or_404
from api.routes import lists
from api.routes.lists import NextCursor, PageQuery

bp = APIBlueprint(
    "changes",
    __name__,
    url_prefix="/changes",
    tag={
        "name": "Changes",
        "description": "Commits of services, and the versions that contain them.",
    },
)


class Change(Model):
    """A change; times are in UTC."""

    id: UUID
    service: Name
    commit: Commit
    committed_at: AwareDatetime
    author: str | None
    title: str | None
    version: Annotated[str | None, Field(description="The first version that contains it.")]
    created_at: Annotated[AwareDatetime, Field(description="When it was first reported.")]


class ChangePage(Model):
    """A page of changes, newest commit first."""

    items: list[Change]
    next_cursor: NextCursor


class RecordedChanges(Model):
    """The result of reporting a batch of changes."""

    created: Annotated[int, Field(description="The number of new changes.")]
    completed: Annotated[
        int, Field(description="The number of known changes to which the report added something.")
    ]
    unchanged: Annotated[int, Field(description="The number of known changes left as they were.")]
    items: Annotated[
        list[Change], Field(description="The changes, one for each reported, in the same order.")
    ]


class ChangeQuery(Filters, PageQuery):
    """The filters and the page of a list."""


@bp.post("")
@bp.input(NewChanges, arg_name="new")
@bp.output(RecordedChanges, status_code=201, description="The changes; some are new.")
@bp.doc(
    operation_id="recordChanges",
    summary="Report changes",
    responses={
        200: "The changes; all were known before, and may have been completed.",
        409: "Some contradict earlier reports; `errors` lists them, and nothing was stored.",
    },
)
def record_changes(new: NewChanges) -> tuple[dict[str, Any], int]:
    """Report up to 1000 changes; all are stored, or none.

    Services that do not exist are created.
    """
    try:
        with database().write() as connection:
            recorded = reports.record_all(connection, new.changes)
    except ContradictionError as error:
        problems.abort_with_faults(error)
    return recorded._asdict(), 201 if recorded.created else 200


@bp.get("")
@bp.input(ChangeQuery, location="query", arg_name="query")
@unchanged.while_nothing_is_written
@bp.output(ChangePage)
@bp.doc(operation_id="listChanges", summary="List changes, newest first")
def list_changes(query: ChangeQuery) -> Response:
    """Return a page of changes; concurrent inserts neither repeat nor hide one."""
    return lists.page(query, store.LISTING, Change)


@bp.get("/<uuid:change_id>")
@bp.output(Change)
@bp.doc(
    operation_id="getChange",
    summary="Read a change",
    responses={404: "There is no change with this id."},
)
def get_change(change_id: UUID) -> dict[str, Any]:
    """Return one change."""
    with database().read() as connection:
        return found_or_404(store.find(connection, change_id), "change", change_id)
