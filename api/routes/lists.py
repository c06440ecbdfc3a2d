"""What every list has in common: pages, cursors and Link headers."""

from __future__ import annotations

from typing import Annotated, Any

from flask import request, url_for
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select

from api.database import database
from api.domain import cursor as cursors
from api.domain import lists
from api.domain.lists import Order
from api.domain.types import Name
from api.problems import InvalidParameterError

NextCursor = Annotated[
    str | None, Field(description="Ask again with this as cursor; null on the last page.")
]


class ByName(BaseModel):
    """Which one, in a path."""

    name: Name


class PageQuery(BaseModel):
    """Which part of a list."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[
        str | None,
        Field(max_length=cursors.MAX_LENGTH, description="The next_cursor of the page before."),
    ] = None


def page(
    query: PageQuery,
    statement: Select[Any],
    order: Order,
    *,
    newest_first: bool = True,
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return a page of the list that a statement selects.

    Raises InvalidParameterError for a cursor of another list.
    """
    filters = query.model_dump_json(exclude={"limit", "cursor"})
    scope = f"{request.endpoint} {filters}"
    after = None
    if query.cursor is not None:
        try:
            after = cursors.decode(
                query.cursor, scope, [column.type.python_type for column in order.values()]
            )
        except cursors.CursorError as error:
            raise InvalidParameterError("cursor", str(error)) from error
    with database().read() as connection:
        rows = lists.page(
            connection, statement, order, query.limit + 1, after, newest_first=newest_first
        )
    items = rows[: query.limit]
    if len(rows) == len(items):
        return {"items": items, "next_cursor": None}, 200, {}
    next_cursor = cursors.encode(lists.position(items[-1], order), scope)
    arguments: dict[str, Any] = {**request.args, "cursor": next_cursor}
    url = url_for(str(request.endpoint), **arguments)
    return {"items": items, "next_cursor": next_cursor}, 200, {"Link": f'<{url}>; rel="next"'}
