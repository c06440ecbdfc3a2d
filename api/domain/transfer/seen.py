"""What a file has said so far, kept out of memory."""

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

TABLE = "CREATE TABLE seen (mark TEXT PRIMARY KEY, line INTEGER, said TEXT) WITHOUT ROWID"


class Seen:
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
        """Say whether a line had something of that type and id."""
        mark = _mark(name, (str(identifier),))
        found = self._connection.execute("SELECT 1 FROM seen WHERE mark = ?", (mark,))
        return found.fetchone() is not None

    def note(self, line: int, entry: Entry) -> None:
        """Remember an entry.

        Raises LineError when an earlier line says something else of the same entry.
        """
        said = to_json(entry).decode()
        earlier = [self._note(_mark(entry.type, mark), line, said) for mark in entry.marks]
        for mark, before, known in filter(None, earlier):
            self._compare(entry, mark, before, json.loads(known), json.loads(said))

    def _note(self, mark: str, line: int, said: str) -> tuple[str, int, str] | None:
        inserted = self._connection.execute(
            "INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", (mark, line, said)
        )
        if inserted.rowcount == 1:
            return None
        found = self._connection.execute("SELECT * FROM seen WHERE mark = ?", (mark,))
        earlier: tuple[str, int, str] = found.fetchone()
        return earlier

    def _compare(
        self, entry: Entry, mark: str, line: int, known: dict[str, Any], said: dict[str, Any]
    ) -> None:
        if isinstance(entry, DeploymentEntry) and entry.merges:
            try:
                identity.check(known, said)
            except LineError as error:
                raise LineError(f"does not agree with line {line}: {error}") from error
            missing = {name: said[name] for name in IDENTITY if known[name] is None}
            self._connection.execute(
                "UPDATE seen SET said = ? WHERE mark = ?", (json.dumps(known | missing), mark)
            )
            return
        different = [name for name in entry.stated() if known[name] != said[name]]
        if different:
            raise LineError(f"line {line} has another {', '.join(different)}")


def _mark(name: str, mark: tuple[Any, ...]) -> str:
    return json.dumps([name, *map(str, mark)])
