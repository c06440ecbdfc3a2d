"""What the ledger has, in the shape of the lines that move it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, FromClause, Select, Table, select

from api.domain.kit.sql import among
from api.domain.transfer.lines import ENTRIES, Entry
from api.tables import (
    changes,
    declaration_reports,
    declaration_statements,
    declarations,
    deletions,
    deployments,
    environments,
    events,
    evidence,
    incident_statements,
    incidents,
    removals,
    services,
)

Row = dict[str, Any]

TABLES = {
    "service": services,
    "environment": environments,
    "deployment": deployments,
    "incident": incidents,
    "declaration": declarations,
    "declaration_report": declaration_reports,
    "declaration_statement": declaration_statements,
    "event": events,
    "change": changes,
    "statement": evidence,
    "incident_statement": incident_statements,
    "removal": removals,
    "deletion": deletions,
}


class Shelf(NamedTuple):
    """Where one type of entries is kept; `key` is in the order of `Entry.KEY`."""

    statement: Select[Any]
    id: Column[Any]
    key: tuple[ColumnElement[Any], ...]


def shelf(entry: type[Entry], table: Table) -> Shelf:
    """Return the shelf of a type of entries, with a column for each of its fields."""
    fields = [name for name in entry.model_fields if name not in ("type", "id", "created_at")]
    names = ["id", *fields, "created_at"]
    tables: FromClause = table
    known: Row = {**table.c}
    for name, referred in (("service", services), ("environment", environments)):
        reference = table.c.get(f"{name}_id")
        if reference is not None:
            tables = tables.join(referred, isouter=bool(reference.nullable))
            known[name] = referred.c.name
    if "stated_kind" in table.c:  # the kind that was decided follows from the history
        known["kind"] = table.c.stated_kind
    columns = [known[name].label(name) for name in names if name in known]
    key = tuple(known[name] for name in entry.KEY)
    return Shelf(select(*columns).select_from(tables), table.c.id, key)


SHELVES = {name: shelf(ENTRIES[name], table) for name, table in TABLES.items()}


class Known:
    """What the ledger has of a batch of entries of one type."""

    def __init__(self, connection: Connection, entries: Sequence[Entry]) -> None:
        shelf, names = SHELVES[entries[0].type], entries[0].KEY
        self._by_id: dict[Any, Row] = {}
        self._by_key: dict[tuple[Any, ...], Row] = {}
        ids = [entry.id for entry in entries if entry.id is not None]
        keys = [entry.key for entry in entries if entry.key is not None]
        conditions: list[tuple[ColumnElement[bool], ...]] = []
        if ids:
            conditions.append((among(connection, shelf.id, ids),))
        if keys:
            # More than the pairs that were asked for, at times; each index finds them fast.
            parts = zip(shelf.key, zip(*keys, strict=True), strict=True)
            conditions.append(
                tuple(among(connection, column, set(values)) for column, values in parts)
            )
        for condition in conditions:
            for found in connection.execute(shelf.statement.where(*condition)).mappings():
                row = dict(found)
                self._by_id[row["id"]] = row
                self._by_key[tuple(row[name] for name in names)] = row

    def of(self, entry: Entry) -> Row | None:
        """Return what has the entry's id or, if nothing has, its key."""
        if entry.id in self._by_id:
            return self._by_id[entry.id]
        return None if entry.key is None else self._by_key.get(entry.key)
