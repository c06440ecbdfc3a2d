"""The interface of an adapter: a pure module that translates the events of one sender.

An adapter knows neither HTTP nor the database, so a table of payloads tests it. `ADAPTERS` in
`api.domain.events.adapters` lists them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from api.domain.changes.model import NewChange
from api.domain.deployments.model import NewDeployment
from api.domain.events import signatures
from api.domain.events.mapper import Mapper
from api.domain.events.rules import SourceRules
from api.domain.incidents.model import NewIncident
from api.domain.kit.ids import LEFT_BEHIND
from api.domain.kit.types import Name

Verify = Callable[[Sequence[str], Callable[[], bytes], str], bool]
PROGRESSING, SUCCEEDED, FAILED = "progressing", "succeeded", "failed"
# What tests say of the success before them; in the same second it sorts after that.
UNDONE = "undone"
STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"  # of fixed length, so that it sorts


class Received(NamedTuple):
    """A received event: its headers by lower-case name, and its body without secrets.

    `digest` is the `sha256:…` of the bytes that were sent, `at` when they came.
    """

    headers: Mapping[str, str]
    body: dict[str, Any]
    digest: str
    at: datetime


class ObservedDeployment(NamedTuple):
    """A deployment as one event describes it; `report` has its source and external id.

    Of two events about one deployment the one with the greater `sequence` is newer, in whatever
    order they arrive. A status only goes forward; of two final ones reached at the same time, the
    newer holds.
    """

    report: NewDeployment
    sequence: int | None = None


class ObservedEnvironment(NamedTuple):
    """An environment that an event shows at a time, and perhaps to be production, or transient."""

    name: Name
    at: datetime
    production: bool = False
    transient: bool = False


class ObservedRemoval(NamedTuple):
    """The end of what runs of a service in an environment; without a service, of all that runs."""

    service: Name | None
    environment: Name
    at: datetime
    # Source and external id of the deployment that it ends; without them, whatever runs there. With
    # OBJECT at its end, the id is how those of all deployments of an object begin: whatever runs
    # there ends, unless another object of this source has deployed it. With LEFT_BEHIND, what the
    # object has deployed ends when another object deploys there.
    deployment: tuple[str, str] | None = None

    @property
    def leaves(self) -> bool:
        """Return whether what runs there stays for now."""
        return self.deployment is not None and self.deployment[1].endswith(LEFT_BEHIND)


Observation = ObservedDeployment | NewIncident | NewChange | ObservedEnvironment | ObservedRemoval


class NotOursError(Exception):
    """The ledger does not record such an event; the message says why."""


class UnmappedError(Exception):
    """The event lacks what the ledger needs to record it; the message says what."""


class State(NamedTuple):
    """The state of an object, which its sender repeats: see `api.domain.events.runs`."""

    subject: str
    at: datetime
    status: str
    revision: str
    # How long after a failure another one still repeats it; None if nothing else was tried between.
    retried_for: timedelta | None = None

    @property
    def key(self) -> str:
        """Return the key that identifies a state; the keys of an object sort by time."""
        return f"{self.subject} {self.at:{STAMP}} {self.status} {self.revision}"


class Adapter(NamedTuple):
    """How the events of one sender are translated."""

    source: str
    # The headers to keep, in lower case.
    headers: frozenset[str]
    # The default rules, for what the rules file leaves out.
    rules: SourceRules
    # The sender's own id of a delivery; without one, equal bodies are one event.
    delivery_id: Callable[[Received], str | None]
    # What an event shows. Raises NotOursError and UnmappedError, and ValueError or KeyError for a
    # body that is not the sender's.
    observations: Callable[[Received, Mapper], Sequence[Observation]]
    # The header with the HMAC-SHA256 of the body, as `sha256=…`; None for a sender without one.
    signature: str | None = None
    # Given the secrets, what reads the body, and the header: whether the sender knows a secret.
    verify: Verify = signatures.signs
    # The state that an event repeats or changes, for a sender that repeats states; its `key` is
    # then the id of the delivery.
    state: Callable[[Received], State | None] | None = None
    # Whether an event may move a deployment to another environment, which its external id ends in:
    # see `api.domain.events.moves`.
    moves: bool = False
    # Of an object whose next deployment replaces the one before it, how many parts of an external
    # id come after the object's: see `api.domain.events.succession`. 0 if several go on at once.
    succession: int = 0
    # Whether the sender takes an answer without content for what it is.
    takes_no_content: bool = True
