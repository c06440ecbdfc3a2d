"""A PostgreSQL server for the tests, from the programs that are installed."""

from __future__ import annotations

import getpass
import itertools
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

import psycopg


def find_programs() -> Path | None:
    """Return the folder of `initdb` and `pg_ctl`; Debian keeps them off the PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


def _is_closed(folder: Path) -> bool:
    return stat.S_IMODE(folder.stat().st_mode) == stat.S_IRWXU


class Server:
    """A server on a Unix socket in a folder of its own, which forgets everything at the end."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs = programs
        self.folder = folder
        self.data = folder / "data"
        self.names = (f"test_{number}" for number in itertools.count(1))
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else getpass.getuser()

    def start(self) -> None:
        """Make the server's files and start it."""
        if os.geteuid() == 0:
            owner = pwd.getpwnam(self.user)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            for parent in itertools.takewhile(_is_closed, self.folder.parents):  # pytest's own
                parent.chmod(0o755)
        self._run("initdb", "--auth=trust", "--no-sync", "--username=slipway", "--encoding=UTF8")
        options = f"-F -c listen_addresses='' -c unix_socket_directories={self.folder}"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        """Stop it at once; nobody needs its data any more."""
        self._run("pg_ctl", "-m", "immediate", "stop")

    def new_database(self) -> dict[str, object]:
        """Create an empty database and return the settings that lead to it."""
        name = next(self.names)
        with psycopg.connect(
            host=str(self.folder), user="slipway", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return {
            "DATABASE_HOST": str(self.folder),
            "DATABASE_NAME": name,
            "DATABASE_USER": "slipway",
        }

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self.programs / program, "-D", self.data, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self.user if os.geteuid() == 0 else None,
            cwd=self.folder,
        )
