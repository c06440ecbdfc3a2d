"""Queries that are asked so often that what SQLAlchemy does for each execution is most of the cost.

To execute a statement that SQLAlchemy has built and compiled before, and to make its rows, takes
twice the time of the driver.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.exc import MultipleResultsFound

from api.tables.schema import in_utc

Values = Mapping[str, Any]


class Direct(NamedTuple):
    """A statement as the driver takes it: its text, the names of its parameters, and constants."""

    sql: str
    names: Sequence[str]
    constants: Values


class Query:
    """A SELECT with parameters, whose rows are dictionaries.

    Where each statement is a transaction of its own (`Database.read` on PostgreSQL), the driver is
    asked directly. So its errors come from the driver, too, and `Database.read` translates them.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement
        self._direct: Direct | None = None
        self._checked = False

    def rows(self, connection: Connection, values: Values) -> list[dict[str, Any]]:
        """Return all rows for these values of the parameters."""
        alone = connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
        # Who listens to SQLAlchemy's statements, as what explains them does, is told of this one.
        if alone and not connection.dispatch.before_cursor_execute:
            if not self._checked:
                self._direct = _direct(self.statement, connection.dialect)
                self._checked = True
            if self._direct is not None:
                return _ask(connection, self._direct, values)
        found = connection.execute(self.statement, dict(values))
        # Much faster than the mappings of the rows, or one row after the other, and a matrix has
        # thousands.
        return _named(tuple(found.keys()), found.all())

    def one(self, connection: Connection, **values: Any) -> dict[str, Any] | None:
        """Return the only row for these values, or None.

        Raises MultipleResultsFound if there are several.
        """
        found = self.rows(connection, values)
        if len(found) > 1:
            raise MultipleResultsFound
        return found[0] if found else None


def _ask(connection: Connection, direct: Direct, values: Values) -> list[dict[str, Any]]:
    driver: Any = connection.connection.driver_connection
    given = {**direct.constants, **values}
    cursor = psycopg.RawCursor(driver).execute(direct.sql, [given[name] for name in direct.names])
    return _named([column.name for column in cursor.description or ()], cursor.fetchall())


def _direct(statement: Select[Any], dialect: Dialect) -> Direct | None:
    """Return the statement for the driver, or None if SQLAlchemy has to convert anything.

    It has not to convert times, which the driver returns in the time zone of the session: UTC.
    """
    for column in statement.selected_columns:
        converted = column.type.dialect_impl(dialect).result_processor(dialect, None)
        if converted not in (None, in_utc):
            return None
    # As PostgreSQL numbers parameters: psycopg parses those with names each time.
    numbering = type(dialect)(paramstyle="numeric_dollar")  # type: ignore[call-arg]
    compiled = statement.compile(dialect=numbering)
    if compiled.post_compile_params:  # an IN has as many parameters as there are values
        return None
    constants = {
        name: parameter.effective_value
        for name, parameter in compiled.binds.items()
        if not parameter.required
    }
    return Direct(str(compiled), compiled.positiontup or (), constants)


def _named(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in rows]
