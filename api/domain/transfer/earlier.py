"""The entries on earlier lines of a file, kept out of memory."""

from __future__ import annotations

import json
import sqlite3
from types import TracebackType
from typing import Any, Self

from pydantic_core import to_json

from api.domain.transfer import identity
from api.domain.transfer.identity import IDENTITY
from api.domain.transfer.lines import DeploymentEntry, Entry
from api.domain.transfer.reading import LineError

TABLE = "CREATE TABLE earlier (mark TEXT PRIMARY KEY, line INTEGER, entry TEXT) WITHOUT ROWID"


class EarlierEntries:
    """The entries of a file by their marks, in a temporary file that SQLite removes itself."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("BEGIN")
        self._connection.execute(TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def has(self, name: str, identifier: object) -> bool:
        """Return whether an earlier line has a record of this type and id."""
        mark = _mark(name, (str(identifier),))
        found = self._connection.execute("SELECT 1 FROM earlier WHERE mark = ?", (mark,))
        return found.fetchone() is not None

    def note(self, line: int, entry: Entry) -> None:
        """Remember an entry.

        Raises LineError if an earlier line has other values for the same entry.
        """
        text = to_json(entry).decode()
        known = [self._note(_mark(entry.type, mark), line, text) for mark in entry.marks]
        for mark, before, earlier in filter(None, known):
            self._compare(entry, mark, before, json.loads(earlier), json.loads(text))

    def _note(self, mark: str, line: int, text: str) -> tuple[str, int, str] | None:
        inserted = self._connection.execute(
            "INSERT OR IGNORE INTO earlier VALUES (?, ?, ?)", (mark, line, text)
        )
        if inserted.rowcount == 1:
            return None
        found = self._connection.execute("SELECT * FROM earlier WHERE mark = ?", (mark,))
        earlier: tuple[str, int, str] = found.fetchone()
        return earlier

    def _compare(
        self, entry: Entry, mark: str, line: int, known: dict[str, Any], new: dict[str, Any]
    ) -> None:
        if isinstance(entry, DeploymentEntry) and entry.merges:
            try:
                identity.check(known, new)
            except LineError as error:
                raise LineError(f"does not agree with line {line}: {error}") from error
            missing = {name: new[name] for name in IDENTITY if known[name] is None}
            self._connection.execute(
                "UPDATE earlier SET entry = ? WHERE mark = ?", (json.dumps(known | missing), mark)
            )
            return
        different = [name for name in entry.given() if known[name] != new[name]]
        if different:
            raise LineError(f"line {line} has another {', '.join(different)}")


def _mark(name: str, mark: tuple[Any, ...]) -> str:
    return json.dumps([name, *map(str, mark)])
