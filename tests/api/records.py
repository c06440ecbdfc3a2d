"""Records for the tests of the metrics, made without a database."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from api.domain.deployments.model import Kind, Status
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.records import Deployment, Incident, Place

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
PROD = Place("checkout", "prod")
WINDOW = Window(BEGIN, BEGIN + timedelta(days=10))


def hour(number: float) -> datetime:
    return BEGIN + timedelta(hours=number)


def deployment(
    number: int,
    version: str,
    finished: float,
    *,
    kind: Kind = Kind.ROLLOUT,
    status: Status = Status.SUCCEEDED,
    **more: Any,
) -> Deployment:
    told = Deployment(
        id=UUID(int=number),
        place=PROD,
        version=version,
        image_digest=None,
        commit=None,
        config_revision=None,
        kind=kind,
        status=status,
        started_at=hour(finished) - timedelta(minutes=10),
        finished_at=hour(finished) if status.terminal else None,
    )
    return dataclasses.replace(told, **more)


def incident(
    number: int, detected: float, resolved: float | None = None, deployment_id: UUID | None = None
) -> Incident:
    ended = None if resolved is None else hour(resolved)
    return Incident(UUID(int=number), PROD, hour(detected), ended, deployment_id)
