"""What an adapter is: a pure module that says what an event of one sender means.

It knows neither HTTP nor the database, so a table of payloads tests it. `ADAPTERS` in
`api.domain.events.adapters` names them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from api.domain.deployments.model import NewDeployment
from api.domain.events.rules import Mapper, SourceRules
from api.domain.incidents.model import NewIncident
from api.domain.kit.types import Name

SUCCEEDED, FAILED = "succeeded", "failed"
STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"  # always as long, so that it sorts


class Received(NamedTuple):
    """An event as it came: its headers by their names in lower case, and its body without secrets.

    `digest` is of the bytes that were sent: `sha256:…`.
    """

    headers: Mapping[str, str]
    body: dict[str, Any]
    digest: str


class Fact(NamedTuple):
    """What an event says of one deployment: `report` names its source and external id.

    Of two facts about one deployment the one with the greater `sequence` is newer, whenever they
    come. A status only goes forward; of two final ones reached at the same time, the newer holds.
    """

    report: NewDeployment
    sequence: int | None = None


class SeenEnvironment(NamedTuple):
    """What an event says of an environment: that it is there."""

    name: Name


class NotOursError(Exception):
    """The event tells nothing that the ledger records; the message says why."""


class UnmappedError(Exception):
    """The event is one of ours, and the rules do not say of what; the message says why."""


class State(NamedTuple):
    """How an object is, as a sender says of it again and again: see `api.domain.events.runs`."""

    subject: str
    at: datetime
    succeeded: bool
    revision: str

    @property
    def key(self) -> str:
        """Return what tells a state from another one; those of an object sort by time."""
        status = SUCCEEDED if self.succeeded else FAILED
        return f"{self.subject} {self.at:{STAMP}} {status} {self.revision}"


class Adapter(NamedTuple):
    """How one sender's events are understood."""

    source: str
    # The headers that are kept, in lower case.
    headers: frozenset[str]
    # What the names are made of where the rules file says nothing.
    rules: SourceRules
    # The sender's own id of a delivery; without one, equal bodies are one event.
    delivery_id: Callable[[Received], str | None]
    # What an event says. Raises NotOursError and UnmappedError, and ValueError or KeyError for a
    # body that is not the sender's.
    facts: Callable[[Received, Mapper], Sequence[Fact | NewIncident | SeenEnvironment]]
    # The header with the HMAC-SHA256 of the body, as `sha256=…`; None for a sender without one.
    signature: str | None = None
    # The state that an event repeats or changes, for a sender that repeats it; its `key` is then
    # the id of the delivery.
    state: Callable[[Received], State | None] | None = None
