"""The matrix as a person sees it: rows of cells, narrowed and sorted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from api.domain.deployments.model import Status
from api.domain.kit import versions
from api.domain.matrix import SyncState


class Mark(StrEnum):
    """What cells can be searched for: a state, or something that goes on beside it."""

    IN_SYNC = "in-sync"
    PENDING = "pending"
    DRIFTED = "drifted"
    UNKNOWN = "unknown"
    DEPLOYING = "deploying"
    FAILED = "failed"
    INCIDENT = "incident"
    CHANGED = "changed"


class Sort(StrEnum):
    """How rows are sorted; the first one is by name, too, where nothing else decides."""

    NAME = "name"
    OWNER = "owner"
    RECENT = "newest first"
    ATTENTION = "problems first"


# What needs attention most comes first.
URGENCY = (Mark.INCIDENT, Mark.FAILED, Mark.DRIFTED, Mark.DEPLOYING, Mark.PENDING)


class Filters(Protocol):
    """What the rows are narrowed to; None does not narrow them."""

    service: str | None
    owner: str | None
    environment: str | None
    state: Mark | None


Place = tuple[str, str]
# What a line of the matrix says: the service, its owner and the cells.
Line = tuple[str, str | None, list[tuple[Any, ...]]]


class Cell(NamedTuple):
    """A service in an environment; what does not apply is None."""

    environment: str
    version: str | None
    deployment_id: UUID | None
    since: datetime | None
    by: str | None
    state: SyncState
    declared: str | None
    deploying: tuple[str, UUID] | None
    failed: tuple[str, UUID] | None
    # The release at the time it is compared with, if that is another one.
    other: str | None
    # The one that is open.
    incident: Mapping[str, Any] | None

    @property
    def marks(self) -> set[Mark]:
        """Return everything that the cell is found by."""
        beside = {
            Mark.DEPLOYING: self.deploying,
            Mark.FAILED: self.failed,
            Mark.INCIDENT: self.incident,
            Mark.CHANGED: self.other,
        }
        return {Mark(self.state)} | {mark for mark, given in beside.items() if given}


@dataclass(frozen=True)
class Row:
    """A service with its cells, by environment."""

    service: str
    owner: str | None
    cells: Mapping[str, Cell]

    @property
    def urgency(self) -> int:
        """Return how urgent the most urgent cell is: the lower, the more."""
        marks = {mark for cell in self.cells.values() for mark in cell.marks}
        return next((place for place, mark in enumerate(URGENCY) if mark in marks), len(URGENCY))

    @property
    def newest(self) -> float:
        """Return when the latest release came, in seconds since the epoch, or 0."""
        return max(
            (cell.since.timestamp() for cell in self.cells.values() if cell.since), default=0
        )


def rows(
    cells: Sequence[Mapping[str, Any]],
    services: Mapping[str, Mapping[str, Any]],
    compared: Mapping[Place, str] | None,
    broken: Mapping[Place, Mapping[str, Any]],
    *,
    earlier: bool,
) -> list[Row]:
    """Return the rows of these cells of the domain, by service.

    `compared` are the versions at another time, `earlier` or now; None compares nothing. `broken`
    are the open incidents by their places.
    """
    found: dict[str, dict[str, Cell]] = {}
    for cell in cells:
        known = found.setdefault(cell["service"], {})
        incident = broken.get(_place(cell))
        absent = "nothing" if earlier else "gone"
        known[cell["environment"]] = _cell(cell, compared, absent, incident)
    return [Row(name, services[name]["owner"], found[name]) for name in found]


def _place(cell: Mapping[str, Any]) -> Place:
    return cell["service"], cell["environment"]


def _cell(
    cell: Mapping[str, Any],
    others: Mapping[Place, str] | None,
    absent: str,
    incident: Mapping[str, Any] | None,
) -> Cell:
    last = (cell["last_version"], cell["last_id"])
    is_other = cell["last_id"] != cell["deployment_id"]
    failed = cell["last_status"] == Status.FAILED and is_other and not cell["deploying"]
    declared = cell["declared"] or {}
    named = declared.get("version") or declared.get("image_digest")
    differs = cell["state"] in (SyncState.PENDING, SyncState.DRIFTED) or not cell["version"]
    other = None
    if others is not None:
        then = others.get(_place(cell))
        other = None if versions.same(then, cell["version"]) else then or absent
    return Cell(
        environment=cell["environment"],
        version=cell["version"],
        deployment_id=cell["deployment_id"],
        since=cell["since"],
        by=cell["actor"] or cell["source"],
        state=cell["state"],
        declared=named if differs and not versions.same(named, cell["version"]) else None,
        deploying=last if cell["deploying"] else None,
        failed=last if failed else None,
        other=other,
        incident=incident,
    )


def narrowed(found: Iterable[Row], filters: Filters) -> list[Row]:
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
        if cells and (wanted is None or any(wanted in cell.marks for cell in cells.values())):
            kept.append(Row(row.service, row.owner, cells))
    return kept


def sorted_by(order: Sort, found: Sequence[Row]) -> list[Row]:
    """Return the rows in an order; those that are alike in it by name."""
    keys = {
        Sort.NAME: lambda row: row.service,
        Sort.OWNER: lambda row: (row.owner is None, row.owner, row.service),
        Sort.RECENT: lambda row: (-row.newest, row.service),
        Sort.ATTENTION: lambda row: (row.urgency, row.service),
    }
    return sorted(found, key=keys[order])


def lines(found: Iterable[Row], shown: Sequence[str]) -> Iterator[Line]:
    """Yield the line of each row, with a cell for each of the columns that are `shown`.

    A cell has the values of a `Cell`; where nothing is, it has only the environment.
    """
    absent = {name: (name, *[None] * (len(Cell._fields) - 1)) for name in shown}
    for row in found:
        yield row.service, row.owner, [row.cells.get(name, absent[name]) for name in shown]


def columns(environments: Iterable[Mapping[str, Any]], found: Sequence[Row]) -> list[str]:
    """Return the environments that have a cell in these rows, in the order of promotion."""
    used = {name for row in found for name in row.cells}
    return [row["name"] for row in environments if row["name"] in used]
