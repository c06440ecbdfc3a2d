"""How connections are opened: to PostgreSQL, or to SQLite embedded in the process."""

from __future__ import annotations

import select
import sqlite3
import time
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError
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
# What new connections do not have. After a failover, they reach the new primary; after a migration,
# they have no statements that were prepared before it.
RENEWED = {Outage.READ_ONLY, Outage.MIGRATED}
# How long a writer waits for another one on SQLite.
BUSY_TIMEOUT_S = 10
BUSY_PAUSE_S = 0.01
# Whether a transaction is read-only and, if there is a schema, whether the user may write.
WRITABLE = """
    SELECT current_setting('transaction_read_only'),
        has_table_privilege(to_regclass('deployments'), 'INSERT')
"""


def open_engine(settings: Settings, connections: int = 0) -> Engine:
    """Create an engine with a pool of this many connections; with 0, without a pool.

    On PostgreSQL, a statement over a connection of the pool is a transaction of its own, unless the
    connection is given to `let_write` or has another isolation level.

    It raises UnavailableError instead of the driver's error if the database cannot serve.
    """
    engine = _sqlite(settings) if settings.embedded else _postgresql(settings, connections)
    event.listen(engine, "handle_error", _unavailable)
    return engine


def _unavailable(context: ExceptionContext) -> UnavailableError | None:
    """Return what is raised instead of a driver's error, or None to leave it."""
    outage = outage_of(context.original_exception)
    if outage is None:
        return None
    if outage in RENEWED:
        context.is_disconnect = True
    return UnavailableError(outage, first_line(context.original_exception))


def _postgresql(settings: Settings, connections: int) -> Engine:
    pool: dict[str, Any] = (
        {
            "pool_size": connections,
            "max_overflow": 0,
            "pool_timeout": CONNECT_TIMEOUT_S,
            # What most requests need, so that only the others have to change it, and back.
            "isolation_level": "AUTOCOMMIT",
            "skip_autocommit_rollback": True,
        }
        if connections
        else {"poolclass": NullPool}
    )
    # Of several hosts, connect to the primary. A single one may serve reads while it is read-only.
    primary = {"target_session_attrs": "read-write"} if "," in str(settings.DATABASE_HOST) else {}
    engine = create_engine(
        settings.database_url(),
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "slipway",
            **KEEPALIVE,
            **primary,
            # To compile a query takes longer than any of ours; a table without statistics, as a new
            # one is, makes PostgreSQL believe otherwise.
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC -c jit=off",
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

    @event.listens_for(engine, "connect")
    def use_utc(raw: psycopg.Connection[Any], _record: Any) -> None:
        # A pooler between us and the server may have left out the option above.
        if raw.info.parameter_status("TimeZone") != "UTC":
            raw.execute("SET timezone = 'UTC'")
            raw.commit()

    @event.listens_for(engine, "checkout")
    def replace_closed(raw: psycopg.Connection[Any], _record: Any, _proxy: Any) -> None:
        if _is_closed(engine, raw):
            raise InvalidatePoolError

    if connections:
        event.listen(engine, "checkin", _commit_each_statement)
    return engine


def let_write(connection: Connection) -> None:
    """Let what a connection executes be in transactions that write, until it is closed.

    An isolation level would do the same on PostgreSQL with four calls of psycopg, and an event with
    some for each statement.
    """
    connection.execution_options(writes=True)
    driver: Any = connection.connection.driver_connection
    if isinstance(driver, psycopg.Connection):
        driver.autocommit = False


def _commit_each_statement(raw: psycopg.Connection[Any] | None, _record: Any) -> None:
    if raw is not None and not raw.closed and not raw.autocommit:
        raw.autocommit = True


def _is_closed(engine: Engine, raw: psycopg.Connection[Any]) -> bool:
    """Return whether the server has closed an idle connection, without asking it each time.

    It says nothing on one that is idle, so only a connection with something to read is asked.
    """
    if raw.closed:
        return True
    poll = select.poll()
    poll.register(raw.fileno(), select.POLLIN)
    if not poll.poll(0):
        return False
    try:
        engine.dialect.do_ping(raw)  # type: ignore[arg-type]
    except psycopg.Error:
        return True
    return False


def _sqlite(settings: Settings) -> Engine:
    try:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        settings.database_file.open("ab").close()
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
        _log_ahead(connection)
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


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Let a database write ahead, so that readers and the writer do not wait for each other.

    If others open a new one at the same time, SQLite does not wait for them by itself here.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(BUSY_PAUSE_S)
        else:
            return


def why_read_only(connection: Connection) -> str | None:
    """Return why PostgreSQL would refuse a write, or None."""
    if connection.dialect.name != "postgresql":
        return None
    read_only, may_write = connection.execute(text(WRITABLE)).one()
    if read_only == "on":
        return "it is read-only, or a standby"
    return "its user lacks the right" if may_write is False else None  # NULL without a schema
