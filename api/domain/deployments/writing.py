"""Write the deployments that statements add up to, and the statements."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, String, bindparam, delete, func, insert, update

from api.domain.deployments.model import Kind
from api.domain.deployments.statements import Statement
from api.domain.deployments.witnesses import Witness, settled
from api.tables import deployments, evidence, incidents

Rollout = Sequence[Witness]
Row = dict[str, Any]
# The id of the deployment that each statement is part of, by its own.
Homes = dict[UUID, UUID]
CHANGED = (
    update(deployments)
    .where(deployments.c.id == bindparam("known", type_=deployments.c.id.type))
    .values(kind=func.coalesce(bindparam("decided", type_=String), deployments.c.kind))
)


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
    _write(connection, rows, before)
    _keep(connection, around, homes)
    _forget(connection, before - rows.keys(), around, homes)
    return homes


def _write(connection: Connection, rows: Mapping[UUID, Row], known: Collection[UUID]) -> None:
    """Write the rows of some deployments, those that are known in place."""
    changed = [
        {
            **{name: value for name, value in row.items() if name not in ("id", "kind")},
            "known": identifier,
            "decided": row["kind"],
        }
        for identifier, row in rows.items()
        if identifier in known
    ]
    if changed:
        connection.execute(CHANGED, changed)
    new = [
        row | {"kind": row["kind"] or Kind.ROLLOUT}
        for identifier, row in rows.items()
        if identifier not in known
    ]
    if new:
        connection.execute(insert(deployments), new)


def _keep(connection: Connection, around: Sequence[Statement], homes: Homes) -> None:
    new = [statement.row(homes[statement.id]) for statement in around if not statement.stored]
    if new:
        connection.execute(insert(evidence), new)
    for statement in around:
        if statement.stored and statement.deployment_id != homes[statement.id]:
            moved = update(evidence).where(evidence.c.id == statement.id)
            connection.execute(moved.values(deployment_id=homes[statement.id]))


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
