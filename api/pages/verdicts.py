"""What the metrics make of one deployment, and why: the same verdicts that they add up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from api.domain.dora import report
from api.domain.dora.query import Query
from api.domain.dora.rules.explanations import Explanation
from api.domain.kit.times import this_minute

# How long after its end a deployment is judged by what became of it, as by default in the API.
SPAN = timedelta(days=90)


def explanation(connection: Connection, deployment: Mapping[str, Any]) -> Explanation | None:
    """Return the verdicts about a deployment, in a window that begins with its end.

    It is None for one that has not ended yet by the clock of the server.
    """
    moment = deployment["finished_at"] or deployment["started_at"]
    until = min(this_minute() + timedelta(minutes=1), moment + SPAN)
    if moment >= until:
        return None
    window = {"from": moment, "to": until}
    place = {name: deployment[name] for name in ("service", "environment")}
    just_after = moment, UUID(int=deployment["id"].int + 1)
    found = report.explanations(connection, Query.model_validate(place | window), 1, just_after)
    return next((item for item in found.items if item.id == deployment["id"]), None)
