"""Indexes of large tables, made and dropped while others go on writing to them.

Only PostgreSQL needs that: it does so outside of a transaction, so what ran before is committed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from alembic import op
from sqlalchemy import Connection, text

# A migration that cannot get its lock soon gives up instead of holding up the pods that serve.
LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "60s"
LONGEST_NAME = 63
NEW = "_new"


def limit(connection: Connection) -> None:
    """Limit how long each statement of the transaction may take, and wait for a lock."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"))


def add(name: str, table: str, columns: Sequence[str], **options: Any) -> None:
    """Add an index."""
    with _beside_others():
        _drop(name)  # what an attempt that failed has left is invalid
        op.create_index(name, table, columns, postgresql_concurrently=True, **options)


def replace(name: str, table: str, columns: Sequence[str], **options: Any) -> None:
    """Replace an index of PostgreSQL by another one of the same name."""
    made = f"{name[: LONGEST_NAME - len(NEW)]}{NEW}"
    with _beside_others():
        _drop(made)  # what an attempt that failed has left is invalid
        op.create_index(made, table, columns, postgresql_concurrently=True, **options)
        _drop(name)
        op.execute(f"ALTER INDEX {made} RENAME TO {name}")


def drop(*names: str) -> None:
    """Drop indexes."""
    with _beside_others():
        for name in names:
            _drop(name)


def _drop(name: str) -> None:
    concurrently = "CONCURRENTLY " if op.get_bind().dialect.name == "postgresql" else ""
    op.execute(f"DROP INDEX {concurrently}IF EXISTS {name}")


@contextmanager
def _beside_others() -> Iterator[None]:
    """Leave the transaction for a while; on SQLite, which has a single writer, stay in it."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        yield
        return
    with op.get_context().autocommit_block():
        # It blocks nobody, and has to wait until the transactions end that write meanwhile.
        op.execute("SET statement_timeout = 0")
        yield
    limit(connection)
