"""Insert entries that the ledger does not have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from sqlalchemy import Connection, Table, insert
from uuid_utils.compat import uuid7

from api.domain import catalog
from api.domain.catalog import Tier
from api.domain.deployments import reports
from api.domain.deployments.reports import Identity
from api.domain.kit.times import now
from api.domain.transfer.lines import (
    ChangeEntry,
    DeclarationEntry,
    DeploymentEntry,
    Entry,
    EnvironmentEntry,
    IncidentEntry,
    IncidentStatementEntry,
    StatementEntry,
)
from api.tables import (
    changes,
    declarations,
    environments,
    events,
    evidence,
    incident_statements,
    incidents,
    services,
)


def insert_all(connection: Connection, entries: Sequence[Entry]) -> int:
    """Insert entries of one type; return how many there were of which nothing was known."""
    return INSERT[entries[0].type](connection, entries)


def _services(connection: Connection, entries: Sequence[Entry]) -> int:
    connection.execute(insert(services), [_row(entry) for entry in entries])
    return len(entries)


def _environments(connection: Connection, entries: Sequence[Entry]) -> int:
    rows = []
    for entry in cast(Sequence[EnvironmentEntry], entries):
        tier = entry.tier or catalog.TIERS.get(entry.name, Tier.DEVELOPMENT)
        order = entry.promotion_order
        if order is None:
            order = catalog.PROMOTION_ORDER[tier]
        rows.append({**_row(entry), "tier": tier, "promotion_order": order})
    connection.execute(insert(environments), rows)
    return len(rows)


def _deployments(connection: Connection, entries: Sequence[Entry]) -> int:
    told = cast(Sequence[DeploymentEntry], entries)
    recorded, _ = reports.store_all(
        connection,
        [entry.report() for entry in told],
        [Identity(entry.id, entry.created_at) for entry in told],
    )
    return sum(created for _, created in recorded)


def _changes(connection: Connection, entries: Sequence[Entry]) -> int:
    told = cast(Sequence[ChangeEntry], entries)
    of_service = catalog.service_ids(connection, {entry.service for entry in told}, now())
    rows = [{**_row(entry), "service_id": of_service[entry.service]} for entry in told]
    connection.execute(insert(changes), rows)
    return len(rows)


def _incidents(connection: Connection, entries: Sequence[Entry]) -> int:
    return _in_cells(connection, incidents, cast(Sequence[IncidentEntry], entries))


def _declarations(connection: Connection, entries: Sequence[Entry]) -> int:
    return _in_cells(connection, declarations, cast(Sequence[DeclarationEntry], entries))


def _events(connection: Connection, entries: Sequence[Entry]) -> int:
    rows = [_row(entry) for entry in entries]
    for row in rows:
        del row["created_at"]  # it was received
    connection.execute(insert(events), rows)
    return len(rows)


def _statements(connection: Connection, entries: Sequence[Entry]) -> int:
    return _in_cells(connection, evidence, cast(Sequence[StatementEntry], entries))


def _incident_statements(connection: Connection, entries: Sequence[Entry]) -> int:
    told = cast(Sequence[IncidentStatementEntry], entries)
    return _in_cells(connection, incident_statements, told)


def _in_cells(
    connection: Connection,
    table: Table,
    told: Sequence[IncidentEntry | DeclarationEntry | StatementEntry | IncidentStatementEntry],
) -> int:
    of_service = catalog.service_ids(connection, {entry.service for entry in told}, now())
    of_environment = catalog.environment_ids(
        connection, {entry.environment for entry in told}, now()
    )
    rows = [
        {
            **_row(entry),
            "service_id": of_service[entry.service],
            "environment_id": of_environment[entry.environment],
        }
        for entry in told
    ]
    connection.execute(insert(table), rows)
    return len(rows)


def _row(entry: Entry) -> dict[str, Any]:
    fields = entry.model_dump(exclude={"type", "service", "environment"})
    return {**fields, "id": entry.id or uuid7(), "created_at": entry.created_at or now()}


INSERT: dict[str, Callable[[Connection, Sequence[Entry]], int]] = {
    "service": _services,
    "environment": _environments,
    "deployment": _deployments,
    "change": _changes,
    "incident": _incidents,
    "declaration": _declarations,
    "event": _events,
    "statement": _statements,
    "incident_statement": _incident_statements,
}
