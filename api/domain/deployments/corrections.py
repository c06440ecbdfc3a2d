"""Corrections: what a person says of a deployment that events tell of stays, whatever they tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select
from uuid_utils.compat import uuid7

from api.domain.kit.times import now
from api.tables import evidence


def note(
    connection: Connection, deployment_id: UUID, values: Mapping[str, Any], given: Collection[str]
) -> None:
    """Keep which columns of a deployment somebody has changed, if there is evidence of it."""
    lead = (
        connection.execute(
            select(evidence)
            .where(evidence.c.deployment_id == deployment_id, evidence.c.correction.is_(False))
            .order_by(evidence.c.id)
            .limit(1)
        )
        .mappings()
        .one_or_none()
    )
    if lead is None:
        return
    said = {name: values[name] for name in ("actor", "links") if name in given}
    if "kind" in given:
        said["kind"] = values["stated_kind"]
    if {"status", "finished_at"}.intersection(given):
        finished_at = values.get("finished_at")
        said |= {
            "status": values["status"],
            "finished_at": finished_at and finished_at.isoformat(),
        }
    row = {
        **lead,
        "id": uuid7(),
        "event_id": None,
        "sequence": None,
        "correction": True,
        "said": said,
        "ended_at": lead["started_at"],
        "created_at": now(),
    }
    connection.execute(insert(evidence), row)
