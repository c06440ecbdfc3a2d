"""Long lists, cut into pages: the link to what is older holds the position of the last entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from flask import request, url_for
from pydantic import Field

from api.domain.kit import cursor as cursors
from api.domain.kit import pages
from api.domain.kit.cursor import Position
from api.domain.kit.pages import Order
from api.http.problems import InvalidParameterError

Cursor = Annotated[str | None, Field(max_length=cursors.MAX_LENGTH)]


def position(cursor: str | None, order: Order) -> Position | None:
    """Return the position in a cursor, or None; raises InvalidParameterError if it is no such."""
    if cursor is None:
        return None
    types = [column.type.python_type for column in order.values()]
    try:
        return cursors.decode(cursor, request.path, types)
    except cursors.CursorError as error:
        raise InvalidParameterError("cursor", str(error)) from error


def cut(
    found: Sequence[dict[str, Any]], limit: int, order: Order
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the entries of a page, and the URL of what is older, if `found` has more of them."""
    items = list(found[:limit])
    if len(found) == len(items):
        return items, None
    cursor = cursors.encode(pages.position(items[-1], order), request.path)
    arguments: dict[str, Any] = {**(request.view_args or {}), **request.args, "cursor": cursor}
    return items, url_for(str(request.endpoint), **arguments)
