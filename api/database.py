"""Transactions in the ledger's database."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import psycopg
from flask import current_app
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from api.engine import CONNECT_TIMEOUT_S, RENEWED, let_write, open_engine
from api.outages import Outage, UnavailableError
from api.settings import Settings

# How often a use case is tried whose transaction PostgreSQL rolls back for what others do, and the
# longest wait before the first retry, which doubles each time.
ATTEMPTS = 4
RETRIED = {Outage.CONFLICT, Outage.MIGRATED}
BACKOFF_S = 0.05
# Ticks of the clock are shorter.
SETTLED_S = 0.1


class Database:
    """Opens the database on first use and provides transactions.

    It is not opened earlier, so that Gunicorn can import the application before it forks. `migrate`
    upgrades the schema of an embedded database when it is opened, since no init container does.
    """

    def __init__(self, settings: Settings, migrate: Callable[[Engine], object]) -> None:
        self.settings = settings
        self._migrate = migrate
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._joined: ContextVar[Connection | None] = ContextVar("joined", default=None)

    @property
    def engine(self) -> Engine:
        """Return the engine, whose pool has at most one connection for each request thread.

        Raises UnavailableError if an embedded database cannot be opened.
        """
        with self._lock:
            if self._engine is None:
                engine = open_engine(self.settings, connections=self.settings.THREADS)
                if self.settings.embedded:
                    self._migrate(engine)
                self._engine = engine
            return self._engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Connect for statements that only read; within `write()`, join that transaction.

        On PostgreSQL, each statement is a transaction of its own: it sees what is committed, as it
        would in a common one, but for the round trips that begin and end that.
        """
        joined = self._joined.get()
        if joined is not None:
            yield joined
            return
        with self._connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, wait: bool = True) -> Iterator[Connection]:
        """Open a transaction that is committed at the end, or rolled back on an exception.

        Within another `write()` of the same thread it is a savepoint: an exception rolls back only
        this part, and the outer transaction commits it.

        SQLite has one writer at a time: without `wait`, UnavailableError is raised at once if
        another transaction is writing.
        """
        joined = self._joined.get()
        if joined is not None:
            with joined.begin_nested():
                yield joined
            return
        with self._connect() as connection:
            connection.execution_options(wait=wait)
            with writing(connection):
                token = self._joined.set(connection)
                try:
                    yield connection
                finally:
                    self._joined.reset(token)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a read-only transaction that sees a single snapshot and has no time limit."""
        with self._connect() as connection:
            if connection.dialect.name == "postgresql":  # on SQLite, every transaction is one
                connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
                connection.execute(text("SET LOCAL statement_timeout = 0"))
            yield connection

    @contextmanager
    def up_to_date(
        self, outdated: Callable[[Connection], bool], refresh: Callable[[Connection], object]
    ) -> Iterator[Connection]:
        """Open a transaction that sees a single snapshot, in which derived rows are up to date.

        It only reads unless they are outdated; then it refreshes them first.
        """
        with self._connect() as connection:
            options: dict[str, Any] = {}
            if connection.dialect.name == "postgresql":  # on SQLite, every transaction is one
                options["isolation_level"] = "REPEATABLE READ"
            connection.execution_options(**options)
            if outdated(connection):
                connection.rollback()
                options["writes"] = True
                self.retrying(lambda: _do_first(connection, options, refresh))
            yield connection
            connection.commit()

    def bring_up_to_date(
        self, outdated: Callable[[Connection], bool], refresh: Callable[[Connection], object]
    ) -> None:
        """Refresh derived rows if they are outdated, before anybody waits for it."""
        with self.up_to_date(outdated, refresh):
            pass

    def written(self) -> str | None:
        """Return a text that is another one once an embedded database was written to.

        Returns None if that was just now.
        """
        return _written(self.settings.database_file)

    def retrying[Result](self, use_case: Callable[[], Result]) -> Result:
        """Call a use case again if PostgreSQL rolled its transaction back for what others do.

        Its transaction must contain all its effects. Raises UnavailableError after ATTEMPTS.
        """
        for attempt in range(ATTEMPTS - 1):
            try:
                return use_case()
            except UnavailableError as error:
                if error.outage not in RETRIED:
                    raise
            time.sleep(random.uniform(0, BACKOFF_S * 2**attempt))  # noqa: S311 (spreads retries)
        return use_case()

    def transact[Result](self, use_case: Callable[[Connection], Result]) -> Result:
        """Call a use case in a transaction that writes, again as `retrying` does."""

        def attempt() -> Result:
            with self.write() as connection:
                return use_case(connection)

        return self.retrying(attempt)

    def renew(self) -> None:
        """Close the idle connections, so that new ones are opened to where the database is now."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        try:
            connection = self.engine.connect()
        except PoolTimeoutError as error:
            reason = f"no connection was free within {CONNECT_TIMEOUT_S} s"
            raise UnavailableError(Outage.OVERLOADED, reason) from error
        with connection:
            try:
                yield connection
            except UnavailableError as error:
                self._drop(connection, error)
                raise

    def _drop(self, connection: Connection, error: UnavailableError) -> None:
        """Drop a connection that is of no use, as the engine does for its own statements.

        Those of a Query are the driver's alone.
        """
        if connection.invalidated or not isinstance(error.__cause__, psycopg.Error):
            return
        driver = connection.connection.driver_connection
        if driver is None or driver.closed or error.outage in RENEWED:
            connection.invalidate(error.__cause__)
            self.renew()


def _written(file: Path) -> str | None:
    """Return when and how long a database of SQLite was written; None if that was just now.

    A file's time may be that of the last tick of the clock: what is written in the same tick would
    not change it.
    """
    found = []
    for path in (file, file.with_name(f"{file.name}-wal")):
        with suppress(FileNotFoundError):
            found.append(path.stat())
    # Whoever opens the database makes an empty log, which means nothing.
    written = [times for times in found if times.st_size]
    if not written or time.time() - max(times.st_mtime for times in written) < SETTLED_S:
        return None
    return str([(times.st_mtime_ns, times.st_size, times.st_ino) for times in written])


def _do_first(
    connection: Connection, options: Mapping[str, Any], work: Callable[[Connection], object]
) -> None:
    """Begin a transaction with some work; one that fails is rolled back."""
    # Of the session of the server, which is another one if an outage has ended the one before.
    connection.execution_options(**options)
    try:
        work(connection)
    except BaseException:
        connection.rollback()
        raise


@contextmanager
def writing(connection: Connection) -> Iterator[None]:
    """Begin a write transaction and commit it at the end."""
    let_write(connection)
    with connection.begin():
        yield


def database() -> Database:
    """Return the database of the current application."""
    found: Database = current_app.extensions["database"]
    return found
