"""Deployments: recorded once, found by id, listed newest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from sqlalchemy import Connection, Select, Table, insert, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from uuid_utils.compat import uuid7

from api.domain.types import Commit, ImageDigest, Kind, Name, Status, Time, Version, now
from api.tables import deployments, environments, services


class NewDeployment(BaseModel):
    """A deployment as somebody reports it.

    `finished_at` belongs to a final status, where it defaults to the time of the report;
    `started_at` defaults to `finished_at`, or to the time of the report.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={
            "example": {
                "service": "checkout",
                "environment": "prod",
                "version": "1.4.2",
                "image_digest": "sha256:" + "4f" * 32,
                "commit": "9fceb02d0ae598e95dc970b74767f19372d61af8",
                "status": "succeeded",
                "started_at": "2026-03-01T12:00:00Z",
                "finished_at": "2026-03-01T12:01:30Z",
            }
        },
    )

    service: Annotated[Name, Field(description="What was deployed; created on first sight.")]
    environment: Annotated[Name, Field(description="Where to; created on first sight.")]
    version: Annotated[Version, Field(description="What its people call it: a tag, a SemVer.")]
    image_digest: Annotated[ImageDigest | None, Field(description="The image's digest.")] = None
    commit: Annotated[Commit | None, Field(description="The application's commit.")] = None
    kind: Kind = Kind.ROLLOUT
    status: Status = Status.SUCCEEDED
    started_at: Time | None = None
    finished_at: Time | None = None

    @field_validator("finished_at")
    @classmethod
    def finish_fits(cls, finished_at: datetime | None, info: ValidationInfo) -> datetime | None:
        """Refuse an end before the start, and an end of what has not ended."""
        status: Status | None = info.data.get("status")
        started_at: datetime | None = info.data.get("started_at")
        if finished_at is None:
            return None
        if status is not None and not status.terminal:
            raise ValueError(f"must not be given while the status is {status}")
        if started_at is not None and finished_at < started_at:
            raise ValueError("must not be before started_at")
        return finished_at

    def timed(self, reported_at: datetime) -> Self:
        """Return the same deployment with the times that were not given filled in."""
        finished_at = self.finished_at
        if finished_at is None and self.status.terminal:
            finished_at = max(reported_at, self.started_at or reported_at)
        started_at = self.started_at or finished_at or reported_at
        return self.model_copy(update={"started_at": started_at, "finished_at": finished_at})


class Filters(BaseModel):
    """What a list of deployments is narrowed to."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    service: Name | None = None
    environment: Name | None = None
    status: Status | None = None


# The columns of a deployment as it is told, in the order a person reads them.
FIELDS = (
    deployments.c.id,
    services.c.name.label("service"),
    environments.c.name.label("environment"),
    deployments.c.version,
    deployments.c.image_digest,
    deployments.c.commit,
    deployments.c.kind,
    deployments.c.status,
    deployments.c.started_at,
    deployments.c.finished_at,
    deployments.c.created_at,
)


def record(connection: Connection, new: NewDeployment) -> dict[str, Any]:
    """Write a deployment, and its service and environment when they are new; return it."""
    (identifier,) = record_all(connection, [new])
    recorded = find(connection, identifier)
    assert recorded is not None  # noqa: S101 (written in this transaction)
    return recorded


def record_all(connection: Connection, batch: Sequence[NewDeployment]) -> list[UUID]:
    """Write several deployments in one go; return their ids in the same order."""
    reported_at = now()
    service_ids = _ids(connection, services, {new.service for new in batch}, reported_at)
    environment_ids = _ids(
        connection, environments, {new.environment for new in batch}, reported_at
    )
    rows: list[dict[str, Any]] = [
        {
            "id": uuid7(),
            "service_id": service_ids[new.service],
            "environment_id": environment_ids[new.environment],
            "created_at": reported_at,
            **new.timed(reported_at).model_dump(exclude={"service", "environment"}),
        }
        for new in batch
    ]
    connection.execute(insert(deployments), rows)
    return [row["id"] for row in rows]


def find(connection: Connection, deployment_id: UUID) -> dict[str, Any] | None:
    """Return the deployment of that id, or None."""
    statement = _select().where(deployments.c.id == deployment_id)
    found = connection.execute(statement).mappings().one_or_none()
    return None if found is None else dict(found)


def newest(
    connection: Connection,
    filters: Filters,
    limit: int,
    after: tuple[datetime, UUID] | None = None,
) -> list[dict[str, Any]]:
    """Return up to `limit` deployments, newest start first, from just after a position on."""
    order = (deployments.c.started_at, deployments.c.id)
    statement = _select().order_by(*(column.desc() for column in order)).limit(limit)
    if filters.service is not None:
        statement = statement.where(services.c.name == filters.service)
    if filters.environment is not None:
        statement = statement.where(environments.c.name == filters.environment)
    if filters.status is not None:
        statement = statement.where(deployments.c.status == filters.status)
    if after is not None:
        statement = statement.where(tuple_(*order) < tuple_(*after))
    return [dict(row) for row in connection.execute(statement).mappings()]


def is_empty(connection: Connection) -> bool:
    """Say whether no deployment was ever recorded."""
    return connection.execute(select(deployments.c.id).limit(1)).first() is None


def _select() -> Select[Any]:
    return select(*FIELDS).select_from(deployments.join(services).join(environments))


def _ids(
    connection: Connection, table: Table, names: set[str], created_at: datetime
) -> dict[str, UUID]:
    """Return the id of each name, after creating those that are new."""
    # Both dialects spell it alike, SQLAlchemy keeps them apart. Two first sights at once are one.
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    rows = [{"id": uuid7(), "name": name, "created_at": created_at} for name in sorted(names)]
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)
    found = connection.execute(select(table.c.name, table.c.id).where(table.c.name.in_(names)))
    return {name: identifier for name, identifier in found}  # noqa: C416 (typed)
