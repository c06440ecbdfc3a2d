"""What an adapter is: a pure module that says what an event of one sender means.

It knows neither HTTP nor the database, so a table of payloads tests it. `ADAPTERS` in
`api.domain.events.adapters` names them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from api.domain.deployments import NewDeployment
from api.domain.events.rules import Mapper, SourceRules


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
    come; without it, a status only goes forward.
    """

    report: NewDeployment
    sequence: int | None = None


class NotOursError(Exception):
    """The event tells nothing that the ledger records; the message says why."""


class UnmappedError(Exception):
    """The event is about a deployment, and the rules do not say which; the message says why."""


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
    facts: Callable[[Received, Mapper], Sequence[Fact]]
    # The header with the HMAC-SHA256 of the body, as `sha256=…`; None for a sender without one.
    signature: str | None = None
    # Where its events are sent.
    path: str | None = None

    @property
    def url(self) -> str:
        """Return where its events are sent, under `/api/v1`."""
        return self.path or f"/webhooks/{self.source}"
