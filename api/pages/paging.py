"""Long lists, newest first, in pages: the link to what is older has the last entry's position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from flask import request, url_for
from pydantic import Field

from api.domain.kit import cursor as cursors
from api.domain.kit.cursor import Position
from api.http.problems import InvalidParameterError

Cursor = Annotated[str | None, Field(max_length=cursors.MAX_LENGTH)]


def position(cursor: str | None) -> Position | None:
    """Return the position in a cursor, a time and an id; None without one.

    Raises InvalidParameterError if the cursor belongs to another list.
    """
    if cursor is None:
        return None
    try:
        return cursors.decode(cursor, request.path, (datetime, UUID))
    except cursors.CursorError as error:
        raise InvalidParameterError("cursor", str(error)) from error


def cut[Item](
    found: Sequence[Item], limit: int, position_of: Callable[[Item], Position]
) -> tuple[list[Item], str | None]:
    """Return the entries of a page, and the URL of what is older, if `found` has more of them."""
    items = list(found[:limit])
    if len(found) == len(items):
        return items, None
    cursor = cursors.encode(position_of(items[-1]), request.path)
    arguments: dict[str, Any] = {**(request.view_args or {}), **request.args, "cursor": cursor}
    return items, url_for(str(request.endpoint), **arguments)
