"""Statements: what one event or report states of a deployment. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from api.domain.cells import Cell
from api.domain.deployments.model import NewDeployment
from api.domain.kit.ids import derived
from api.domain.kit.types import united

PLAIN = ("version", "image_digest", "commit", "config_revision", "actor", "links")


class Statement(NamedTuple):
    """What one event or report states of a deployment; `said` is a NewDeployment in JSON."""

    id: UUID
    deployment_id: UUID | None
    event_id: UUID | None
    service_id: UUID
    environment_id: UUID
    source: str
    external_id: str | None
    sequence: int | None
    correction: bool
    said: dict[str, Any]
    started_at: datetime
    ended_at: datetime
    created_at: datetime
    # Whether it has a row of its own: a lone report is its deployment's row, see `of_deployment`.
    stored: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Return the key of its witness; a report without an external id is a witness by itself."""
        return self.source, self.external_id or f" {self.id}"

    def row(self, deployment_id: UUID) -> dict[str, Any]:
        """Return its row, as a part of a deployment."""
        row = self._asdict() | {"deployment_id": deployment_id}
        del row["stored"]
        return row


def of_report(
    report: NewDeployment,
    cell: Cell,
    sequence: int | None,
    at: datetime,
    event_id: UUID | None = None,
) -> Statement:
    """Return the statement of a report whose times are filled in; `at` is when it was received."""
    assert report.started_at is not None  # noqa: S101 (it is timed)
    finished_at = report.finished_at
    derived_id = event_id and derived(event_id, report.source, report.external_id)
    return Statement(
        id=derived_id or uuid7(),
        deployment_id=None,
        event_id=event_id,
        **cell._asdict(),
        source=report.source,
        external_id=report.external_id,
        sequence=sequence,
        correction=False,
        said={
            **(stated := report.model_dump(include={*PLAIN, "kind", "status"}, mode="json")),
            "links": united(stated["links"]),
            "started_at": report.started_at.isoformat(),
            "finished_at": finished_at and finished_at.isoformat(),
        },
        started_at=report.started_at,
        ended_at=finished_at or report.started_at,
        created_at=at,
    )


def of_deployment(row: Mapping[str, Any]) -> Statement:
    """Return the only statement about a deployment, made from its row."""
    return Statement(
        id=row["id"],
        deployment_id=row["id"],
        event_id=None,
        service_id=row["service_id"],
        environment_id=row["environment_id"],
        source=row["source"],
        external_id=row["external_id"],
        sequence=None,
        correction=False,
        said={
            **{name: row[name] for name in PLAIN},
            "kind": row["stated_kind"],
            "status": row["status"],
            "started_at": row["started_at"].isoformat(),
            "finished_at": row["finished_at"] and row["finished_at"].isoformat(),
        },
        started_at=row["started_at"],
        ended_at=row["finished_at"] or row["started_at"],
        created_at=row["created_at"],
    )
