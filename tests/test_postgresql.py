"""A database is lent to one test after another: none notices what the one before did to it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.postgresql import Lender, Server

COUNTS = "SELECT (SELECT count(*) FROM services), (SELECT version_num FROM alembic_version)"


@pytest.fixture
def own(postgresql_server: Server, postgresql_lender: Lender) -> Iterator[Lender]:
    """Lend databases of this test's own."""
    lender = Lender(postgresql_server, postgresql_lender.template)
    yield lender
    lender.close()


def test_what_a_borrower_wrote_is_gone(own: Lender) -> None:
    with own.lend() as first, own.server.connect(str(first["DATABASE_NAME"])) as connection:
        before = connection.execute(COUNTS).fetchall()
        connection.execute(
            "INSERT INTO services (id, name, created_at) VALUES (gen_random_uuid(), 'a', now())"
        )
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with own.lend() as second, own.server.connect(str(second["DATABASE_NAME"])) as connection:
        after = connection.execute(COUNTS).fetchall()

    assert second == first
    assert after == before


def test_a_transaction_that_a_borrower_left_open_holds_nobody_up(own: Lender) -> None:
    with own.lend() as first:
        left = own.server.connect(str(first["DATABASE_NAME"]))
        left.execute("BEGIN; LOCK services")
    with own.lend() as second:
        assert second == first
    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    left.close()


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE alembic_version",
        "ALTER TABLE services ADD more text",
        'ALTER TABLE services ALTER name TYPE varchar(63) COLLATE "en-x-icu"',
        "CREATE TABLE mine ()",
        "CREATE INDEX mine ON services (name)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql RETURN 1",
        "ALTER TABLE services ADD CHECK (name <> 'mine')",
        "ALTER DATABASE {} SET default_transaction_read_only = on",
    ],
)
def test_a_database_that_a_borrower_changed_is_not_lent_again(own: Lender, change: str) -> None:
    with own.lend() as first, own.server.connect(str(first["DATABASE_NAME"])) as connection:
        connection.execute(change.format(first["DATABASE_NAME"]).encode())
    with own.lend() as second:
        assert second != first
    assert own.idle == [second]
