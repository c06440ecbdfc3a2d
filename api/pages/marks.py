"""What a cell of the matrix is found by: its state, and what is known beside it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from api.domain.kit import versions
from api.domain.matrix import Glance
from api.domain.states import SyncState


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


Place = tuple[str, str]
Incident = Mapping[str, Any]


@dataclass(frozen=True)
class Beside:
    """What cells are compared with, and what is broken, by the service and the environment."""

    # The versions at another time; None compares nothing.
    others: Mapping[Place, str] | None
    # What is said where nothing ran then.
    absent: str
    # The incidents that are open.
    broken: Mapping[Place, Incident]

    def other(self, glance: Glance) -> str | None:
        """Return the version at the other time, if that is another one."""
        if self.others is None:
            return None
        then = self.others.get(glance[:2])
        return None if versions.same(then, glance.version) else then or self.absent

    def incident(self, glance: Glance) -> Incident | None:
        """Return the incident that is open in a cell."""
        return self.broken.get(glance[:2])

    def marks(self, glance: Glance) -> Iterator[Mark]:
        """Yield everything that a cell is found by."""
        yield Mark(glance.state)
        if glance.deploying:
            yield Mark.DEPLOYING
        if glance.failed:
            yield Mark.FAILED
        if self.incident(glance):
            yield Mark.INCIDENT
        if self.other(glance):
            yield Mark.CHANGED

    def urgency(self, glance: Glance) -> int:
        """Return how urgent a cell is: the lower, the more."""
        signs = (
            self.incident(glance),
            glance.failed,
            glance.state == SyncState.DRIFTED,
            glance.deploying,
            glance.state == SyncState.PENDING,
            True,
        )
        return next(place for place, sign in enumerate(signs) if sign)
