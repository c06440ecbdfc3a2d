"""Pagination of lists: pages, cursors and Link headers (RFC 8288)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from flask import Response, request
from pydantic import BaseModel, Field

from api.database import database
from api.domain.kit import cursor as cursors
from api.domain.kit import pages
from api.domain.kit.cursor import Position
from api.domain.kit.models import Incoming, Model
from api.domain.kit.pages import Listing
from api.domain.kit.types import Name
from api.http import bodies, paging

NextCursor = Annotated[
    str | None, Field(description="The cursor of the next page; null on the last page.")
]


class ByName(Model):
    """The name of a resource in a path."""

    name: Name


class OptionalPage(Incoming):
    """The page of a list that is returned as a whole by default."""

    limit: Annotated[
        int | None, Field(ge=1, le=200, description="Without it, everything is returned.")
    ] = None
    cursor: Annotated[
        str | None,
        Field(max_length=cursors.MAX_LENGTH, description="The next_cursor of the previous page."),
    ] = None


class PageQuery(OptionalPage):
    """The page of a list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50


def page(query: PageQuery, listing: Listing, model: type[BaseModel]) -> Response:
    """Return the response with a page of a list of models, narrowed by the query.

    Raises InvalidParameterError if the cursor belongs to another list.
    """
    after = position(query, [column.type.python_type for column in listing.order.values()])
    with database().read() as connection:
        rows = listing.rows(connection, dict(query), query.limit + 1, after)
    items, next_cursor, headers = cut(query, rows, lambda row: pages.position(row, listing.order))
    shown = [bodies.fields_of(model, item) for item in items]
    return bodies.response({"items": shown, "next_cursor": next_cursor}, headers)


def position(query: OptionalPage, types: Sequence[type]) -> Position | None:
    """Decode the position in the query's cursor, one value for each of `types`; None without one.

    Raises InvalidParameterError if the cursor belongs to another list.
    """
    return paging.position(query.cursor, _scope(query), types)


def cut[Item](
    query: OptionalPage, found: Sequence[Item], position_of: Callable[[Item], Position]
) -> tuple[list[Item], str | None, dict[str, str]]:
    """Return the items, the next cursor and the headers of a page.

    `found` has one item more than the limit if there is another page.
    """
    items, next_cursor, url = paging.cut(found, query.limit, position_of, _scope(query))
    return items, next_cursor, {"Link": f'<{url}>; rel="next"'} if url else {}


def _scope(query: OptionalPage) -> str:
    # Without defaults, because one may depend on the time.
    filters = query.model_dump_json(exclude={"limit", "cursor"}, exclude_unset=True)
    return f"{request.endpoint} {filters}"
