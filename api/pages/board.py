"""The matrix as a person sees it: rows of cells, narrowed and sorted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from api.domain.kit import versions
from api.domain.matrix import Glance
from api.pages.marks import Beside, Incident, Mark
from api.pages.paging import Part, columns_of


class Sort(StrEnum):
    """How rows are sorted; the first one is by name, too, where nothing else decides."""

    NAME = "name"
    OWNER = "owner"
    RECENT = "newest first"
    ATTENTION = "problems first"


class Filters(Protocol):
    """What the rows are narrowed to; None does not narrow them."""

    service: str | None
    owner: str | None
    environment: str | None
    state: Mark | None


# What a line of the matrix says: the service, its owner and the cells.
Line = tuple[str, str | None, list[tuple[Any, ...]]]


class Cell(NamedTuple):
    """A service in an environment as it is shown; what does not apply is None."""

    environment: str
    version: str | None
    deployment_id: UUID | None
    since: datetime | None
    by: str | None
    state: str
    declared: str | None
    deploying: tuple[str, UUID] | None
    failed: tuple[str, UUID] | None
    # The release at the time it is compared with, if that is another one.
    other: str | None
    # The one that is open.
    incident: Incident | None


class Row(NamedTuple):
    """A service with its cells, by environment."""

    service: str
    owner: str | None
    cells: Mapping[str, Glance]

    @property
    def newest(self) -> float:
        """Return when the latest release came, in seconds since the epoch, or 0."""
        return max(
            (cell.since.timestamp() for cell in self.cells.values() if cell.since), default=0
        )


def rows(seen: Iterable[Glance], services: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Return the rows of the cells that are seen, which are sorted by service.

    A service that is not among these was deleted since.
    """
    return [
        Row(service, services[service]["owner"], {cell.environment: cell for cell in cells})
        for service, cells in groupby(seen, key=attrgetter("service"))
        if service in services
    ]


def narrowed(found: Iterable[Row], filters: Filters, beside: Beside) -> list[Row]:
    """Return the rows that the filters leave, each with the cells that they leave."""
    text = (filters.service or "").strip().lower()
    kept = []
    for row in found:
        if text not in row.service or filters.owner not in (None, row.owner):
            continue
        cells = {
            name: cell for name, cell in row.cells.items() if filters.environment in (None, name)
        }
        wanted = filters.state
        if cells and (
            wanted is None or any(wanted in beside.marks(cell) for cell in cells.values())
        ):
            kept.append(Row(row.service, row.owner, cells))
    return kept


def sorted_by(order: Sort, found: Sequence[Row], beside: Beside) -> list[Row]:
    """Return the rows in an order; those that are alike in it by name."""
    keys = {
        Sort.NAME: lambda row: row.service,
        Sort.OWNER: lambda row: (row.owner is None, row.owner, row.service),
        Sort.RECENT: lambda row: (-row.newest, row.service),
        Sort.ATTENTION: lambda row: (min(map(beside.urgency, row.cells.values())), row.service),
    }
    return sorted(found, key=keys[order])


def lines(found: Iterable[Row], shown: Sequence[str], beside: Beside) -> Iterator[Line]:
    """Yield the line of each row, with a cell for each of the columns that are `shown`.

    A cell has the values of a `Cell`; where nothing is, it has only the environment.
    """
    absent = {name: (name, *[None] * (len(Cell._fields) - 1)) for name in shown}
    for row in found:
        cells = {name: _cell(glance, beside) for name, glance in row.cells.items()}
        yield row.service, row.owner, [cells.get(name, absent[name]) for name in shown]


def _cell(glance: Glance, beside: Beside) -> Cell:
    declared = glance.declared_version or glance.declared_image_digest
    return Cell(
        environment=glance.environment,
        version=glance.version,
        deployment_id=glance.deployment_id,
        since=glance.since,
        by=glance.by,
        state=glance.state,
        declared=None if versions.same(declared, glance.version) else declared,
        deploying=glance.deploying,
        failed=glance.failed,
        other=beside.other(glance),
        incident=beside.incident(glance),
    )


def among(found: list[Row], columns: Part[str]) -> list[Row]:
    """Return the rows that have a cell in the columns that are shown, each with these cells."""
    if columns.is_all:
        return found
    shown = columns.items
    parts = (
        row._replace(cells={name: row.cells[name] for name in shown if name in row.cells})
        for row in found
    )
    return [row for row in parts if row.cells]


def columns(
    environments: Iterable[Mapping[str, Any]], found: Sequence[Row], begin: int
) -> Part[str]:
    """Return the environments that have a cell in these rows, beginning there."""
    return columns_of(environments, {name for row in found for name in row.cells}, begin)
