"""The readiness check of the database, with a deadline."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from api.database import Database
from api.engine import open_engine, why_read_only
from api.outages import Outage, UnavailableError, first_line
from api.tables import REQUIRED_REVISION

DEADLINE_S = 1.0


class NotReadyError(Exception):
    """The service cannot serve requests; the message says why."""


class DatabaseProbe:
    """Queries the revision of the schema, with a deadline of one second.

    The query runs in a separate thread, because no timeout covers everything that it may wait for:
    DNS, a connection, a lock. Concurrent checks share one query. It uses a connection of its own,
    so that busy request threads do not make the pod unready.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._pending: Future[str | None] | None = None
        self._engine: Engine | None = None

    def check(self) -> str:
        """Return the revision of the schema.

        Raises NotReadyError if the database does not answer in time, cannot be used or accepts no
        writes, or if its schema is missing or too old for this version. A newer schema is fine: the
        next release migrates the database while this version still serves.
        """
        try:
            revision = self._ask().result(timeout=DEADLINE_S)
        except FutureTimeoutError as error:
            raise NotReadyError(f"the database did not answer within {DEADLINE_S:g} s") from error
        except UnavailableError as error:
            raise NotReadyError(str(error)) from error
        except SQLAlchemyError as error:
            reason = first_line(getattr(error, "orig", None) or error)
            raise NotReadyError(f"the database cannot be queried: {reason}") from error
        if revision is None:
            raise NotReadyError("the database has no schema yet: run `flask ledger migrate`")
        if revision < REQUIRED_REVISION:
            raise NotReadyError(
                f"the schema is at revision {revision}, this version needs {REQUIRED_REVISION}:"
                " run `flask ledger migrate`"
            )
        return revision

    def close(self) -> None:
        """Close the connection."""
        if self._engine is not None:
            self._engine.dispose()

    def _ask(self) -> Future[str | None]:
        with self._lock:
            if self._pending is None or self._pending.done():
                self._pending = Future()
                # A daemon thread, so that a query that hangs does not keep the process alive.
                threading.Thread(target=self._answer, args=[self._pending], daemon=True).start()
            return self._pending

    def _answer(self, answer: Future[str | None]) -> None:
        try:
            answer.set_result(self._revision())
        except BaseException as error:  # noqa: BLE001 (raised again by result())
            answer.set_exception(error)

    def _revision(self) -> str | None:
        if self._engine is None:
            if self._database.settings.embedded:
                self._engine = self._database.engine
            else:
                self._engine = open_engine(self._database.settings, connections=1)
        with self._engine.connect() as connection:
            reason = why_read_only(connection)
            if reason is not None:
                connection.invalidate()
                self._database.renew()
                raise UnavailableError(Outage.READ_ONLY, reason)
            known = self._engine.dialect.has_table(connection, "alembic_version")
            if not known:
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
