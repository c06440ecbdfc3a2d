"""Import lines: check all of them, then write those that the ledger does not have.

An entry that the ledger already has is skipped, so an interrupted import is simply started again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from functools import partial
from itertools import batched
from typing import BinaryIO, NamedTuple, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from api.domain import cells
from api.domain.declarations import reports as declarations
from api.domain.deployments import reviewing
from api.domain.kit.errors import ConflictError
from api.domain.kit.times import now
from api.domain.transfer.comparing import compare
from api.domain.transfer.earlier import EarlierEntries
from api.domain.transfer.inserting import insert_all
from api.domain.transfer.lines import DeclarationEntry, DeploymentEntry, IncidentEntry
from api.domain.transfer.reading import Batch, InvalidLinesError, LineError, Progress, Reader

# What else may be wrong with a line that has passed the check.
REFUSED = (ConflictError, DataError, IntegrityError, ValueError)
# How many cells' kinds are decided in one transaction.
CELLS = 500

Transaction = Callable[[], AbstractContextManager[Connection]]


class Transact(Protocol):
    """Calls a use case in a transaction, and again if another transaction was in its way."""

    def __call__[Result](self, use_case: Callable[[Connection], Result], /) -> Result:
        """Return what the use case returns."""
        ...


class Counts(NamedTuple):
    """How many of each type were added, and how many were there already."""

    added: Counter[str]
    known: Counter[str]


def check(file: BinaryIO, reading: Transaction, progress: Progress) -> None:
    """Compare all lines with each other and with the ledger, and write nothing.

    Raises InvalidLinesError with what is wrong.
    """
    reader = Reader(file, progress)
    counts: Counter[str] = Counter()
    with EarlierEntries() as earlier:
        for batch in reader.batches():
            with reading() as connection:
                compare(connection, batch, reader, earlier)
            counts[batch[0].entry.type] += len(batch)
    reader.raise_what_is_wrong()
    if reader.header is not None and Counter(reader.header.counts) != counts:
        announced = _counted(reader.header.counts)
        detail = f"announces {announced}, but the file has {_counted(counts)}"
        reader.wrong(1, LineError(detail, "#/counts"))
    reader.raise_what_is_wrong()


def write(file: BinaryIO, transact: Transact, progress: Progress) -> Counts:
    """Write what the ledger does not have, one transaction a batch; then decide what follows.

    Raises InvalidLinesError at the first batch with something wrong; those before are written.
    """
    reader = Reader(file, progress)
    counts = Counts(Counter(), Counter())
    cells: set[tuple[str, str]] = set()
    declared: dict[str, dict[str, datetime]] = defaultdict(dict)
    try:
        for batch in reader.batches():
            reader.raise_what_is_wrong()
            added = transact(partial(_add, batch=batch, reader=reader))
            name = batch[0].entry.type
            counts.added[name] += added
            counts.known[name] += len(batch) - added
            for *_, entry in batch:
                if isinstance(entry, DeploymentEntry | IncidentEntry):
                    cells.add((entry.service, entry.environment))
                elif isinstance(entry, DeclarationEntry) and entry.reported_at is None:
                    first = declared[entry.environment]
                    earlier = first.get(entry.service, entry.declared_at)
                    first[entry.service] = min(earlier, entry.declared_at)
        reader.raise_what_is_wrong()
    finally:
        for places in batched(sorted(cells), CELLS):
            transact(partial(_decide, places=places))
        for environment, first in sorted(declared.items()):
            since = min(first.values())
            transact(
                partial(declarations.review, environment=environment, services=first, since=since)
            )
    return counts


def _add(connection: Connection, batch: Batch, reader: Reader) -> int:
    """Insert what the ledger does not have; return how many entries there were to insert."""
    new = compare(connection, batch, reader)
    reader.raise_what_is_wrong()
    return _insert(connection, new, reader) if new else 0


def _insert(connection: Connection, new: Batch, reader: Reader) -> int:
    """Insert entries; return how many there were of which nothing was known.

    Raises InvalidLinesError with the lines that the ledger or its database refuses.
    """
    try:
        with connection.begin_nested():
            return insert_all(connection, [numbered.entry for numbered in new])
    except REFUSED as error:
        if len(new) == 1:
            reader.wrong(new[0].line, LineError(_refusal(error)))
            reader.raise_what_is_wrong()
        added = 0
        for numbered in new:
            with suppress(InvalidLinesError):
                added += _insert(connection, [numbered], reader)
        reader.raise_what_is_wrong()
        return added


def _refusal(error: Exception) -> str:
    reason = str(error.orig if isinstance(error, DBAPIError) else error)
    return f"the ledger refuses it: {reason.strip().partition('\n')[0]}"


def _decide(connection: Connection, places: Sequence[tuple[str, str]]) -> None:
    reviewing.review_all(connection, cells.hold(connection, places, now()))


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} of {name}" for name, number in sorted(counts.items()) if number)
