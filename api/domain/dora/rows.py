"""Rows: what the metrics of a window depend on, read from the tables and nothing more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import batched, chain
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, and_, or_, select

from api.domain import versions
from api.domain.dora import stretches
from api.domain.dora.periods import Window
from api.domain.dora.query import Query
from api.domain.dora.records import Cell, Change, Deployment, History, Incident
from api.domain.dora.stretches import Scope, Stretch
from api.domain.types import INFERENCE_WINDOW, Kind, Status, Tier
from api.tables import changes, deployments, environments, incidents, services

COLUMNS = [
    deployments.c[name]
    for name in (
        "id",
        "service_id",
        "environment_id",
        "version",
        "image_digest",
        "config_revision",
        "kind",
        "status",
        "started_at",
        "finished_at",
    )
]
# As many versions as one statement may name.
BATCH = 1000


def scope(connection: Connection, query: Query) -> Scope:
    """Return the services and environments that are asked about; unknown ones are none."""
    chosen = select(environments.c.id, environments.c.name).order_by(environments.c.name)
    if query.environment is None:
        chosen = chosen.where(environments.c.tier == Tier.PRODUCTION)
    else:
        chosen = chosen.where(environments.c.name == query.environment)
    named = select(services.c.id, services.c.name)
    if query.service is not None:
        named = named.where(services.c.name == query.service)
    found = {row.id: row.name for row in connection.execute(named)}
    return Scope(
        services=found,
        environments={row.id: row.name for row in connection.execute(chosen)},
        one_service=next(iter(found), None) if query.service is not None else None,
    )


def load(connection: Connection, scope: Scope, window: Window) -> History:
    """Return what the metrics of a window depend on."""
    if not scope.services or not scope.environments:
        return History([], [], {}, {})
    found = stretches.find(connection, scope, window)
    incidents_found = {
        row.id: Incident(
            row.id, _cell(row, scope), row.detected_at, row.resolved_at, row.deployment_id
        )
        for statement in _incidents(scope, window, found)
        for row in connection.execute(statement).all()
    }
    statements = chain(
        _inside(scope, window),
        _around(window, found),
        _after_late_incidents(scope, found, incidents_found.values()),
    )
    deployments = {
        row.id: _deployment(row, scope)
        for statement in statements
        for row in connection.execute(statement).all()
    }
    delivering = {
        each.cell.service
        for each in deployments.values()
        if each.delivered and each.moment in window
    }
    ids = [identifier for identifier, name in scope.services.items() if name in delivering]
    return History(
        deployments=list(deployments.values()),
        incidents=list(incidents_found.values()),
        versions_before=_versions_before(connection, scope, window, ids),
        known_versions=versions.known(connection, ids),
    )


def changes_of(
    connection: Connection, scope: Scope, versions: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[Change]]:
    """Return the changes of each service and version."""
    wanted = set(versions)
    found: dict[tuple[str, str], list[Change]] = defaultdict(list)
    for batch in batched(sorted({version for _, version in wanted}), BATCH):
        statement = select(
            changes.c.service_id, changes.c.version, changes.c.commit, changes.c.committed_at
        ).where(changes.c.version.in_(batch), scope.of_service(changes))
        for row in connection.execute(statement).all():
            key = (scope.services[row.service_id], row.version)
            if key in wanted:
                found[key].append(Change(row.commit, row.version, row.committed_at))
    return found


def _inside(scope: Scope, window: Window) -> Iterator[Select[Any]]:
    table = deployments.c
    listed = select(*COLUMNS).where(scope.includes(deployments))
    yield listed.where(table.finished_at >= window.since, table.finished_at < window.until)
    yield listed.where(
        table.status.in_([Status.PENDING, Status.RUNNING]),
        table.started_at >= window.since,
        table.started_at < window.until,
    )


def _around(window: Window, found: Sequence[Stretch]) -> Iterator[Select[Any]]:
    table = deployments.c
    for stretch in stretches.tables(found):
        beside = (
            select(*COLUMNS)
            .select_from(stretch.join(deployments, stretches.same_cell(deployments, stretch)))
            .where(table.status.in_([Status.SUCCEEDED, Status.FAILED]), table.kind != Kind.RESYNC)
        )
        yield beside.where(table.finished_at >= stretch.c.since, table.finished_at < window.since)
        yield beside.where(table.finished_at >= window.until, table.finished_at <= stretch.c.until)
        # It began before the next success finished, so it may be away from the one before that.
        yield beside.where(
            table.kind == Kind.ROLLBACK,
            table.started_at >= window.since,
            table.started_at <= stretch.c.until,
            table.finished_at > stretch.c.until,
        )


def _after_late_incidents(
    scope: Scope, found: Sequence[Stretch], incidents_found: Iterable[Incident]
) -> Iterator[Select[Any]]:
    """Yield what selects the next success after an incident that came after the next success."""
    read = min(each.until for each in found)
    for incident in incidents_found:
        if incident.deployment_id is None or incident.detected_at < read:
            continue
        cause = deployments.alias("cause")
        cell = (cause.c.service_id, cause.c.environment_id)
        later = deployments.alias("later")
        when = later.c.finished_at > incident.detected_at
        following = stretches.success(later, cell, when, newest=False)
        yield (
            select(*COLUMNS)
            .select_from(
                cause.join(
                    deployments,
                    and_(
                        deployments.c.service_id == cause.c.service_id,
                        deployments.c.environment_id == cause.c.environment_id,
                    ),
                )
            )
            .where(
                cause.c.id == incident.deployment_id,
                scope.includes(cause),
                deployments.c.status == Status.SUCCEEDED,
                deployments.c.finished_at == following,
            )
        )


def _incidents(scope: Scope, window: Window, found: Sequence[Stretch]) -> Iterator[Select[Any]]:
    table = deployments.c
    columns = [
        incidents.c[name]
        for name in (
            "id",
            "service_id",
            "environment_id",
            "detected_at",
            "resolved_at",
            "deployment_id",
        )
    ]
    is_cause = table.id == incidents.c.deployment_id
    finished = and_(table.finished_at >= window.since, table.finished_at < window.until)
    unfinished = and_(table.finished_at.is_(None), table.started_at >= window.since)
    yield (
        select(*columns)
        .select_from(incidents.join(deployments, is_cause))
        .where(scope.includes(deployments), or_(finished, unfinished))
    )
    for stretch in stretches.tables(found):
        yield (
            select(*columns)
            .select_from(
                stretch.join(deployments, stretches.same_cell(deployments, stretch)).join(
                    incidents, is_cause
                )
            )
            .where(
                table.status.in_([Status.SUCCEEDED, Status.FAILED]),
                table.finished_at >= stretch.c.since,
                table.finished_at < window.since,
            )
        )
        yield (
            select(*columns)
            .select_from(stretch.join(incidents, stretches.same_cell(incidents, stretch)))
            .where(
                incidents.c.deployment_id.is_(None),
                incidents.c.detected_at >= stretch.c.since,
                incidents.c.detected_at <= window.until + INFERENCE_WINDOW,
            )
        )


def _versions_before(
    connection: Connection, scope: Scope, window: Window, service_ids: Sequence[UUID]
) -> dict[str, set[str]]:
    succeeded = (
        select(deployments.c.service_id, deployments.c.version)
        .where(
            deployments.c.service_id.in_(service_ids),
            deployments.c.environment_id.in_(scope.environments),
            deployments.c.status == Status.SUCCEEDED,
            deployments.c.kind != Kind.RESYNC,
            deployments.c.finished_at < window.since,
        )
        .distinct()
        .subquery()
    )
    statement = select(services.c.name, succeeded.c.version).join_from(
        succeeded, services, services.c.id == succeeded.c.service_id
    )
    found: dict[str, set[str]] = defaultdict(set)
    for service, version in connection.execute(statement).all():
        found[service].add(version)
    return found


def _cell(row: Any, scope: Scope) -> Cell:
    # A stated incident may be of another environment than its deployment.
    service = scope.services.get(row.service_id, "")
    return Cell(service, scope.environments.get(row.environment_id, ""))


def _deployment(row: Any, scope: Scope) -> Deployment:
    return Deployment(
        id=row.id,
        cell=_cell(row, scope),
        version=row.version,
        image_digest=row.image_digest,
        config_revision=row.config_revision,
        kind=Kind(row.kind),
        status=Status(row.status),
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
