"""SQL that differs between SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    String,
    Table,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from api.domain.kit.queries import Query
from api.domain.kit.versions import SHORTEST_COMMIT
from api.tables import UtcDateTime

# A time, or the parameter or column that has it.
Instant = datetime | ColumnElement[datetime]
Insert = postgresql.Insert | sqlite.Insert
MAX_KEY = 2**63 - 1
KEYS = func.unnest(bindparam("keys", type_=postgresql.ARRAY(BigInteger))).column_valued("key")
LOCKED = Query(select(func.pg_advisory_xact_lock(KEYS)))
NAME = func.hashtextextended(bindparam("name", type_=Text), 0)
LOCKED_NAME = Query(select(func.pg_advisory_xact_lock(NAME)))


def lock(connection: Connection, key: int) -> None:
    """Lock a key until the transaction ends, waiting for whoever holds it.

    Only the low 63 bits of the key are significant.
    """
    lock_all(connection, [key])


def lock_all(connection: Connection, keys: Iterable[int]) -> None:
    """Lock several keys as `lock` does, one after the other, in one statement."""
    if connection.dialect.name == "postgresql":  # SQLite has a single writer
        LOCKED.tuples(connection, {"keys": [key & MAX_KEY for key in keys]})


def lock_name(connection: Connection, name: str) -> None:
    """Lock a name until the transaction ends, as `lock` does a key."""
    if connection.dialect.name == "postgresql":
        LOCKED_NAME.tuples(connection, {"name": name})


def lock_table(
    connection: Connection,
    table: Table,
    mode: Literal["SHARE UPDATE EXCLUSIVE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE"],
) -> None:
    """Lock a table until the transaction ends; its rows can still be read.

    Nobody changes a row meanwhile or, if EXCLUSIVE, refers to one; with SHARE UPDATE EXCLUSIVE only
    those wait who lock it so. In contrast to a row's lock, others cannot overtake it forever, and
    who waits for it has no snapshot yet.
    """
    if connection.dialect.name == "postgresql":  # SQLite has a single writer
        connection.execute(text(f"LOCK TABLE {table.name} IN {mode} MODE"))


def without_time_limit(connection: Connection) -> None:
    """Let the further statements of a transaction take as long as they need.

    Else PostgreSQL cancels each one after some seconds, however often it is tried: what concerns a
    large part of a large ledger could never be done. What waits for others keeps its limit.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))


@cache
def insert_into(dialect: str, table: Table) -> Insert:
    """Return an INSERT of the dialect of that name, which can say what to do on a conflict."""
    made: Insert
    made = (sqlite if dialect == "sqlite" else postgresql).insert(table)
    return made


def insert_new(connection: Connection, table: Table) -> Insert:
    """Return an INSERT that skips rows that violate a unique constraint."""
    return _insert_new(connection.dialect.name, table)


@cache
def _insert_new(dialect: str, table: Table) -> Insert:
    # Without this option, rowcount may be unknown after an INSERT.
    statement = insert_into(dialect, table).on_conflict_do_nothing()
    return statement.execution_options(preserve_rowcount=True)


