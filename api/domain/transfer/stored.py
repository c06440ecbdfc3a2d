"""What the ledger has, in the shape of the lines that move it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Select, select

from api.domain.declarations.store import FIELDS as DECLARATION_FIELDS
from api.domain.deployments.store import FIELDS
from api.domain.transfer.lines import Entry
from api.tables import (
    changes,
    declarations,
    deployments,
    environments,
    events,
    evidence,
    incident_statements,
    incidents,
    services,
)

Row = dict[str, Any]


class Shelf(NamedTuple):
    """Where one type of entries is kept; `key` is in the order of `Entry.KEY`."""

    statement: Select[Any]
    id: Column[Any]
    key: tuple[ColumnElement[Any], ...]


_SERVICE = services.c.name.label("service")
_ENVIRONMENT = environments.c.name.label("environment")
_STATED_KIND = deployments.c.stated_kind.label("kind")

SHELVES = {
    "service": Shelf(
        select(
            *(services.c[name] for name in ("id", "name", "owner", "repository", "image")),
            services.c.created_at,
        ),
        services.c.id,
        (services.c.name,),
    ),
    "environment": Shelf(
        select(
            *(environments.c[name] for name in ("id", "name", "tier", "promotion_order")),
            environments.c.created_at,
        ),
        environments.c.id,
        (environments.c.name,),
    ),
    "deployment": Shelf(
        select(
            *(_STATED_KIND if column is deployments.c.kind else column for column in FIELDS)
        ).select_from(deployments.join(services).join(environments)),
        deployments.c.id,
        (deployments.c.source, deployments.c.external_id),
    ),
    "change": Shelf(
        select(
            changes.c.id,
            _SERVICE,
            *(changes.c[name] for name in ("commit", "committed_at", "author", "title", "version")),
            changes.c.created_at,
        ).select_from(changes.join(services)),
        changes.c.id,
        (services.c.name, changes.c.commit),
    ),
    "incident": Shelf(
        select(
            incidents.c.id,
            _SERVICE,
            _ENVIRONMENT,
            *(incidents.c[name] for name in ("title", "detected_at", "resolved_at")),
            *(incidents.c[name] for name in ("deployment_id", "links", "source", "external_id")),
            incidents.c.corrected,
            incidents.c.created_at,
        ).select_from(incidents.join(services).join(environments)),
        incidents.c.id,
        (incidents.c.source, incidents.c.external_id),
    ),
    "declaration": Shelf(
        select(*DECLARATION_FIELDS).select_from(declarations.join(services).join(environments)),
        declarations.c.id,
        (services.c.name, environments.c.name, declarations.c.declared_at),
    ),
    "event": Shelf(
        select(events),
        events.c.id,
        (events.c.source, events.c.delivery_id),
    ),
    "statement": Shelf(
        select(
            *(evidence.c[name] for name in ("id", "deployment_id", "event_id")),
            _SERVICE,
            _ENVIRONMENT,
            *(evidence.c[name] for name in ("source", "external_id", "sequence", "correction")),
            *(evidence.c[name] for name in ("said", "started_at", "ended_at", "created_at")),
        ).select_from(evidence.join(services).join(environments)),
        evidence.c.id,
        (evidence.c.id,),
    ),
    "incident_statement": Shelf(
        select(
            *(incident_statements.c[name] for name in ("id", "event_id")),
            _SERVICE,
            _ENVIRONMENT,
            *(incident_statements.c[name] for name in ("source", "external_id", "correction")),
            *(incident_statements.c[name] for name in ("said", "created_at")),
        ).select_from(incident_statements.join(services).join(environments)),
        incident_statements.c.id,
        (incident_statements.c.id,),
    ),
}


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
            conditions.append((shelf.id.in_(ids),))
        if keys:
            # More than the pairs that were asked for, at times; each index finds them fast.
            parts = zip(shelf.key, zip(*keys, strict=True), strict=True)
            conditions.append(tuple(column.in_(set(values)) for column, values in parts))
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
