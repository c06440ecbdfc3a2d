"""A ledger that is filled at once is like one that was filled row by row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text

from api.domain.dora.kept import changed
from api.tables import deployments, events
from bench import seed, writing
from bench.ledger import Ledger, open_ledger
from tests.postgresql import Lender

SCHEMA = {
    "sqlite": "SELECT name, sql FROM sqlite_master ORDER BY name",
    "postgresql": """
        SELECT indexname, indexdef FROM pg_indexes
        UNION ALL SELECT CAST(tgname AS text), CAST(tgenabled AS text) FROM pg_trigger
        ORDER BY 1, 2
    """,
}


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """Return an empty ledger."""
    if request.param == "SQLite":
        yield open_ledger("SQLite", 0, {"DATA_DIR": tmp_path}, tmp_path)
        return
    lender: Lender = request.getfixturevalue("postgresql_lender")
    with lender.lend() as place:
        opened = open_ledger("PostgreSQL", 0, place, tmp_path)
        yield opened
        opened.engine.dispose()


def rows(connection: Connection, statement: Any) -> list[tuple[Any, ...]]:
    """Return all rows of a statement."""
    return [tuple(row) for row in connection.execute(statement)]


def test_what_was_put_off_is_there_again(ledger: Ledger) -> None:
    with writing.unhurried(ledger.engine) as connection:
        schema = text(SCHEMA[connection.dialect.name])
        before = rows(connection, schema)
        with writing.put_off(connection, seed.FILLED):
            assert rows(connection, schema) != before

        assert rows(connection, schema) == before


def test_rows_are_those_that_would_be_inserted(ledger: Ledger) -> None:
    with writing.unhurried(ledger.engine) as connection:
        seed.fill(connection, 50)
        for table in (deployments, events):
            every = select(table).order_by(table.c.id)
            written = connection.execute(every).mappings().all()
            connection.execute(table.delete())
            connection.execute(insert(table), [dict(row) for row in written])

            assert connection.execute(every).mappings().all() == written


def test_what_was_written_is_noted_for_the_metrics(ledger: Ledger) -> None:
    with writing.unhurried(ledger.engine) as connection:
        changed.take(connection)
        seed.fill(connection, 50)

        assert changed.anything(connection)
