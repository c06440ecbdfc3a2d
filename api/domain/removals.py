"""Removals: when what ran of a service in an environment, or all that ran there, was taken away.

The history stays: a removal only ends the cells of the matrix, from its own time on, in whatever
order it and the deployments become known. A deployment that succeeds later begins a cell anew.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    true,
)

from api.domain import catalog
from api.domain.kit.ids import LEFT_BEHIND, OBJECT, derived
from api.domain.kit.sql import Instant
from api.tables import deployments, evidence, removals


def record(
    connection: Connection,
    removal: tuple[str | None, str, datetime, tuple[str, str] | None],
    at: datetime,
    event_id: UUID,
) -> None:
    """Write a removal that an event, received `at`, reports.

    It is a service or None for all of them, an environment, a time, and source and external id of
    the deployment that it ends, or None for whatever runs there.
    """
    service, environment, removed_at, deployment = removal
    source, external_id = deployment or (None, None)
    services, environments = catalog.ids(
        connection, [] if service is None else [service], [environment], at
    )
    row: dict[str, Any] = {
        "id": derived(event_id, service, environment, source, external_id),
        "event_id": event_id,
        "service_id": None if service is None else services[service],
        "environment_id": environments[environment],
        "source": source,
        "external_id": external_id,
        "removed_at": removed_at,
        "created_at": at,
    }
    connection.execute(insert(removals), row)


def retract(connection: Connection, event_id: UUID) -> None:
    """Delete the removals that an event reports."""
    connection.execute(delete(removals).where(removals.c.event_id == event_id))


def ended(
    deployment: FromClause, since: ColumnElement[datetime], at: Instant | None = None
) -> ColumnElement[bool]:
    """Return the condition that a removal ended a deployment at or after `since`, and up to `at`.

    A removal that names a deployment ends no other, and one that names an object none that another
    object of its source has deployed.
    """
    found = _endings(deployment, since, at, removals.alias()).limit(1).scalar_subquery()
    # Not EXISTS, which PostgreSQL would turn into a join with the whole table of deployments.
    return found.is_not(None)


def taken_along(deployment: FromClause, at: Instant | None = None) -> ColumnElement[bool]:
    """Return the condition that the object of a successful deployment was removed, up to `at`.

    What another object had deployed before may still run there, and so does what the object has
    left behind until another one has deployed there.
    """
    removal = removals.alias()
    removed = or_(
        _is_object(removal), and_(_is_left(removal), _is_taken_over(deployment, removal, at))
    )
    own = and_(removed, _told(deployment, removal, _of_object(removal)))
    found = _in_cell(deployment, deployment.c.finished_at, at, removal).where(own)
    return found.limit(1).scalar_subquery().is_not(None)


def ends(connection: Connection, deployment_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Return when each of these successful deployments was removed, for those that were."""
    removal = removals.alias()
    endings = _endings(deployments, deployments.c.finished_at, None, removal)
    first = endings.with_only_columns(func.min(removal.c.removed_at)).scalar_subquery()
    found = select(deployments.c.id, first).where(deployments.c.id.in_(deployment_ids))
    return {row[0]: row[1] for row in connection.execute(found) if row[1] is not None}


def _endings(
    deployment: FromClause,
    since: ColumnElement[datetime],
    at: Instant | None,
    removal: FromClause,
) -> Select[UUID]:
    """Select the removals that end a deployment at or after `since`, and up to `at`."""
    named = _told(deployment, removal, evidence.c.external_id == removal.c.external_id)
    by_another = _told(deployment, removal, not_(_of_object(removal)))
    return _in_cell(deployment, since, at, removal).where(
        or_(
            removal.c.external_id.is_(None),
            and_(_is_object(removal), not_(by_another)),
            named,
        )
    )


def _in_cell(
    deployment: FromClause,
    since: ColumnElement[datetime],
    at: Instant | None,
    removal: FromClause,
) -> Select[UUID]:
    """Select the removals in the cell of a deployment at or after `since`, and up to `at`."""
    return select(removal.c.id).where(
        removal.c.environment_id == deployment.c.environment_id,
        or_(removal.c.service_id.is_(None), removal.c.service_id == deployment.c.service_id),
        removal.c.removed_at >= since,
        true() if at is None else removal.c.removed_at <= at,
    )


def _told(
    deployment: FromClause, removal: FromClause, condition: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Return the condition that the source of a removal tells of a deployment so."""
    return (
        exists()
        .where(
            evidence.c.source == removal.c.source,
            evidence.c.deployment_id == deployment.c.id,
            condition,
        )
        .correlate(removal, deployment)
    )


def _is_object(removal: FromClause) -> ColumnElement[bool]:
    return removal.c.external_id.endswith(OBJECT)


def _is_left(removal: FromClause) -> ColumnElement[bool]:
    return removal.c.external_id.endswith(LEFT_BEHIND)


def _is_taken_over(
    deployment: FromClause, removal: FromClause, at: Instant | None
) -> ColumnElement[bool]:
    """Return the condition that another object has deployed there since, up to `at`."""
    later = deployments.alias()
    return (
        exists()
        .where(
            later.c.service_id == deployment.c.service_id,
            later.c.environment_id == deployment.c.environment_id,
            later.c.status == deployment.c.status,  # it succeeded, too
            later.c.finished_at > removal.c.removed_at,
            true() if at is None else later.c.finished_at <= at,
            _told(later, removal, not_(_of_object(removal))),
        )
        .correlate(removal, deployment)
    )


def _of_object(removal: FromClause) -> ColumnElement[bool]:
    begin = func.rtrim(removal.c.external_id, LEFT_BEHIND.removeprefix(OBJECT))
    return func.substr(evidence.c.external_id, 1, func.length(begin)) == begin
