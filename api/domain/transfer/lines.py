"""The lines of an exported ledger: the fields of each type.

A line has the shape of a POST body, and `type`. An export has `id` and `created_at` as well; its
`kind` is the stated one, because a decided kind follows from the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID, uuid5

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic_core import to_json

from api.domain.declarations.model import Folder
from api.domain.deletions import Deleted
from api.domain.deployments.model import NewDeployment
from api.domain.events.adapters import ADAPTERS
from api.domain.events.interpret import Outcome
from api.domain.kit import strictjson
from api.domain.kit.times import Time
from api.domain.kit.types import (
    LINE,
    Actor,
    Commit,
    ConfigRevision,
    ExternalId,
    ImageDigest,
    ImageName,
    Line,
    Links,
    Name,
    RepositoryUrl,
    Version,
    printable,
)
from api.domain.tiers import Tier
from api.domain.transfer import said

# Ids made of what a line says, for lines that have none.
NAMESPACE = UUID("5b1f3c1e-6f1c-4a53-8f83-1d3f9d0f4c57")
# What a person may correct in an incident, after which reports leave it alone.
Correctable = Literal["deployment_id", "resolved_at", "title"]
# These are filled in when they are not given.
FILLED = {
    "id",
    "created_at",
    "started_at",
    "finished_at",
    "tier",
    "promotion_order",
    "transient",
    "described",
}


class Header(BaseModel):
    """The first line, which describes the others."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    format: Literal["slipway-ledger"] = "slipway-ledger"
    version: Literal[1] = 1
    schema_revision: str
    exported_at: AwareDatetime
    counts: dict[str, Annotated[int, Field(ge=0)]]


class Entry(BaseModel):
    """A record of the ledger, unique by its id and by its key."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    KEY: ClassVar[tuple[str, ...]] = ("source", "external_id")
    # Two entries may differ in these and still be the same.
    INCIDENTAL: ClassVar[frozenset[str]] = frozenset({"type"})

    type: str
    id: UUID | None = None
    created_at: Time | None = None

    @property
    def key(self) -> tuple[Any, ...] | None:
        """Return the key, which is unique beside the id, or None."""
        key = tuple(getattr(self, name) for name in self.KEY)
        return None if None in key else key

    @property
    def marks(self) -> set[tuple[Any, ...]]:
        """Return the id and the key, as far as it has them."""
        return {mark for mark in ((self.id,), self.key) if mark not in (None, (None,))}

    def stated(self) -> dict[str, Any]:
        """Return the values that the line has, without those that are filled in."""
        stated = self.model_dump(include=self.model_fields_set - self.INCIDENTAL)
        return {
            name: value for name, value in stated.items() if value is not None or name not in FILLED
        }

    def differs_from(self, known: Mapping[str, Any]) -> list[str]:
        """Return the names of the values that differ from the ledger's."""
        return [name for name, value in self.stated().items() if known[name] != value]

    def identified(self) -> Self:
        """Return the entry with an id if it has neither id nor key: the same for the same line."""
        if self.id is not None or self.key is not None:
            return self
        identifier = uuid5(NAMESPACE, self.type.encode() + to_json(self.stated()))
        return self.model_copy(update={"id": identifier})


class ServiceEntry(Entry):
    """A service: everything else refers to it by its name."""

    KEY = ("name",)
    INCIDENTAL = frozenset({"type", "id", "created_at"})

    type: Literal["service"]
    name: Name
    owner: Actor | None = None
    repository: RepositoryUrl | None = None
    image: ImageName | None = None


class EnvironmentEntry(Entry):
    """An environment; without a tier, its name decides."""

    KEY = ("name",)
    INCIDENTAL = frozenset({"type", "id", "created_at"})

    type: Literal["environment"]
    name: Name
    tier: Tier | None = None
    promotion_order: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    transient: bool | None = None
    described: bool | None = None


class DeploymentEntry(NewDeployment, Entry):
    """A deployment, as it is reported."""

    type: Literal["deployment"]

    @property
    def merges(self) -> bool:
        """Say whether it is one of several reports, which together make one deployment."""
        return self.id is None

    def report(self) -> NewDeployment:
        """Return the report."""
        fields = {name: getattr(self, name) for name in NewDeployment.model_fields}
        return NewDeployment.model_construct(self.model_fields_set & fields.keys(), **fields)


class ChangeEntry(Entry):
    """A commit, and the version that first contains it."""

    KEY = ("service", "commit")

    type: Literal["change"]
    service: Name
    commit: Commit
    committed_at: Time
    author: Actor | None = None
    title: Line | None = None
    version: Version | None = None
    event_id: UUID | None = None


class IncidentEntry(Entry):
    """An incident; the deployment it names must be known before."""

    type: Literal["incident"]
    service: Name
    environment: Name
    title: Line
    detected_at: Time
    resolved_at: Time | None = None
    deployment_id: UUID | None = None
    links: Links = []
    source: Name = "api"
    external_id: ExternalId | None = None
    corrected: list[Correctable] = []

    @model_validator(mode="after")
    def resolved_after_detected(self) -> Self:
        """Refuse an end before the start."""
        if self.resolved_at is not None and self.resolved_at < self.detected_at:
            raise ValueError("resolved_at must not be before detected_at")
        return self


class DeclarationEntry(Entry):
    """A fact of what git declares; one that names no release is a withdrawal."""

    KEY = ("service", "environment", "declared_at")
    INCIDENTAL = frozenset({"type", "id", "created_at"})

    type: Literal["declaration"]
    service: Name
    environment: Name
    version: Version | None = None
    image_digest: ImageDigest | None = None
    config_revision: ConfigRevision
    repository: RepositoryUrl
    path: Folder = ""
    declared_at: Time
    reported_at: Time | None = None


class DeclarationReportEntry(Entry):
    """That a folder reported all that it declares for an environment."""

    KEY = ("environment", "repository", "path", "declared_at")
    INCIDENTAL = frozenset({"type", "id", "created_at"})

    type: Literal["declaration_report"]
    environment: Name
    repository: RepositoryUrl
    path: Folder
    declared_at: Time
    config_revision: ConfigRevision


class DeclarationStatementEntry(Entry):
    """What such a report states of a service, and the one before it does not."""

    KEY = ("service", "environment", "repository", "path", "reported_at")
    INCIDENTAL = frozenset({"type", "id", "created_at"})

    type: Literal["declaration_statement"]
    service: Name
    environment: Name
    repository: RepositoryUrl
    path: Folder
    reported_at: Time
    version: Version | None = None
    image_digest: ImageDigest | None = None
    config_revision: ConfigRevision | None = None
    declared_at: Time | None = None


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
    said: Annotated[dict[str, Any], AfterValidator(said.of_deployment)]
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
    said: Annotated[dict[str, Any], AfterValidator(said.of_incident)]


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


# In this order a line refers to earlier ones only.
ENTRIES: dict[str, type[Entry]] = {
    "service": ServiceEntry,
    "environment": EnvironmentEntry,
    "deployment": DeploymentEntry,
    "incident": IncidentEntry,
    "declaration": DeclarationEntry,
    "declaration_report": DeclarationReportEntry,
    "declaration_statement": DeclarationStatementEntry,
    "event": EventEntry,
    "change": ChangeEntry,
    "statement": StatementEntry,
    "incident_statement": IncidentStatementEntry,
    "removal": RemovalEntry,
    "deletion": DeletionEntry,
}
