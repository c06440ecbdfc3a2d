"""A PostgreSQL server for the tests, from the programs that are installed."""

from __future__ import annotations

import getpass
import itertools
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


def find_programs() -> Path | None:
    """Return the folder of `initdb` and `pg_ctl`; Debian keeps them off the PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


class Server:
    """A server on a Unix socket in a folder of its own, which forgets everything at the end.

    A durable one waits for the disk at each commit, as a real one does.
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
        sync = "" if self.durable else "-F "
        options = f"{sync}-c listen_addresses='' -c unix_socket_directories={self.folder}"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        """Stop it at once, as a crash does: what it has committed is in its log, and no more."""
        self._run("pg_ctl", "-m", "immediate", "stop")

    def new_database(self, template: str = "template1") -> dict[str, object]:
        """Copy a database, the empty one unless told, and return the settings that lead to it."""
        name = next(self.names)
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return {
            "DATABASE_HOST": str(self.folder),
            "DATABASE_NAME": name,
            "DATABASE_USER": "slipway",
        }

    @contextmanager
    def lend(self, template: str) -> Iterator[dict[str, object]]:
        """Copy a database for a while: thousands of them would fill a disk."""
        made = self.new_database(template)
        try:
            yield made
        finally:
            self._execute(f"DROP DATABASE {made['DATABASE_NAME']} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(
            host=str(self.folder), user="slipway", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self.programs / program, "-D", self.data, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self.user if os.geteuid() == 0 else None,
            cwd=self.folder,
        )
