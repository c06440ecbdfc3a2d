"""Lists: walked along an index, page by page, so that inserts neither repeat nor hide a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, tuple_

from api.domain.cursor import Position

# The columns a list is sorted by, under the names that its rows have for them.
Order = Mapping[str, ColumnElement[Any]]


def page(
    connection: Connection,
    statement: Select[Any],
    order: Order,
    limit: int,
    after: Position | None = None,
    *,
    newest_first: bool = True,
) -> list[dict[str, Any]]:
    """Return up to `limit` rows from just after a position on."""
    columns = tuple(order.values())
    if after is not None:
        here = tuple_(*columns)
        there = tuple_(*after)
        statement = statement.where(here < there if newest_first else here > there)
    sorting = [column.desc() if newest_first else column.asc() for column in columns]
    rows = connection.execute(statement.order_by(*sorting).limit(limit)).mappings()
    return [dict(row) for row in rows]


def position(row: Mapping[str, Any], order: Order) -> Position:
    """Return where a row stands in its list."""
    return tuple(row[name] for name in order)
