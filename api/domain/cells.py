"""Cells of the matrix: a service in an environment, and the lock on each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, FromClause, Uuid, select, tuple_

from api.domain import catalog
from api.domain.kit import sql
from api.domain.kit.records import Records
from api.domain.lookups import Found


class Cell(NamedTuple):
    """A service in an environment, by id."""

    service_id: UUID
    environment_id: UUID


CELLS = Records("cells", dict.fromkeys(Cell._fields, Uuid()))


def hold(
    connection: Connection,
    places: Sequence[tuple[str, str]],
    at: datetime,
    found: Found | None = None,
) -> list[Cell]:
    """Lock the cells of these services and environments until the transaction ends.

    `places` are pairs of a service's and an environment's name; those that do not exist are created
    with `created_at = at`. `found` is what the ledger has of the names, if they were looked up
    before. Returns one cell for each place, in the same order.
    """
    services, environments = catalog.ids(
        connection, {service for service, _ in places}, {name for _, name in places}, at, found
    )
    cells = [Cell(services[service], environments[name]) for service, name in places]
    # By name, as batches of events come, or two transactions could deadlock.
    ordered = sorted(set(zip(places, cells, strict=True)))
    sql.lock_all(connection, [_key(cell) for _, cell in ordered])
    return cells


def among(connection: Connection, rows: FromClause, cells: Iterable[Cell]) -> ColumnElement[bool]:
    """Return the condition that the rows of a table are of some cells, however many these are."""
    given = CELLS.given(connection.dialect, (cell._asdict() for cell in cells))
    return tuple_(rows.c.service_id, rows.c.environment_id).in_(select(given))


def lock(connection: Connection, cell: Cell) -> None:
    """Lock a cell until the transaction ends."""
    sql.lock(connection, _key(cell))


def _key(cell: Cell) -> int:
    return cell.service_id.int ^ (cell.environment_id.int << 1)
