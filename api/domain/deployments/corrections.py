"""Corrections: what a person says of a deployment stays, whatever is stated of it later."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert
from uuid_utils.compat import uuid7

from api.domain.deployments import nearby
from api.domain.kit.times import now
from api.tables import evidence


def note(
    connection: Connection, deployment_id: UUID, values: Mapping[str, Any], given: Collection[str]
) -> None:
    """Keep which columns of a deployment somebody is about to change.

    A deployment that nobody gave an external id cannot be reported again: its row is all there is.
    """
    known = nearby.statements_of(connection, deployment_id)
    lead = next(
        (statement for statement in known if statement.external_id and not statement.correction),
        None,
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
    correction = lead._replace(
        id=uuid7(),
        event_id=None,
        sequence=None,
        correction=True,
        said=said,
        ended_at=lead.started_at,
        created_at=now(),
        stored=False,
    )
    new = [statement for statement in (*known, correction) if not statement.stored]
    connection.execute(insert(evidence), [statement.row(deployment_id) for statement in new])
