"""Embedded databases for the tests, lent again and again."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

FILE = "slipway.db"
DEFINED = "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_master ORDER BY name)"


class Lender:
    """Lends one copy of a migrated folder again and again, emptied in between.

    A copy is left to its borrower who changed its tables, its files or their permissions.
    """

    def __init__(self, migrated: Path, folder: Path) -> None:
        self.migrated = migrated
        self.folder = folder
        self.idle: list[Path] = []
        self.made = 0
        with closing(sqlite3.connect(migrated / FILE)) as connection:
            self.defined = connection.execute(DEFINED).fetchall()
            found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            self.tables = [name for (name,) in found if not name.startswith("sqlite_")]
            (self.revision,) = connection.execute("SELECT version_num FROM alembic_version")
        self.mode = self._mode(migrated)

    @contextmanager
    def lend(self) -> Iterator[dict[str, object]]:
        """Lend an empty database with its tables."""
        place = self.idle.pop() if self.idle else self._copy()
        yield {"DATA_DIR": place}
        if self.emptied(place):
            self.idle.append(place)

    def _copy(self) -> Path:
        self.made += 1
        return Path(shutil.copytree(self.migrated, self.folder / str(self.made)))

    def emptied(self, place: Path) -> bool:
        """Empty a database, and say whether it is as it was when it was new."""
        try:
            if self._mode(place) != self.mode:
                return False
            with closing(sqlite3.connect(place / FILE, timeout=1)) as connection, connection:
                if connection.execute(DEFINED).fetchall() != self.defined:
                    return False
                for table in self.tables:
                    connection.execute(f'DELETE FROM "{table}"')  # noqa: S608
                connection.execute("INSERT INTO alembic_version VALUES (?)", self.revision)
        except (OSError, sqlite3.Error):
            return False
        return True

    def _mode(self, place: Path) -> tuple[object, ...]:
        """Return a folder's permissions, its file's, and the names of all else that is in it."""
        others = {path.name for path in place.iterdir()} - {FILE, f"{FILE}-wal", f"{FILE}-shm"}
        return place.stat().st_mode, (place / FILE).stat().st_mode, others
