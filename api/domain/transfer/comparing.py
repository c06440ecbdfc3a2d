"""Compare entries with the ledger: which of them it has, and what contradicts it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from api.domain.kit.sql import among
from api.domain.transfer import identity
from api.domain.transfer.earlier import EarlierEntries
from api.domain.transfer.identity import IDENTITY
from api.domain.transfer.lines import DeploymentEntry, Entry
from api.domain.transfer.reading import Batch, LineError, Reader
from api.domain.transfer.stored import Known, Row
from api.tables import deployments, events

# What entries refer to by its id.
REFERENCES = {"deployment_id": deployments.c.id, "event_id": events.c.id}


def compare(
    connection: Connection, batch: Batch, reader: Reader, earlier: EarlierEntries | None = None
) -> Batch:
    """Return the entries that the ledger does not have; report faults to the reader."""
    known = Known(connection, [entry for *_, entry in batch])
    missing = _missing(connection, batch)
    new: Batch = []
    for placed in batch:
        line, _, entry = placed
        try:
            if earlier is not None:
                earlier.note(line, entry)
            _check_references(entry, missing, earlier)
            if _adds_to(known.of(entry), entry):
                new.append(placed)
        except LineError as error:
            reader.wrong(line, error)
    return new


def _adds_to(row: Row | None, entry: Entry) -> bool:
    """Return whether an entry adds to the ledger. Raises LineError if it contradicts it."""
    if row is None:
        return True
    if isinstance(entry, DeploymentEntry) and entry.merges:
        identity.check(row, entry.model_dump(include=set(IDENTITY)))
        return bool(entry.differs_from(row))
    different = entry.differs_from(row)
    if different:
        raise LineError(f"the ledger has it with another {', '.join(different)}")
    return False


def _missing(connection: Connection, batch: Batch) -> set[UUID]:
    """Return the ids that entries refer to and the ledger does not have."""
    missing: set[UUID] = set()
    for reference, column in REFERENCES.items():
        named = {_referred(entry, reference) for *_, entry in batch} - {None}
        if named:
            found = connection.execute(select(column).where(among(connection, column, named)))
            missing |= named - set(found.scalars())
    return missing


def _check_references(entry: Entry, missing: set[UUID], earlier: EarlierEntries | None) -> None:
    for reference in REFERENCES:
        identifier = _referred(entry, reference)
        if identifier not in missing:
            continue
        if earlier is None or not earlier.has(reference.removesuffix("_id"), identifier):
            raise LineError("is neither in the ledger nor on a line before", f"#/{reference}")


def _referred(entry: Entry, reference: str) -> Any:
    return getattr(entry, reference, None)
