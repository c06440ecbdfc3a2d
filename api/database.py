"""The connection to the ledger's database: PostgreSQL, or SQLite embedded in the process."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from flask import current_app
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import NullPool

from api.outages import Outage, UnavailableError, first_line, outage_of
from api.settings import Settings

# A statement that takes longer is cancelled, so that it does not block a request thread.
STATEMENT_TIMEOUT_MS = 10_000
CONNECT_TIMEOUT_S = 5
# Detect a dead server within seconds: by default, Linux takes a quarter of an hour for data that
# was sent and two hours for an idle connection.
KEEPALIVE = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}
# How long a writer waits for another one on SQLite.
BUSY_TIMEOUT_S = 10
# How often a use case is tried whose transaction PostgreSQL rolls back for the sake of another one,
# and the longest wait before the first retry, which doubles each time.
ATTEMPTS = 4
BACKOFF_S = 0.05


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
        """Open a transaction that only reads; within `write()`, join that transaction."""
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

    def retrying[Result](self, use_case: Callable[[], Result]) -> Result:
        """Call a use case again if PostgreSQL rolled back its transaction because of another one.

        Its transaction must contain all its effects. Raises UnavailableError after ATTEMPTS.
        """
        for attempt in range(ATTEMPTS - 1):
            try:
                return use_case()
            except UnavailableError as error:
                if error.outage is not Outage.CONFLICT:
                    raise
            time.sleep(random.uniform(0, BACKOFF_S * 2**attempt))  # noqa: S311 (spreads retries)
        return use_case()

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
            yield connection


@contextmanager
def writing(connection: Connection) -> Iterator[None]:
    """Begin a write transaction and commit it at the end."""
    connection.execution_options(writes=True)
    with connection.begin():
        yield


def is_read_only(connection: Connection) -> bool:
    """Return whether PostgreSQL refuses writes, as a standby or by its configuration."""
    if connection.dialect.name != "postgresql":
        return False
    return bool(connection.execute(text("SHOW transaction_read_only")).scalar_one() == "on")


def open_engine(settings: Settings, connections: int = 0) -> Engine:
    """Create an engine with a pool of this many connections; with 0, without a pool.

    It raises UnavailableError instead of the driver's error if the database cannot serve.
    """
    engine = _sqlite(settings) if settings.embedded else _postgresql(settings, connections)
    event.listen(engine, "handle_error", _unavailable)
    return engine


def _unavailable(context: ExceptionContext) -> UnavailableError | None:
    """Return what is raised instead of a driver's error, or None to leave it."""
    outage = outage_of(context.original_exception)
    if outage is None or context.is_pre_ping:
        return None
    if outage is Outage.READ_ONLY:
        # After a failover, new connections reach the new primary; drop those to the old one.
        context.is_disconnect = True
    return UnavailableError(outage, first_line(context.original_exception))


def _postgresql(settings: Settings, connections: int) -> Engine:
    pool: dict[str, Any] = (
        {"pool_size": connections, "max_overflow": 0, "pool_timeout": CONNECT_TIMEOUT_S}
        if connections
        else {"poolclass": NullPool}
    )
    # Of several hosts, connect to the primary. A single one may serve reads while it is read-only.
    primary = {"target_session_attrs": "read-write"} if "," in str(settings.DATABASE_HOST) else {}
    engine = create_engine(
        settings.database_url(),
        # Replace a pooled connection that the server has closed.
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "slipway",
            **KEEPALIVE,
            **primary,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC",
        },
        **pool,
    )

    @event.listens_for(engine, "do_connect")
    def add_password(_dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
        try:
            password = settings.database_password()
        except ValueError as error:  # the file was valid at startup and has changed since
            raise UnavailableError(Outage.UNUSABLE, str(error)) from error
        if password is not None:
            parameters["password"] = password

    return engine


def _sqlite(settings: Settings) -> Engine:
    try:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        (settings.DATA_DIR / "slipway.db").open("ab").close()
    except OSError as error:
        raise UnavailableError(
            Outage.UNUSABLE,
            f"cannot write to {settings.DATA_DIR}/ ({error.strerror}):"
            " set SLIPWAY_DATA_DIR to a writable folder",
        ) from error
    engine = create_engine(
        settings.database_url(),
        # No pool: opening a file is cheap, and no connection is shared between threads.
        poolclass=NullPool,
        connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # The driver's own BEGIN is too late. A writer takes its lock at once: one that reads first
        # and writes later would fail instead of waiting.
        options = connection.get_execution_options()
        if not options.get("wait", True):
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")

    return engine


def database() -> Database:
    """Return the database of the current application."""
    found: Database = current_app.extensions["database"]
    return found
