"""Cells: a service in an environment, where one transaction decides at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from api.domain import catalog
from api.domain.kit import sql


class Cell(NamedTuple):
    """A service in an environment, by their ids."""

    service_id: UUID
    environment_id: UUID


def hold(connection: Connection, places: Sequence[tuple[str, str]], at: datetime) -> list[Cell]:
    """Return and lock the cell of each service and environment, created if they are new.

    `places` are pairs of a service's and an environment's name, `at` is when they were first seen.
    """
    services = catalog.service_ids(connection, {service for service, _ in places}, at)
    environments = catalog.environment_ids(connection, {name for _, name in places}, at)
    cells = [Cell(services[service], environments[name]) for service, name in places]
    # Always in the same order, or two batches could wait for each other for ever.
    for cell in sorted(set(cells)):
        lock(connection, cell)
    return cells


def lock(connection: Connection, cell: Cell) -> None:
    """Let no other transaction decide about this cell until this one ends."""
    sql.lock(connection, cell.service_id.int ^ (cell.environment_id.int << 1))
