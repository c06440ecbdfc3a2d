"""Write the deployments that statements add up to, and the statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Select,
    Update,
    delete,
    func,
    literal_column,
    select,
    update,
)

from api.domain.deployments.model import Kind
from api.domain.deployments.statements import Statement
from api.domain.deployments.witnesses import Witness, settled
from api.domain.kit.records import Records, records_of
from api.tables import deployments, evidence, incidents

Rollout = Sequence[Witness]
Row = dict[str, Any]
# The id of the deployment that each statement is part of, by its own.
Homes = dict[UUID, UUID]
NEW = records_of(deployments, "new")
CHANGED = records_of(deployments, "changed")
SAID = records_of(evidence, "said")


def rows_of(rollouts: Iterable[Rollout]) -> dict[UUID, Row]:
    """Return the rows of the deployments of some rollouts, by their ids.

    Their kinds are those that the senders state, or None.
    """
    rows: dict[UUID, Row] = {}
    for rollout in rollouts:
        identifier = min(witness.id for witness in rollout)
        statement = rollout[0].statements[0]
        cell = {
            "service_id": statement.service_id,
            "environment_id": statement.environment_id,
        }
        values = settled(rollout)
        rows[identifier] = {"id": identifier, **cell, "kind": values["stated_kind"], **values}
    return rows


def write(connection: Connection, rollouts: Sequence[Rollout], rows: Mapping[UUID, Row]) -> Homes:
    """Write the deployments of some rollouts, whose rows these are, in the same order.

    One without a kind keeps the one that it has. Returns the deployment of each statement.
    """
    around = [
        statement for rollout in rollouts for witness in rollout for statement in witness.statements
    ]
    homes = {
        statement.id: identifier
        for identifier, rollout in zip(rows, rollouts, strict=True)
        for witness in rollout
        for statement in witness.statements
    }
    before = {
        statement.deployment_id for statement in around if statement.deployment_id is not None
    }
    if any(statement.deployment_id not in (None, homes[statement.id]) for statement in around):
        # One may take over the external id of another.
        connection.execute(
            update(deployments).where(deployments.c.id.in_(before)).values(external_id=None)
        )
    _write(
        connection,
        {
            CHANGED: [row for row in rows.values() if row["id"] in before],
            NEW: [
                {**row, "kind": row["kind"] or Kind.ROLLOUT}
                for row in rows.values()
                if row["id"] not in before
            ],
            SAID: [
                statement.row(homes[statement.id]) for statement in around if not statement.stored
            ],
        },
    )
    for statement in around:
        if statement.stored and statement.deployment_id != homes[statement.id]:
            moved = update(evidence).where(evidence.c.id == statement.id)
            connection.execute(moved.values(deployment_id=homes[statement.id]))
    _forget(connection, before - rows.keys(), around, homes)
    return homes


def _write(connection: Connection, rows: Mapping[Records, Sequence[Row]]) -> None:
    """Write rows: in one statement, if the database can do that."""
    given = {
        records: records.packed(connection.dialect, some) for records, some in rows.items() if some
    }
    if connection.dialect.name == "postgresql":
        values = {records.name: packed for records, packed in given.items()}
        connection.execute(_together(tuple(given)), values)
        return
    for records, packed in given.items():
        connection.execute(_statement("sqlite", records), {records.name: packed})


@cache
def _together(written: Sequence[Records]) -> Select[Any]:
    """Return a statement of PostgreSQL that writes some records."""
    parts = [_statement("postgresql", records).cte(f"{records.name}_rows") for records in written]
    return select(literal_column("1")).add_cte(*parts)


@cache
def _statement(dialect: str, records: Records) -> Insert | Update:
    """Return the statement that writes some records. One without a kind keeps the one it has."""
    if records is not CHANGED:
        return records.insertion(dialect, deployments if records is NEW else evidence)
    row = CHANGED.table(dialect).c
    values: dict[str, ColumnElement[Any]] = {
        **{name: row[name] for name in CHANGED.columns if name != "id"},
        "kind": func.coalesce(row.kind, deployments.c.kind),
    }
    return update(deployments).where(deployments.c.id == row.id).values(values)


def _forget(
    connection: Connection, gone: Iterable[UUID], around: Sequence[Statement], homes: Homes
) -> None:
    """Delete deployments that became part of others; their incidents move along."""
    for identifier in gone:
        heir = next(
            homes[statement.id] for statement in around if statement.deployment_id == identifier
        )
        connection.execute(
            update(incidents)
            .where(incidents.c.deployment_id == identifier)
            .values(deployment_id=heir)
        )
        connection.execute(delete(deployments).where(deployments.c.id == identifier))
