"""Lines of events and of what they state, and of what was removed or deleted."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field

from api.domain.events.adapters import ADAPTERS
from api.domain.events.interpret import Outcome
from api.domain.kit import strictjson
from api.domain.kit.times import Time
from api.domain.kit.types import LINE, ExternalId, ImageDigest, Name, printable
from api.domain.lookups import Deleted
from api.domain.transfer import statements
from api.domain.transfer.lines.entry import Entry


def _known_source(source: str) -> str:
    if source not in ADAPTERS:
        raise ValueError(f"must be one of: {', '.join(sorted(ADAPTERS))}")
    return source


def _object(text: str) -> str:
    """Return a JSON text of an object, or raise ValueError: its event could not be read again."""
    try:
        # An envelope, as CloudEvents has one, is around what was sent.
        found = strictjson.loads(text, strictjson.MAX_DEPTH + 2)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError("must be a JSON object")  # noqa: TRY004 (pydantic tells it)
    return text


def _quoting(reason: Any) -> Any:
    """Return a reason without what earlier versions have quoted and PostgreSQL cannot store."""
    return printable(reason) if isinstance(reason, str) else reason


class EventEntry(Entry):
    """An event as it is stored; its statements have lines of their own."""

    KEY = ("source", "delivery_id")

    type: Literal["event"]
    source: Annotated[Name, AfterValidator(_known_source)]
    delivery_id: Annotated[str, Field(max_length=256, pattern=LINE)]
    received_at: Time
    headers: dict[str, str]
    body: Annotated[str, AfterValidator(_object)]
    body_digest: ImageDigest
    outcome: Outcome
    reason: Annotated[str | None, Field(max_length=500), BeforeValidator(_quoting)] = None


class StatementEntry(Entry):
    """A statement about a deployment; the deployment and the event have earlier lines."""

    KEY = ("id",)

    type: Literal["statement"]
    id: UUID
    deployment_id: UUID
    event_id: UUID | None = None
    service: Name
    environment: Name
    source: Name
    external_id: ExternalId | None = None
    sequence: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    correction: bool
    said: Annotated[dict[str, Any], AfterValidator(statements.of_deployment)]
    started_at: Time
    ended_at: Time


class IncidentStatementEntry(Entry):
    """A statement about an incident; the event has an earlier line."""

    KEY = ("id",)

    type: Literal["incident_statement"]
    id: UUID
    event_id: UUID | None = None
    service: Name
    environment: Name
    source: Name
    external_id: ExternalId
    correction: bool
    said: Annotated[dict[str, Any], AfterValidator(statements.of_incident)]


class RemovalEntry(Entry):
    """The end of what ran in an environment; the event has an earlier line."""

    KEY = ("id",)

    type: Literal["removal"]
    id: UUID
    event_id: UUID
    service: Name | None = None
    environment: Name
    source: Name | None = None
    external_id: ExternalId | None = None
    removed_at: Time


class DeletionEntry(Entry):
    """What somebody deleted: events before it do not bring it back."""

    KEY = ("id",)

    type: Literal["deletion"]
    id: UUID
    deleted: Deleted
    service: Name | None = None
    environment: Name | None = None
    deployment: UUID | None = None
    source: Name | None = None
    external_id: ExternalId | None = None
    deleted_at: Time
    actor: Name
