"""Write the whole ledger as lines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pydantic_core import to_json
from sqlalchemy import Connection, func, select

from api.domain.transfer.lines import Header
from api.domain.transfer.stored import SHELVES

# How many rows are in memory: of an event, one may have some MiB.
ROWS_AT_A_TIME = 1000
EVENTS_AT_A_TIME = 20


def count(connection: Connection) -> dict[str, int]:
    """Return how many there are of each type."""
    return {
        name: connection.execute(select(func.count()).select_from(shelf.id.table)).scalar_one()
        for name, shelf in SHELVES.items()
    }


def lines(
    connection: Connection, counts: dict[str, int], schema_revision: str, exported_at: datetime
) -> Iterator[bytes]:
    """Yield the header, and then each entry: by type, and in the order of ids.

    The same ledger makes the same lines, but for the time of the export.
    """
    header = Header(schema_revision=schema_revision, exported_at=exported_at, counts=counts)
    yield to_json(header) + b"\n"
    for name, shelf in SHELVES.items():
        size = EVENTS_AT_A_TIME if name == "event" else ROWS_AT_A_TIME
        rows = connection.execute(
            shelf.statement.order_by(shelf.id), execution_options={"yield_per": size}
        )
        for row in rows.mappings():
            yield to_json({"type": name, **row}) + b"\n"
