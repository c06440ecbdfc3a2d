"""Causes: the deployment that an incident is put down to, stated or inferred."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, and_, case, func, literal, select, union_all

from api.domain.deployments.model import Kind, Status
from api.domain.deployments.surroundings import ATTEMPTED
from api.domain.incidents.model import INFERENCE_WINDOW
from api.domain.kit.sql import Earlier
from api.tables import deployments, incidents

EARLIER = deployments.alias("earlier")


class Cause(StrEnum):
    """How the deployment that caused an incident is known."""

    STATED = "stated"
    INFERRED = "inferred"


def inferred() -> Select[tuple[UUID]]:
    """Select the deployment that the incident of the enclosing statement was probably caused by.

    It is the latest in the same service and environment that finished, well or badly, at or before
    the detection and at most 72 hours before it; a resync brought nothing that could break. The
    rule is Apache DevLake's, which puts an incident down to the latest deployment before it; the
    window is ours, as is that failed deployments count. Nothing of it is stored, so that a
    deployment reported late changes the answer.
    """
    # One look along an index for each status; for both at once, SQLite would read all services.
    ended = union_all(*(select(_last(status).subquery()) for status in ATTEMPTED)).subquery()
    return select(ended.c.id).order_by(ended.c.finished_at.desc(), ended.c.id.desc()).limit(1)


def unknown() -> ColumnElement[bool]:
    """Return the condition that the cause of an incident is neither stated nor inferred.

    Any deployment that it may be inferred from will do: to find the last one takes longer.
    """
    nothing_before = (~_ended(status).exists() for status in ATTEMPTED)
    return and_(incidents.c.deployment_id.is_(None), *nothing_before)


def _last(status: Status) -> Select[tuple[UUID, datetime | None]]:
    columns = EARLIER.c
    return _ended(status).order_by(columns.finished_at.desc(), columns.id.desc()).limit(1)


def _ended(status: Status) -> Select[tuple[UUID, datetime | None]]:
    columns = EARLIER.c
    return (
        select(columns.id, columns.finished_at)
        .where(
            columns.service_id == incidents.c.service_id,
            columns.environment_id == incidents.c.environment_id,
            columns.status == status,
            columns.kind != Kind.RESYNC,
            columns.finished_at <= incidents.c.detected_at,
            columns.finished_at >= Earlier(incidents.c.detected_at, INFERENCE_WINDOW),
        )
        .correlate(incidents)
    )


def deployment_id() -> ColumnElement[UUID | None]:
    """Return the id of the deployment that an incident is put down to, or NULL."""
    return func.coalesce(incidents.c.deployment_id, inferred().scalar_subquery())


def link() -> ColumnElement[Any]:
    """Return how that deployment is known, as a Cause, or NULL when there is none."""
    return case(
        (incidents.c.deployment_id.is_not(None), literal(Cause.STATED, String)),
        (inferred().scalar_subquery().is_not(None), literal(Cause.INFERRED, String)),
    )
