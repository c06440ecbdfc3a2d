"""`/changes`: report the commits of services, read one, list them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint, abort
from pydantic import AwareDatetime, BaseModel, Field

from api.database import database
from api.domain.changes import reports, store
from api.domain.changes.model import NewChanges
from api.domain.changes.reports import ContradictionError
from api.domain.changes.store import Filters
from api.domain.kit.types import Commit, Name
from api.http.problems import MAX_FAULTS
from api.routes import lists
from api.routes.lists import NextCursor, PageQuery

bp = APIBlueprint(
    "changes",
    __name__,
    url_prefix="/changes",
    tag={"name": "Changes", "description": "The commits that versions bring."},
)


class Change(BaseModel):
    """A change as the ledger tells it; times are in UTC."""

    id: UUID
    service: Name
    commit: Commit
    committed_at: AwareDatetime
    author: str | None
    title: str | None
    version: Annotated[str | None, Field(description="The version that first contains it.")]
    created_at: Annotated[AwareDatetime, Field(description="When it was first reported.")]


class ChangePage(BaseModel):
    """Some changes, newest commit first, and where the next ones begin."""

    items: list[Change]
    next_cursor: NextCursor


class RecordedChanges(BaseModel):
    """What became of a batch."""

    created: Annotated[int, Field(description="How many changes are new.")]
    completed: Annotated[int, Field(description="How many known ones this added something to.")]
    unchanged: Annotated[int, Field(description="How many were known as they are.")]
    items: Annotated[list[Change], Field(description="One for each that was sent, in that order.")]


class ChangeQuery(Filters, PageQuery):
    """The filters of a list, and which part of it."""


@bp.post("")
@bp.input(NewChanges, arg_name="new")
@bp.output(RecordedChanges, status_code=201, description="The changes, some of them new.")
@bp.doc(
    operation_id="recordChanges",
    summary="Report changes",
    responses={
        200: "The changes, all of them known before, with what this report adds.",
        409: "Some are known otherwise; the errors say which, and nothing was stored.",
    },
)
def record_changes(new: NewChanges) -> tuple[dict[str, Any], int]:
    """Report up to 1000 changes, all of them or none; services are created on first sight."""
    try:
        with database().write() as connection:
            recorded = reports.record_all(connection, new.changes)
    except ContradictionError as error:
        faults = [
            {"pointer": f"#{fault.pointer}", "detail": fault.detail}
            for fault in error.faults[:MAX_FAULTS]
        ]
        abort(409, str(error), extra_data={"errors": faults})
    return recorded._asdict(), 201 if recorded.created else 200


@bp.get("")
@bp.input(ChangeQuery, location="query", arg_name="query")
@bp.output(ChangePage)
@bp.doc(operation_id="listChanges", summary="List changes, newest first")
def list_changes(query: ChangeQuery) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return a page of changes; inserts meanwhile neither repeat nor hide one."""
    return lists.page(query, store.selected(query), store.ORDER)


@bp.get("/<uuid:change_id>")
@bp.output(Change)
@bp.doc(
    operation_id="getChange",
    summary="Read a change",
    responses={404: "There is no change of that id."},
)
def get_change(change_id: UUID) -> dict[str, Any]:
    """Return one change."""
    with database().read() as connection:
        found = store.find(connection, change_id)
    if found is None:
        abort(404, f"There is no change {change_id}.")
    return found
