"""Records as a parameter: however many there are, the statement stays the same, and one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from pydantic_core import to_json
from sqlalchemy import (
    JSON,
    BindParameter,
    Connection,
    Dialect,
    FromClause,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    select,
    true,
    type_coerce,
)
from sqlalchemy.types import TypeEngine

from api.domain.kit.sql import Insert, insert_into
from api.tables import UtcDateTime

Processor = Callable[[Any], Any]


class Records:
    """The columns of some records; a statement takes them from the parameter of this name."""

    def __init__(self, name: str, columns: Mapping[str, TypeEngine[Any]]) -> None:
        self.name = name
        self.columns = columns
        self._known: dict[str, dict[str, Processor]] = {}
        self._tables: dict[str, FromClause] = {}

    def table(self, dialect: str) -> FromClause:
        """Return the records as what a statement of the dialect of that name selects from.

        It is the same each time, so that several parts of a statement may select from it.
        """
        if dialect not in self._tables:
            self._tables[dialect] = self._table(dialect, bindparam(self.name, type_=Text))
        return self._tables[dialect]

    def given(self, dialect: Dialect, records: Iterable[Mapping[str, Any]]) -> FromClause:
        """Return these records as what a statement selects from, which has them with it."""
        packed = self.packed(dialect, records)
        return self._table(dialect.name, bindparam(self.name, packed, type_=Text))

    def _table(self, dialect: str, given: BindParameter[str]) -> FromClause:
        if dialect == "postgresql":
            columns = [column(name, type_) for name, type_ in self.columns.items()]
            found = func.json_to_recordset(cast(given, JSON)).table_valued(*columns)
            return found.render_derived(self.name, with_types=True)
        record = func.json_each(given).table_valued("value").c.value
        values = (
            type_coerce(func.json_extract(record, f"$.{name}"), type_).label(name)
            for name, type_ in self.columns.items()
        )
        # Else SQLite may parse all records again for each row of the table that they are joined to.
        return select(*values).cte(self.name).prefix_with("MATERIALIZED")

    def insertion(self, dialect: str, table: Table) -> Insert:
        """Return the INSERT of the records into a table that has their columns.

        The driver would take as long to read a statement with a parameter for each value of each
        row as PostgreSQL takes to insert them.
        """
        # With a condition: without, SQLite takes what is said of a conflict for a part of it.
        rows = select(self.table(dialect)).where(true())
        return insert_into(dialect, table).from_select(list(self.columns), rows)

    def packed(self, dialect: Dialect, records: Iterable[Mapping[str, Any]]) -> str:
        """Return the value of the parameter."""
        convert = self._processors(dialect)
        rows = [
            {
                name: convert[name](record[name]) if name in convert else record[name]
                for name in self.columns
            }
            for record in records
        ]
        return to_json(rows).decode()

    def _processors(self, dialect: Dialect) -> dict[str, Processor]:
        """Return what converts the values of each column that the database stores otherwise."""
        if dialect.name not in self._known:
            self._known[dialect.name] = {
                name: processor
                for name, type_ in self.columns.items()
                if (processor := _processor(type_, dialect)) is not None
            }
        return self._known[dialect.name]


def upsert(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows of a table in the place of those with the same primary key."""
    records = _rows_of(table)
    given = {records.name: records.packed(connection.dialect, rows)}
    connection.execute(_upsertion(connection.dialect.name, table), given)


@cache
def _upsertion(dialect: str, table: Table) -> Insert:
    statement = _rows_of(table).insertion(dialect, table)
    keys = set(table.primary_key)
    replaced = {
        column.name: statement.excluded[column.name] for column in table.c if column not in keys
    }
    return statement.on_conflict_do_update(index_elements=[*table.primary_key], set_=replaced)


@cache
def _rows_of(table: Table) -> Records:
    return records_of(table, "rows")


def records_of(table: Table, name: str) -> Records:
    """Return records with the columns of a table."""
    return Records(name, {str(column.name): column.type for column in table.c})


def _processor(type_: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    """Return what makes of a value what the database stores, if it is not the value itself."""
    # Parts of the whole, and times with their offsets, are in the JSON as PostgreSQL reads them.
    if dialect.name == "postgresql" and isinstance(type_, JSON | UtcDateTime):
        return None
    return type_.dialect_impl(dialect).bind_processor(dialect)