def inserted(connection: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Insert a row unless it exists; return whether it was inserted."""
    return connection.execute(insert_new(connection, table), row).rowcount == 1


def among(
    connection: Connection, column: ColumnElement[Any], values: Collection[Any]
) -> ColumnElement[bool]:
    """Return the condition that a column has one of some values.

    PostgreSQL gets them as one array: its driver takes long over a parameter for each.
    """
    if connection.dialect.name == "postgresql":
        return column == func.any(literal([*values], postgresql.ARRAY(_element(column))))
    return column.in_(values)


def one_of(dialect: str, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Return the condition that a column has one of the values of the parameter of this name.

    It is for a statement that is built once for all values, and else the same as `among`.
    """
    if dialect == "postgresql":
        return column == func.any(bindparam(name, type_=postgresql.ARRAY(_element(column))))
    return column.in_(bindparam(name, expanding=True))


def _element(column: ColumnElement[Any]) -> TypeEngine[Any]:
    # A text of a column's length would be cut without a word.
    return Text() if isinstance(column.type, String) else column.type


def same_version(one: ColumnElement[str], other: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that two columns name one version, with or without a leading `v`."""
    plain = func.ltrim(other, "v")
    return one.in_([other, plain, literal("v") + plain])


def is_version(one: ColumnElement[str], other: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that two versions are the same, exactly as `versions.same` has it.

    No index helps to find it, in contrast to `same_version`.
    """
    return or_(one == other, _canonical(one) == _canonical(other))


def is_commit(version: ColumnElement[str], commit: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a version is a commit, as `versions.is_commit` has it; not NULL."""
    length = func.length(version)
    # Written out, as each parameter costs SQLAlchemy as much as a column.
    known = func.coalesce(commit, literal_column("''"))
    begins = func.substr(known, literal_column("1"), length) == version
    return and_(length >= literal_column(str(SHORTEST_COMMIT)), begins)


def abbreviates(version: ColumnElement[str], commit: ColumnElement[str]) -> ColumnElement[bool]:
    """Return `is_commit` for a look-up of versions along an index."""
    shortest = func.substr(commit, literal_column("1"), literal_column(str(SHORTEST_COMMIT)))
    return and_(version.between(shortest, commit), is_commit(version, commit))


def named_otherwise(deployment: FromClause, begin: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a deployment's commit begins so, and its version is not the commit.

    The latter is what the index has that helps to find it.
    """
    commit = deployment.c.commit
    # After the last digit of a commit.
    until = begin.concat(literal_column("'g'"))
    return and_(commit != deployment.c.version, commit >= begin, commit < until)


def _canonical(version: ColumnElement[str]) -> ColumnElement[str]:
    has_prefix = and_(
        func.substr(version, 1, 1) == "v", func.substr(version, 2, 1).in_(list("0123456789"))
    )
    return case((has_prefix, func.substr(version, 2, type_=String)), else_=version)


def has_lateral(connection: Connection) -> bool:
    """Return whether a joined SELECT may depend on what it is joined to; SQLite's may not."""
    return connection.dialect.name == "postgresql"


def first(
    table: Table, ordered: Select[Any], *, lateral: bool
) -> tuple[FromClause, ColumnElement[bool]]:
    """Return what to join to have the first row of a SELECT from a table, and on which condition.

    The SELECT may depend on what it is joined to. If `lateral`, the row is taken where it is found;
    otherwise only its id, by which it is looked up again.
    """
    if lateral:
        return ordered.limit(1).lateral(), true()
    row = table.alias()
    only_id = ordered.with_only_columns(ordered.selected_columns.id).limit(1)
    return row, row.c.id == only_id.scalar_subquery()


class ByteOrder(FunctionElement[str]):
    """A text that sorts by its bytes, whatever the collation of the database."""

    type = String()
    inherit_cache = True


@compiles(ByteOrder)
def _plain(element: ByteOrder, compiler: SQLCompiler, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(ByteOrder, "postgresql")
def _collated(element: ByteOrder, compiler: SQLCompiler, **options: Any) -> str:
    return f'{compiler.process(element.clauses, **options)} COLLATE "C"'


class Earlier(FunctionElement[datetime]):
    """A time minus a whole number of seconds, exact to the microsecond."""

    type = UtcDateTime()
    inherit_cache = True

    def __init__(self, time: ColumnElement[Any], span: timedelta) -> None:
        super().__init__(time, int(span.total_seconds()))


@compiles(Earlier, "postgresql")
def _minus_interval(element: Earlier, compiler: SQLCompiler, **options: Any) -> str:
    time, seconds = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({time} - make_interval(secs => {seconds}))"


@compiles(Earlier, "sqlite")
def _shifted_text(element: Earlier, compiler: SQLCompiler, **options: Any) -> str:
    """SQLite stores times as text and shifts whole seconds only, so put the fraction back."""
    time, seconds = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(datetime({time}, '-' || {seconds} || ' seconds') || substr({time}, 20))"


class MonthOf(FunctionElement[str]):
    """The year and month of a time in UTC: a date on PostgreSQL and a text on SQLite."""

    inherit_cache = True


@compiles(MonthOf, "postgresql")
def _truncated(element: MonthOf, compiler: SQLCompiler, **options: Any) -> str:
    time = compiler.process(element.clauses, **options)
    return f"date_trunc('month', {time} AT TIME ZONE 'UTC')::date"


@compiles(MonthOf, "sqlite")
def _cut_off(element: MonthOf, compiler: SQLCompiler, **options: Any) -> str:
    return f"substr({compiler.process(element.clauses, **options)}, 1, 7)"
