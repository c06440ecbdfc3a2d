"""Queries that are asked so often that what SQLAlchemy does for each execution is most of the cost.

To execute a statement that SQLAlchemy has built and compiled before, and to make its rows, takes
twice the time of the driver.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
from sqlalchemy import CompoundSelect, Connection, Dialect, Select
from sqlalchemy.dialects.postgresql.base import PGCompiler
from sqlalchemy.exc import DBAPIError, MultipleResultsFound

from api.outages import UnavailableError, first_line, outage_of
from api.tables.schema import in_utc

Values = Mapping[str, Any]
Statement = Select[Any] | CompoundSelect[Any]


class WrittenOut(PGCompiler):
    """Writes out what is the same each time, above all that one row is enough.

    So PostgreSQL's plan for any parameters is as good as one for these, and it keeps that one. To
    plan the matrix anew takes half as long as to answer it for a hundred cells.
    """

    def visit_bindparam(self, bindparam: Any, *more: Any, **options: Any) -> str:
        """Write a parameter out unless each request has a value of its own for it."""
        options["literal_binds"] = options.get("literal_binds") or not bindparam.required
        return str(super().visit_bindparam(bindparam, *more, **options))  # type: ignore[no-untyped-call]


class Direct:
    """A statement as the driver takes it: its text, and the names of its parameters."""

    def __init__(self, sql: str, names: Sequence[str]) -> None:
        self.sql = sql
        self.names = names
        self._columns: Sequence[str] = ()

    def rows(self, driver: psycopg.Connection[Any], values: Values) -> list[dict[str, Any]]:
        """Return all rows for these values of the parameters."""
        found = self.tuples(driver, values)
        return _named(self._columns, found)

    def tuples(self, driver: psycopg.Connection[Any], values: Values) -> list[tuple[Any, ...]]:
        """Return the values of all rows.

        Raises what SQLAlchemy would raise: UnavailableError for an outage, and else DBAPIError.
        """
        cursor = psycopg.RawCursor(driver)
        try:
            cursor.execute(self.sql, [values[name] for name in self.names])
            found = cursor.fetchall()
        except psycopg.Error as error:
            if (outage := outage_of(error)) is not None:
                raise UnavailableError(outage, first_line(error)) from error
            raise DBAPIError(self.sql, None, error) from error
        # They are the same each time, and the driver makes an object of each one.
        if not self._columns:
            self._columns = [column.name for column in cursor.description or ()]
        return found


class Query:
    """A SELECT with parameters.

    On PostgreSQL, the driver is asked directly, within a transaction or without one.
    """

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self._direct: Direct | None = None
        self._checked = False

    def rows(self, connection: Connection, values: Values) -> list[dict[str, Any]]:
        """Return all rows for these values of the parameters, as dictionaries."""
        driver = _driver(connection)
        if driver is not None and (direct := self._for_driver(connection)) is not None:
            return direct.rows(driver, values)
        found = connection.execute(self.statement, dict(values))
        # Much faster than the mappings of the rows, or one row after the other, and a matrix has
        # thousands.
        return _named(plain(found.keys()), found.all())

    def tuples(self, connection: Connection, values: Values) -> Sequence[Sequence[Any]]:
        """Return the values of all rows."""
        driver = _driver(connection)
        if driver is not None and (direct := self._for_driver(connection)) is not None:
            return direct.tuples(driver, values)
        return connection.execute(self.statement, dict(values)).all()

    def one(self, connection: Connection, **values: Any) -> dict[str, Any] | None:
        """Return the only row for these values, or None.

        Raises MultipleResultsFound if there are several.
        """
        found = self.rows(connection, values)
        if len(found) > 1:
            raise MultipleResultsFound
        return found[0] if found else None

    def _for_driver(self, connection: Connection) -> Direct | None:
        if not self._checked:
            self._direct = _direct(self.statement, connection.dialect)
            self._checked = True
        return self._direct


def plain(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of columns as texts and nothing else.

    SQLAlchemy's are objects of its own, which take five times as long to write as JSON.
    """
    return tuple(map(str, names))


def _driver(connection: Connection) -> psycopg.Connection[Any] | None:
    """Return the connection of the driver, if that may be asked directly.

    Who listens to SQLAlchemy's statements, as what explains them does, is told of each one.
    """
    if connection.dispatch.before_cursor_execute:
        return None
    driver: Any = connection.connection.driver_connection
    return driver if isinstance(driver, psycopg.Connection) else None


def _direct(statement: Statement, dialect: Dialect) -> Direct | None:
    """Return the statement for the driver, or None if SQLAlchemy has to convert anything.

    It has not to convert times, which the driver returns in the time zone of the session: UTC.
    """
    for column in statement.selected_columns:
        converted = column.type.dialect_impl(dialect).result_processor(dialect, None)
        if converted not in (None, in_utc):
            return None
    # As PostgreSQL numbers parameters: psycopg parses those with names each time.
    numbering = type(dialect)(paramstyle="numeric_dollar")  # type: ignore[call-arg]
    numbering.statement_compiler = WrittenOut
    compiled = statement.compile(dialect=numbering)
    if compiled.post_compile_params:  # an IN has as many parameters as there are values
        return None
    return Direct(str(compiled), compiled.positiontup or ())


def _named(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in rows]
