"""What has been written since the kept rows were computed, as triggers note it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, FromClause, Select, delete, func, insert, select

from api.domain.cells import Cell
from api.domain.kit.sql import MonthOf, lock_table
from api.tables import changed_facts, deployments

SOME = select(changed_facts.c.id).limit(1)


def _by_month(notes: FromClause) -> Select[Any]:
    """Select notes by what they are about and the month; there may be a million of them."""
    about = (notes.c.service_id, notes.c.environment_id, notes.c.version)
    ends = func.min(notes.c.since).label("since"), func.max(notes.c.until).label("until")
    return select(*about, *ends).group_by(*about, MonthOf(notes.c.since))


NOTED = _by_month(changed_facts)
TAKEN = _by_month(delete(changed_facts).returning(*changed_facts.c).cte("taken"))


class Span(NamedTuple):
    """The first and the last instant of something."""

    since: datetime
    until: datetime


@dataclass
class Changed:
    """What has changed of the deployments and incidents of cells, of versions and of production."""

    cells: dict[Cell, list[Span]] = field(default_factory=lambda: defaultdict(list))
    # The earliest commit that was written, by service and version.
    versions: dict[UUID, dict[str, datetime]] = field(default_factory=lambda: defaultdict(dict))
    production: bool = False

    def add(self, note: Any) -> None:
        """Add what a row says."""
        if note.service_id is None:
            self.production = True
        elif note.environment_id is None:
            known = self.versions[note.service_id]
            known[note.version] = min(known.get(note.version, note.since), note.since)
        else:
            cell = Cell(note.service_id, note.environment_id)
            self.cells[cell].append(Span(note.since, note.until))


def anything(connection: Connection) -> bool:
    """Return whether anything has changed."""
    return connection.execute(SOME).first() is not None


def take(connection: Connection) -> Changed:
    """Return what has changed, and forget it.

    Who takes it at the same time waits, and finds what was written meanwhile.
    """
    lock_table(connection, changed_facts, "SHARE UPDATE EXCLUSIVE")
    changed = Changed()
    postgresql = connection.dialect.name == "postgresql"
    for note in connection.execute(TAKEN if postgresql else NOTED):
        changed.add(note)
    if not postgresql:  # it has a single writer, and cannot select what it deletes
        connection.execute(delete(changed_facts))
    return changed


def everything(connection: Connection) -> None:
    """Note all deployments as changed."""
    table = deployments.c
    cell = (table.service_id, table.environment_id)
    ends = func.min(table.started_at), func.max(func.coalesce(table.finished_at, table.started_at))
    names = ["service_id", "environment_id", "since", "until"]
    connection.execute(
        insert(changed_facts).from_select(names, select(*cell, *ends).group_by(*cell))
    )


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return spans without those that overlap or touch, in order."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.since <= found[-1].until:
            found[-1] = Span(found[-1].since, max(found[-1].until, span.until))
        else:
            found.append(span)
    return found
