"""Lists: walked along an index, page by page, so that inserts neither repeat nor hide a row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from sqlalchemy import ColumnElement, Connection, Select, tuple_

from api.domain.kit.cursor import Position
from api.domain.kit.times import Time

# The columns a list is sorted by, under the names that its rows have for them.
Order = Mapping[str, ColumnElement[Any]]


class Span(BaseModel):
    """A span of time that a list is narrowed to: half-open, and open at either end."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    since: Annotated[Time | None, Field(alias="from", description="Not before this time.")] = None
    until: Annotated[Time | None, Field(alias="to", description="Before this time.")] = None

    @field_validator("until")
    @classmethod
    def forward(cls, until: datetime | None, info: ValidationInfo) -> datetime | None:
        """Refuse a range that ends before it begins."""
        since: datetime | None = info.data.get("since")
        if until is not None and since is not None and until < since:
            raise ValueError("must not be before from")
        return until

    def within(self, column: ColumnElement[datetime]) -> list[ColumnElement[bool]]:
        """Return the conditions for a time to be in the span."""
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
    """Return up to `limit` rows from just after a position on."""
    columns = tuple(order.values())
    if after is not None:
        here = tuple_(*columns)
        there = tuple_(*after)
        statement = statement.where(here < there if newest_first else here > there)
    sorting = [column.desc() if newest_first else column.asc() for column in columns]
    rows = connection.execute(statement.order_by(*sorting).limit(limit)).mappings()
    return [dict(row) for row in rows]


def one(connection: Connection, statement: Select[Any]) -> dict[str, Any] | None:
    """Return the only row of a statement, or None."""
    found = connection.execute(statement).mappings().one_or_none()
    return None if found is None else dict(found)


def position(row: Mapping[str, Any], order: Order) -> Position:
    """Return where a row stands in its list."""
    return tuple(row[name] for name in order)
