"""An embedded database is lent to one test after another: none notices the one before."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.sqlite import FILE, Lender

COUNTS = "SELECT (SELECT count(*) FROM services), (SELECT version_num FROM alembic_version)"


@pytest.fixture
def own(migrated_folder: Path, tmp_path: Path) -> Lender:
    """Lend databases of this test's own."""
    return Lender(migrated_folder, tmp_path)


def run(place: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(place / FILE)) as connection, connection:
        return connection.execute(statement).fetchall()


def place_of(made: dict[str, object]) -> Path:
    return Path(str(made["DATA_DIR"]))


def test_what_a_borrower_wrote_is_gone(own: Lender) -> None:
    with own.lend() as first:
        before = run(place_of(first), COUNTS)
        run(place_of(first), "INSERT INTO services (id, name, created_at) VALUES ('1', 'a', 'now')")
        run(place_of(first), "UPDATE alembic_version SET version_num = '9999'")
    with own.lend() as second:
        assert second == first
        assert run(place_of(second), COUNTS) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda place: run(place, "DROP TABLE alembic_version"),
        lambda place: run(place, "CREATE INDEX mine ON services (name)"),
        lambda place: (place / FILE).write_text("no database"),
        lambda place: (place / FILE).chmod(0o400),
        lambda place: (place / "more").touch(),
    ],
    ids=["a table less", "an index more", "another file", "read-only", "a file more"],
)
def test_a_database_that_a_borrower_changed_is_not_lent_again(
    own: Lender, change: Callable[[Path], object]
) -> None:
    with own.lend() as first:
        change(place_of(first))
    with own.lend() as second:
        assert second != first
