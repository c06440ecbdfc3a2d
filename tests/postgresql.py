"""A PostgreSQL server for the tests, from the programs that are installed."""

from __future__ import annotations

import getpass
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine, event


def find_programs() -> Path | None:
    """Return the folder of `initdb` and `pg_ctl`; Debian keeps them off the PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


class Server:
    """A server on a Unix socket in a folder of its own, which forgets everything at the end.

    A durable one waits for the disk at each commit, and learns by itself what its tables hold, as a
    real one does. What another one plans does not change in the middle of a test.
    """

    def __init__(self, programs: Path, folder: Path, *, durable: bool = False) -> None:
        self.programs = programs
        self.folder = folder
        self.durable = durable
        self.data = folder / "data"
        self.names = (f"test_{number}" for number in itertools.count(1))
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else getpass.getuser()

    def start(self) -> None:
        """Make the server's files and start it."""
        if os.geteuid() == 0:
            owner = pwd.getpwnam(self.user)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._run("initdb", "--auth=trust", "--no-sync", "--username=slipway", "--encoding=UTF8")
        self.resume()

    def resume(self) -> None:
        """Start it with the files it has, and wait until it answers."""
        kind = "" if self.durable else "-F -c autovacuum=off "
        options = f"{kind}-c listen_addresses='' -c unix_socket_directories={self.folder}"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        """Stop it at once, as a crash does: what it has committed is in its log, and no more."""
        self._run("pg_ctl", "-m", "immediate", "stop")

    def new_database(self, template: str = "template1") -> dict[str, object]:
        """Copy a database, the empty one unless told, and return the settings that lead to it."""
        name = next(self.names)
        with self.connect() as connection:
            connection.execute(
                SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template))
            )
        return {
            "DATABASE_HOST": str(self.folder),
            "DATABASE_NAME": name,
            "DATABASE_USER": "slipway",
        }

    @contextmanager
    def lend(self) -> Iterator[dict[str, object]]:
        """Make an empty database for a while: thousands of them would fill a disk."""
        made = self.new_database()
        try:
            yield made
        finally:
            self.drop(str(made["DATABASE_NAME"]))

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        with self.connect() as connection:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Connect to a database, each statement a transaction of its own."""
        return psycopg.connect(
            host=str(self.folder), user="slipway", dbname=database, autocommit=True
        )

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self.programs / program, "-D", self.data, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self.user if os.geteuid() == 0 else None,
            cwd=self.folder,
        )


# Everything that a statement of a test may define in its database, or set for it.
DEFINED = """
    SELECT md5(string_agg(entry, ' ' ORDER BY entry)) FROM (
        SELECT format('%s %s', relname, pg_attribute) AS entry
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT pg_constraint::text FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT pg_proc::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT pg_trigger::text FROM pg_trigger
        UNION ALL SELECT pg_db_role_setting::text FROM pg_db_role_setting
    ) AS defined
"""
# Who is idle holds nothing, and may be an application that is kept for the next borrower.
DISCONNECT = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
"""


class Lender:
    """Lends one copy of a migrated database again and again, emptied in between.

    To make and drop a copy costs twenty times as much. A copy whose tables or settings a borrower
    has changed is dropped. What empties a copy stays connected to it until it is dropped.
    """

    def __init__(self, server: Server, template: str) -> None:
        self.server = server
        self.template = template
        self.idle: list[dict[str, object]] = []
        self.connections: dict[str, psycopg.Connection] = {}
        with server.connect(template) as connection:
            self.defined = connection.execute(DEFINED).fetchall()
            found = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            )
            self.tables = [name for (name,) in found]
            (self.revision,) = connection.execute("TABLE alembic_version").fetchall()

    @contextmanager
    def lend(self) -> Iterator[dict[str, object]]:
        """Lend an empty database with its tables."""
        made = self.idle.pop() if self.idle else self.server.new_database(self.template)
        yield made
        name = str(made["DATABASE_NAME"])
        if self._emptied(name):
            self.idle.append(made)
        else:
            self._disconnect(name)
            self.server.drop(name)

    def close(self) -> None:
        """End all connections."""
        for name in [*self.connections]:
            self._disconnect(name)

    def _disconnect(self, name: str) -> None:
        if name in self.connections:
            self.connections.pop(name).close()

    def _emptied(self, name: str) -> bool:
        """Empty a database, and say whether it is as it was when it was new."""
        delete = SQL("; ").join(
            SQL("DELETE FROM {}").format(Identifier(each)) for each in self.tables
        )
        try:
            if name not in self.connections:
                self.connections[name] = self.server.connect(name)
                # Without the triggers that hold foreign keys, in any order.
                self.connections[name].execute("SET session_replication_role = replica")
            connection = self.connections[name]
            connection.execute(DISCONNECT)
            if connection.execute(DEFINED).fetchall() != self.defined:
                return False
            connection.execute(delete)
            connection.execute("INSERT INTO alembic_version VALUES (%s)", self.revision)
        except psycopg.Error:
            return False
        return True


@contextmanager
def traced(engine: Engine) -> Iterator[Callable[[], int]]:
    """Yield what counts the round trips so far, by the protocol's own trace."""
    with tempfile.TemporaryFile("w+") as file:

        def begin(raw: psycopg.Connection[Any], *_: object) -> None:
            raw.pgconn.trace(file.fileno())

        def end(raw: psycopg.Connection[Any] | None, *_: object) -> None:
            if raw is not None and not raw.closed:
                raw.pgconn.untrace()

        def count() -> int:
            file.seek(0)
            return sum("\tReadyForQuery\t" in line for line in file)

        event.listen(engine, "checkout", begin)
        event.listen(engine, "checkin", end)
        try:
            yield count
        finally:
            event.remove(engine, "checkout", begin)
            event.remove(engine, "checkin", end)
