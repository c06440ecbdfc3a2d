"""What a release manager asks first: what is broken, what waits, and what is new. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from api.domain.states import SyncState
from api.pages.board import Row
from api.pages.marks import Mark

# So many of a kind are named, and news of so many environments, those nearest to production; more
# are counted.
NAMED = 3
PLACES = 6
ORDER = (Mark.FAILED, Mark.DRIFTED, Mark.DEPLOYING)


class Named(NamedTuple):
    """A release of a service; the version of what was removed is None."""

    service: str
    version: str | None
    environment: str


@dataclass
class Releases:
    """Releases of a kind: how many there are, and the first of them."""

    number: int = 0
    named: list[Named] = field(default_factory=list)

    def add(self, service: str, version: str | None, environment: str) -> None:
        """Add one."""
        self.number += 1
        if self.number <= NAMED:
            self.named.append(Named(service, version, environment))


@dataclass(frozen=True)
class Overview:
    """What the rows of a matrix amount to."""

    incidents: Sequence[Mapping[str, Any]]
    more_incidents: int
    # The releases of which the last attempt failed, and so on; kinds without any are left out.
    marked: Mapping[Mark, Releases]
    # Those since a time, by environment.
    recent: Mapping[str, Releases]

    @property
    def is_sound(self) -> bool:
        """Return whether nothing is broken."""
        return not self.incidents and not {Mark.FAILED, Mark.DRIFTED} & self.marked.keys()


def overview(
    found: Iterable[Row], incidents: Sequence[Mapping[str, Any]], since: datetime
) -> Overview:
    """Return what these rows amount to, with these open incidents."""
    marked: dict[Mark, Releases] = defaultdict(Releases)
    recent: dict[str, Releases] = defaultdict(Releases)
    for row in found:
        for name, cell in row.cells.items():
            if cell.failed:
                marked[Mark.FAILED].add(row.service, cell.failed[0], name)
            if cell.deploying:
                marked[Mark.DEPLOYING].add(row.service, cell.deploying[0], name)
            elif cell.state == SyncState.DRIFTED:
                marked[Mark.DRIFTED].add(row.service, cell.version, name)
            if cell.since and cell.since >= since:
                recent[name].add(row.service, cell.version, name)
    return Overview(
        incidents=incidents[:NAMED],
        more_incidents=max(0, len(incidents) - NAMED),
        marked={mark: marked[mark] for mark in ORDER if mark in marked},
        recent=dict(recent),
    )
