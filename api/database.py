"""The connection to the ledger's database: PostgreSQL, or SQLite embedded in the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from flask import current_app
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.pool import NullPool

from api.settings import Settings

# A statement that takes longer is given up, so that no request thread waits for ever.
STATEMENT_TIMEOUT_MS = 10_000
CONNECT_TIMEOUT_S = 5
# A server that vanished without a word is noticed within seconds: the system's own limits are
# a quarter of an hour for what was sent and two hours for what is awaited.
KEEPALIVE = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}
# How long a SQLite writer waits for another one.
BUSY_TIMEOUT_S = 10


class Database:
    """Opens the database when it is first needed and hands out transactions.

    Nothing is opened before, so that Gunicorn can import the application and then fork. `migrate`
    brings an embedded database to its schema when it is opened: nobody else would.
    """

    def __init__(self, settings: Settings, migrate: Callable[[Engine], object]) -> None:
        self.settings = settings
        self._migrate = migrate
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._joined: ContextVar[Connection | None] = ContextVar("joined", default=None)

    @property
    def engine(self) -> Engine:
        """Return the pool, one connection for each request thread at most.

        Raises DatabaseUnusableError when the embedded database's folder cannot be written.
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
        """Open a transaction that only reads; within `write()`, it sees what that has written."""
        joined = self._joined.get()
        if joined is not None:
            yield joined
            return
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, wait: bool = True) -> Iterator[Connection]:
        """Open a transaction that is committed at the end, or rolled back by an exception.

        Within another `write()` of the same thread it is a part of that one: an exception undoes
        this part, and what is committed is committed with the whole.

        SQLite has one writer at a time: without `wait`, OperationalError is raised at once when
        that is somebody else.
        """
        joined = self._joined.get()
        if joined is not None:
            with joined.begin_nested():
                yield joined
            return
        with self.engine.connect() as connection:
            connection.execution_options(wait=wait)
            with writing(connection):
                token = self._joined.set(connection)
                try:
                    yield connection
                finally:
                    self._joined.reset(token)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a transaction that sees one moment of the ledger, however long it reads."""
        with self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":  # in SQLite, every transaction does
                connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
                connection.execute(text("SET LOCAL statement_timeout = 0"))
            yield connection

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None


class DatabaseUnusableError(Exception):
    """The embedded database cannot be opened; the message says what to do."""


@contextmanager
def writing(connection: Connection) -> Iterator[None]:
    """Begin a transaction that will write, and commit it at the end."""
    connection.execution_options(writes=True)
    with connection.begin():
        yield


def open_engine(settings: Settings, connections: int = 0) -> Engine:
    """Return a new engine that keeps so many connections open; with 0, each ends with its use."""
    return _sqlite(settings) if settings.embedded else _postgresql(settings, connections)


def _postgresql(settings: Settings, connections: int) -> Engine:
    pool: dict[str, Any] = (
        {"pool_size": connections, "max_overflow": 0, "pool_timeout": CONNECT_TIMEOUT_S}
        if connections
        else {"poolclass": NullPool}
    )
    engine = create_engine(
        settings.database_url(),
        # A connection that the server has closed meanwhile is replaced, not reported.
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "slipway",
            **KEEPALIVE,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC",
        },
        **pool,
    )

    @event.listens_for(engine, "do_connect")
    def add_password(_dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
        password = settings.database_password()
        if password is not None:
            parameters["password"] = password

    return engine


def _sqlite(settings: Settings) -> Engine:
    try:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        (settings.DATA_DIR / "slipway.db").open("ab").close()
    except OSError as error:
        raise DatabaseUnusableError(
            f"cannot write to {settings.DATA_DIR}/ ({error.strerror}):"
            " set SLIPWAY_DATA_DIR to a folder that can be written"
        ) from error
    engine = create_engine(
        settings.database_url(),
        # No pool: opening a file is cheap, and a connection never meets a second thread.
        poolclass=NullPool,
        connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # The driver's own BEGIN comes too late. A writer takes its lock at once: one that reads
        # first and then writes would fail instead of waiting its turn.
        options = connection.get_execution_options()
        if not options.get("wait", True):
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")

    return engine


def database() -> Database:
    """Return the database of the application that answers the current request."""
    found: Database = current_app.extensions["database"]
    return found
