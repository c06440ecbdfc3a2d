"""Migrate a database to the schema of this version, one process at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

from api.database import writing
from api.domain.dora.kept import refreshing
from api.engine import let_write

# An arbitrary key that nothing else in the database may use: "slip" in ASCII.
ADVISORY_LOCK = 0x736C6970
LOCKED = text("SELECT pg_try_advisory_lock(:key)")
# A migration by another process may take longer than a request's write.
SQLITE_WAIT_MS = 120_000
POLL_S = 0.2


class MigrationError(ValueError):
    """The schema cannot be migrated; the message says why."""


def configuration(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for the migrations of this package."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config


@cache
def newest_revision() -> str:
    """Return the newest revision among this version's migrations."""
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    assert head is not None  # noqa: S101 (there is a first migration)
    return head


def current_revision(connection: Connection) -> str | None:
    """Return the revision of a database, or None if it has no tables yet."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Run the missing migrations; return the revision before and after.

    A newer database is left unchanged: an older version meets one after a rollback, and migrations
    are written so that it can work with it. Raises MigrationError if Alembic refuses.
    """
    with engine.connect() as connection, _one_at_a_time(connection):
        before = current_revision(connection)
        target = newest_revision()
        if before is not None and before >= target:
            return before, before
        if connection.dialect.name == "postgresql":  # Alembic begins and ends its own
            connection.commit()
        try:
            command.upgrade(configuration(connection), "head")
        except CommandError as error:
            raise MigrationError(str(error)) from error
        # What a migration has made outdated is computed before anybody waits for it.
        refreshing.refresh(connection)
        return before, target


@contextmanager
def _one_at_a_time(connection: Connection) -> Iterator[None]:
    """Exclude other migrations of the same database until this one ends."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {SQLITE_WAIT_MS}")
        connection.rollback()
        with writing(connection):
            yield
        return
    let_write(connection)
    # A session-level lock, which survives the commits in between. Who waits for it is in no
    # transaction meanwhile: an index that is made concurrently would wait for that one.
    connection.execute(text("SET statement_timeout = 0"))
    while not connection.execute(LOCKED, {"key": ADVISORY_LOCK}).scalar():
        connection.commit()
        time.sleep(POLL_S)
    connection.commit()
    try:
        yield
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
        connection.commit()
