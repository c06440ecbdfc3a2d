"""Long lists, newest first, in pages: the link to what is older has the last entry's position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from flask import request
from pydantic import Field

from api.domain.kit import cursor as cursors
from api.domain.kit.cursor import Position
from api.http import paging

Cursor = Annotated[str | None, Field(max_length=cursors.MAX_LENGTH)]


def position(cursor: str | None) -> Position | None:
    """Return the position in a cursor, a time and an id; None without one.

    Raises InvalidParameterError if the cursor belongs to another list.
    """
    return paging.position(cursor, request.path, (datetime, UUID))


def cut[Item](
    found: Sequence[Item], limit: int, position_of: Callable[[Item], Position]
) -> tuple[list[Item], str | None]:
    """Return the entries of a page, and the URL of what is older, if `found` has more of them."""
    items, _, older = paging.cut(found, limit, position_of, request.path)
    return items, older
