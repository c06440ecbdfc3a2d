"""Lists in pages: a cursor is the position of the last entry, for the same list only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import request, url_for

from api.domain.kit import cursor as cursors
from api.domain.kit.cursor import Position
from api.http.problems import InvalidParameterError


def position(cursor: str | None, scope: str, types: Sequence[type]) -> Position | None:
    """Decode the position in a cursor of the list `scope`, one value for each of `types`.

    Without a cursor it is None. Raises InvalidParameterError if it belongs to another list.
    """
    if cursor is None:
        return None
    try:
        return cursors.decode(cursor, scope, types)
    except cursors.CursorError as error:
        raise InvalidParameterError("cursor", str(error)) from error


def cut[Item](
    found: Sequence[Item], limit: int | None, position_of: Callable[[Item], Position], scope: str
) -> tuple[list[Item], str | None, str | None]:
    """Return the entries of a page, and the cursor and the URL of the next one, if there is one.

    `found` has one entry more than the limit if there is.
    """
    items = list(found[:limit])
    if len(found) == len(items):
        return items, None, None
    cursor = cursors.encode(position_of(items[-1]), scope)
    arguments: dict[str, Any] = {**(request.view_args or {}), **request.args, "cursor": cursor}
    return items, cursor, url_for(str(request.endpoint), **arguments)
