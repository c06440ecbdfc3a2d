"""What a release manager asks first: what is broken, what waits, and what is new. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.domain.matrix import SyncState
from api.pages.board import Mark, Row

# Incidents that are named; more are counted.
NAMED = 3


@dataclass(frozen=True)
class Overview:
    """What the rows of a matrix amount to."""

    incidents: Sequence[Mapping[str, Any]]
    more_incidents: int
    # The cells of which the last attempt failed, and so on; those of which there is none are left
    # out.
    counts: Mapping[Mark, int]
    # The releases since a time, by environment.
    recent: Mapping[str, int]

    @property
    def is_sound(self) -> bool:
        """Return whether nothing is broken."""
        return not self.incidents and not {Mark.FAILED, Mark.DRIFTED} & self.counts.keys()


def overview(
    found: Iterable[Row], incidents: Sequence[Mapping[str, Any]], since: datetime
) -> Overview:
    """Return what these rows amount to, with these open incidents."""
    counts: Counter[Mark] = Counter()
    recent: Counter[str] = Counter()
    for row in found:
        for name, cell in row.cells.items():
            if cell.failed:
                counts[Mark.FAILED] += 1
            if cell.deploying:
                counts[Mark.DEPLOYING] += 1
            elif cell.state == SyncState.DRIFTED:
                counts[Mark.DRIFTED] += 1
            if cell.since and cell.since >= since:
                recent[name] += 1
    order = [mark for mark in (Mark.FAILED, Mark.DRIFTED, Mark.DEPLOYING) if counts[mark]]
    return Overview(
        incidents=incidents[:NAMED],
        more_incidents=max(0, len(incidents) - NAMED),
        counts={mark: counts[mark] for mark in order},
        recent=recent,
    )
