"""Keyset pagination: inserts between two pages neither repeat nor hide a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator
from sqlalchemy import ColumnElement, Connection, Integer, Select, bindparam, tuple_

from api.domain.kit.cursor import Position
from api.domain.kit.models import Incoming
from api.domain.kit.queries import Query, plain
from api.domain.kit.times import TimeLimit

# The columns by which a list is sorted, by their names in its rows.
Order = Mapping[str, ColumnElement[Any]]
# The conditions that may narrow a list, by the names of the filters, which are their parameters.
Conditions = Mapping[str, ColumnElement[bool]]
NOTHING: Mapping[str, Any] = {}
# Of a statement: the filters, whether it has a limit, and whether it begins after a position.
Shape = tuple[frozenset[str], bool, bool]


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


def within(column: ColumnElement[datetime]) -> Conditions:
    """Return the conditions of a TimeRange on a column."""
    since, until = (bindparam(name, type_=column.type) for name in ("since", "until"))
    return {"since": column >= since, "until": column < until}


class Listing:
    """A list: what it selects, how it is sorted, and the conditions that narrow it.

    A condition takes its value from the parameter of its name, made by the function in `values` if
    there is one. So a statement is built once for all requests with the same filters: to build it
    takes longer than to have it answered.
    """

    def __init__(
        self,
        selected: Select[Any],
        order: Order,
        conditions: Conditions = NOTHING,
        *,
        values: Mapping[str, Callable[[Any], Any]] = NOTHING,
        newest_first: bool = True,
    ) -> None:
        self.selected = selected
        self.order = order
        self.conditions = conditions
        self.values = values
        self.newest_first = newest_first
        self._built: dict[Shape, Query] = {}

    def rows(
        self,
        connection: Connection,
        filters: Mapping[str, Any] = NOTHING,
        limit: int | None = None,
        after: Position | None = None,
        **values: Any,
    ) -> list[dict[str, Any]]:
        """Return up to `limit` rows, starting just after the position `after`.

        A filter that is None, or no condition of this list, narrows nothing. `values` are those of
        other parameters in what is selected.
        """
        query, given = self._asked(filters, limit, after, values)
        return query.rows(connection, given)

    def tuples(
        self,
        connection: Connection,
        filters: Mapping[str, Any] = NOTHING,
        limit: int | None = None,
        after: Position | None = None,
        **values: Any,
    ) -> Sequence[Sequence[Any]]:
        """Return the same rows, each as its values alone."""
        query, given = self._asked(filters, limit, after, values)
        return query.tuples(connection, given)

    def _asked(
        self,
        filters: Mapping[str, Any],
        limit: int | None,
        after: Position | None,
        values: dict[str, Any],
    ) -> tuple[Query, dict[str, Any]]:
        """Return the query for such rows, and the values of its parameters."""
        given = {
            name: self.values[name](value) if name in self.values else value
            for name in self.conditions
            if (value := filters.get(name)) is not None
        }
        shape = frozenset(given), limit is not None, after is not None
        query = self._built.get(shape)
        if query is None:
            query = self._built[shape] = Query(self._statement(*shape))
        values |= given | {f"after_{number}": last for number, last in enumerate(after or ())}
        if limit is not None:
            values["limit"] = limit
        return query, values

    def _statement(self, names: Iterable[str], limited: bool, further: bool) -> Select[Any]:
        statement = self.selected.where(*(self.conditions[name] for name in names))
        columns = tuple(self.order.values())
        if further:
            last = tuple_(
                *(bindparam(f"after_{n}", type_=each.type) for n, each in enumerate(columns))
            )
            key = tuple_(*columns)
            statement = statement.where(key < last if self.newest_first else key > last)
        if limited:
            statement = statement.limit(bindparam("limit", type_=Integer))
        sorting = [each.desc() if self.newest_first else each.asc() for each in columns]
        return statement.order_by(*sorting)


def one(connection: Connection, statement: Select[Any], **values: Any) -> dict[str, Any] | None:
    """Return the only row that a statement selects with these values, or None.

    Raises MultipleResultsFound if there are several.
    """
    found = connection.execute(statement, values)
    names = plain(found.keys())
    row = found.one_or_none()
    return None if row is None else dict(zip(names, row, strict=True))


def position(row: Mapping[str, Any], order: Order) -> Position:
    """Return the position of a row in its list."""
    return tuple(row[name] for name in order)
