"""Write very many rows at once, without what a ledger does for each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb
from sqlalchemy import JSON, Connection, Engine, Table, insert, text

from api.database import writing
from api.domain.dora.kept import changed
from api.domain.kit.sql import without_time_limit
from api.tables import deployments, incidents

BATCH = 5_000
# What triggers note of these, one note says for all.
NOTED = (deployments, incidents)
INDEXES = {
    "sqlite": """
        SELECT name, sql FROM sqlite_master
        WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = :table
    """,
    "postgresql": """
        SELECT indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index
        WHERE indrelid = CAST(:table AS regclass)
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    """,
}
TRIGGERS = """
    SELECT name, sql FROM sqlite_master
    WHERE type = 'trigger' AND name LIKE 'note\\_%' ESCAPE '\\' AND tbl_name = :table
"""

Row = dict[str, Any]


class Burden(NamedTuple):
    """The statements that take away what each row costs, and bring it back."""

    drop: str
    make: str


@contextmanager
def unhurried(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that writes, and that may take longer than those of the service."""
    with engine.connect() as connection, writing(connection):
        without_time_limit(connection)
        yield connection


@contextmanager
def put_off(connection: Connection, tables: Sequence[Table]) -> Iterator[None]:
    """Do without the indexes and notes of some tables, which are made for all rows at the end."""
    burdens = [burden for table in tables for burden in _burdens(connection, table)]
    for burden in burdens:
        connection.exec_driver_sql(burden.drop)
    yield
    for burden in burdens:
        connection.exec_driver_sql(burden.make)
    changed.everything(connection)


def write(connection: Connection, table: Table, rows: Iterator[Row]) -> None:
    """Write rows that have the same columns each."""
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
        return
    while batch := list(islice(rows, BATCH)):
        connection.execute(insert(table), batch)


def _copy(connection: Connection, table: Table, rows: Iterator[Row]) -> None:
    first = next(rows, None)
    if first is None:
        return
    documents = {column.name for column in table.c if isinstance(column.type, JSON)} & first.keys()
    driver: Any = connection.connection.driver_connection
    statement = f"COPY {table.name} ({', '.join(f'"{name}"' for name in first)}) FROM STDIN"
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in chain([first], rows):
            # The values stay those of the row, which others may keep.
            copy.write_row((row | {name: Jsonb(row[name]) for name in documents}).values())


def _burdens(connection: Connection, table: Table) -> Iterator[Burden]:
    dialect = connection.dialect.name
    for name, made in connection.execute(text(INDEXES[dialect]), {"table": table.name}):
        yield Burden(f"DROP INDEX {name}", made)
    if table not in NOTED:
        return
    if dialect == "postgresql":
        alter = f"ALTER TABLE {table.name}"
        yield Burden(f"{alter} DISABLE TRIGGER USER", f"{alter} ENABLE TRIGGER USER")
        return
    for name, made in connection.execute(text(TRIGGERS), {"table": table.name}):
        yield Burden(f"DROP TRIGGER {name}", made)
