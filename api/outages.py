"""Outages: what keeps the database from serving, by the error of its driver.

The engine raises UnavailableError for each of them. All other database errors are bugs.
"""

from __future__ import annotations

import sqlite3
from enum import StrEnum

import psycopg


class Outage(StrEnum):
    """Why the database cannot serve, in words for callers."""

    SILENT = "the database did not answer"
    CONFLICT = "other requests were changing the same records"
    MIGRATED = "the schema of the database was being changed"
    OVERLOADED = "the database is overloaded"
    READ_ONLY = "the database accepts no writes"
    FULL = "the database has no space left"
    NO_SCHEMA = "the database does not have the schema of this version"
    UNUSABLE = "the database cannot be used"


class UnavailableError(Exception):
    """The database cannot serve at the moment; the message says why and contains no secret."""

    def __init__(self, outage: Outage, reason: str) -> None:
        super().__init__(f"{outage}: {reason}")
        self.outage = outage


# By the beginning of SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html); the
# longest counts.
SQLSTATES = {
    "08": Outage.SILENT,  # the connection
    "23503": Outage.CONFLICT,  # what a new row refers to was deleted meanwhile
    "25006": Outage.READ_ONLY,
    "25P03": Outage.SILENT,  # the server ended an idle transaction
    "25P04": Outage.SILENT,  # the server ended a long transaction
    "28": Outage.UNUSABLE,  # the user or the password
    "3D": Outage.UNUSABLE,  # no such database
    "3F": Outage.NO_SCHEMA,
    "40001": Outage.CONFLICT,
    "40P01": Outage.CONFLICT,
    "42501": Outage.UNUSABLE,  # the user lacks a right
    "42703": Outage.NO_SCHEMA,  # no such column
    "42P01": Outage.NO_SCHEMA,  # no such table
    "53": Outage.OVERLOADED,  # memory or connections
    "53100": Outage.FULL,
    "55": Outage.OVERLOADED,  # a lock, or an object in use
    "57": Outage.SILENT,  # a timeout, a shutdown, a crash or a start
    "58": Outage.UNUSABLE,  # the operating system
    "F0": Outage.UNUSABLE,  # the server's configuration
    "XX": Outage.UNUSABLE,  # corrupted data
}
# By SQLite's primary result code (https://www.sqlite.org/rescode.html).
RESULT_CODES = {
    sqlite3.SQLITE_PERM: Outage.UNUSABLE,
    sqlite3.SQLITE_BUSY: Outage.OVERLOADED,
    sqlite3.SQLITE_LOCKED: Outage.OVERLOADED,
    sqlite3.SQLITE_NOMEM: Outage.OVERLOADED,
    sqlite3.SQLITE_READONLY: Outage.READ_ONLY,
    sqlite3.SQLITE_INTERRUPT: Outage.SILENT,
    sqlite3.SQLITE_IOERR: Outage.UNUSABLE,
    sqlite3.SQLITE_CORRUPT: Outage.UNUSABLE,
    sqlite3.SQLITE_FULL: Outage.FULL,
    sqlite3.SQLITE_CANTOPEN: Outage.UNUSABLE,
    sqlite3.SQLITE_PROTOCOL: Outage.OVERLOADED,
    sqlite3.SQLITE_NOTADB: Outage.UNUSABLE,
}
# What PostgreSQL calls a statement that it prepared before a migration changed its columns has a
# code that others share, and a message in the server's language.
STALE = ("0A000", "RevalidateCachedQuery")
# SQLite has one code for all faults of a statement.
NO_SCHEMA = ("no such table", "no such column")


def outage_of(error: BaseException) -> Outage | None:
    """Return the outage that an error of psycopg or sqlite3 stands for, or None for a bug."""
    if isinstance(error, psycopg.Error):
        if error.sqlstate is None:  # not from the server
            unconnected = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
            return Outage.SILENT if unconnected else None
        if (error.sqlstate, error.diag.source_function) == STALE:
            return Outage.MIGRATED
        prefixes = (error.sqlstate, error.sqlstate[:2])
        return next((SQLSTATES[prefix] for prefix in prefixes if prefix in SQLSTATES), None)
    if isinstance(error, sqlite3.Error):
        if str(error).startswith(NO_SCHEMA):
            return Outage.NO_SCHEMA
        return RESULT_CODES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    return None


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message; further ones show the statement."""
    return str(error).strip().partition("\n")[0]
