"""Keyset pagination: inserts between two pages neither repeat nor hide a row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator
from sqlalchemy import ColumnElement, Connection, Select, tuple_

from api.domain.kit.cursor import Position
from api.domain.kit.models import Incoming
from api.domain.kit.times import TimeLimit

# The columns by which a list is sorted, by their names in its rows.
Order = Mapping[str, ColumnElement[Any]]


class TimeRange(Incoming):
    """Limits a list to a half-open range of time; either end may be left out."""

    since: Annotated[TimeLimit | None, Field(alias="from", description="Not before this time.")] = (
        None
    )
    until: Annotated[TimeLimit | None, Field(alias="to", description="Before this time.")] = None

    @field_validator("until")
    @classmethod
    def must_not_be_before_from(
        cls, until: datetime | None, info: ValidationInfo
    ) -> datetime | None:
        """Reject a range that ends before it begins."""
        since: datetime | None = info.data.get("since")
        if until is not None and since is not None and until < since:
            raise ValueError("must not be before from")
        return until

    def within(self, column: ColumnElement[datetime]) -> list[ColumnElement[bool]]:
        """Return the conditions under which a column's time is in the range."""
        conditions = []
        if self.since is not None:
            conditions.append(column >= self.since)
        if self.until is not None:
            conditions.append(column < self.until)
        return conditions


def page(
    connection: Connection,
    statement: Select[Any],
    order: Order,
    limit: int,
    after: Position | None = None,
    *,
    newest_first: bool = True,
) -> list[dict[str, Any]]:
    """Return up to `limit` rows, starting just after the position `after`."""
    columns = tuple(order.values())
    if after is not None:
        key, last = tuple_(*columns), tuple_(*after)
        statement = statement.where(key < last if newest_first else key > last)
    sorting = [column.desc() if newest_first else column.asc() for column in columns]
    rows = connection.execute(statement.order_by(*sorting).limit(limit)).mappings()
    return [dict(row) for row in rows]


def one(connection: Connection, statement: Select[Any], **values: Any) -> dict[str, Any] | None:
    """Return the only row that a statement selects with these values, or None.

    Raises MultipleResultsFound if there are several.
    """
    found = connection.execute(statement, values).mappings().one_or_none()
    return None if found is None else dict(found)


def position(row: Mapping[str, Any], order: Order) -> Position:
    """Return the position of a row in its list."""
    return tuple(row[name] for name in order)
