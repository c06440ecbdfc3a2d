"""Insert entries that the ledger does not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Connection, Table, insert
from uuid_utils.compat import uuid7

from api.domain import catalog
from api.domain.deployments import reports
from api.domain.deployments.reports import Identity
from api.domain.kit.times import now
from api.domain.tiers import PROMOTION_ORDER
from api.domain.transfer.lines import DeploymentEntry, Entry, EnvironmentEntry
from api.domain.transfer.stored import TABLES, Row


def insert_all(connection: Connection, entries: Sequence[Entry]) -> int:
    """Insert entries of one type; return how many there were of which nothing was known."""
    if isinstance(entries[0], DeploymentEntry):
        return _insert_deployments(connection, cast(Sequence[DeploymentEntry], entries))
    table = TABLES[entries[0].type]
    rows = [_described(entry) for entry in entries]
    _refer(connection, table, rows)
    connection.execute(
        insert(table),
        [{name: value for name, value in row.items() if name in table.c} for row in rows],
    )
    return len(entries)


def _insert_deployments(connection: Connection, entries: Sequence[DeploymentEntry]) -> int:
    recorded, _ = reports.store_all(
        connection,
        [entry.report() for entry in entries],
        [Identity(entry.id, entry.created_at) for entry in entries],
    )
    return sum(report.created for report in recorded)


def _described(entry: Entry) -> Row:
    """Return the values of an entry, with those filled in that it need not have."""
    row: dict[str, Any] = entry.model_dump(exclude={"type"})
    row |= {"id": entry.id or uuid7(), "created_at": entry.created_at or now()}
    if isinstance(entry, EnvironmentEntry):
        row |= _environment(entry)
    return row


def _environment(entry: EnvironmentEntry) -> Row:
    """Return what an environment is; another tier than its name says was described by somebody."""
    guessed = catalog.guessed(entry.name)
    given = entry.model_dump(include=set(guessed), exclude_none=True)
    ordered = {"promotion_order": PROMOTION_ORDER[given["tier"]]} if "tier" in given else {}
    described = {"described": any(given[name] != guessed[name] for name in given)}
    return guessed | ordered | described | given


def _refer(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Add the id of each service and environment that rows name, if the table refers to them.

    The id is None where a row names none: all rows must have the columns of the first.
    """
    for name, ids_of in (
        ("environment", catalog.environment_ids),
        ("service", catalog.service_ids),
    ):
        if f"{name}_id" in table.c:
            names = {row[name] for row in rows} - {None}
            ids = ids_of(connection, names, now()) if names else {}
            for row in rows:
                row[f"{name}_id"] = ids.get(row[name])
