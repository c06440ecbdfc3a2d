"""Rows: what the metrics of a window depend on, read from the tables and nothing more.

Beside the window itself that is, for each cell (a service in an environment): what came before it
from the last success on, because that may have failed and recovered in the window; and what came
after it up to the next success, because that tells whether and when something in it failed and
recovered. So a day has the same numbers alone and in a series.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import batched
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    true,
)

from api.domain.dora.periods import EARLIEST, Window
from api.domain.dora.query import Query
from api.domain.dora.records import Cell, Change, Deployment, History, Incident, KnownVersion
from api.domain.types import INFERENCE_WINDOW, Kind, Status, Tier
from api.tables import UtcDateTime, changes, deployments, environments, incidents, services

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


@dataclass(frozen=True)
class Scope:
    """Whose deployments count: names by id."""

    services: Mapping[UUID, str]
    environments: Mapping[UUID, str]
    one_service: UUID | None

    def includes(self, rows: FromClause) -> ColumnElement[bool]:
        """Return the condition that a table's rows are of these services and environments."""
        in_environment = rows.c.environment_id.in_(self.environments)
        return and_(self.of_service(rows), in_environment)

    def of_service(self, rows: FromClause) -> ColumnElement[bool]:
        """Return the condition that a table's rows are of these services."""
        return true() if self.one_service is None else rows.c.service_id == self.one_service


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
    around = _around(scope, window)
    found: dict[UUID, Deployment] = {}
    for statement in _statements(scope, window, around):
        for row in connection.execute(statement):
            found[row.id] = _deployment(row, scope)
    return History(
        deployments=list(found.values()),
        incidents=[
            Incident(
                row.id,
                _cell(row, scope),
                row.detected_at,
                row.resolved_at,
                row.deployment_id,
            )
            for statement in (_stated(scope, window, around), _unstated(window, around))
            for row in connection.execute(statement)
        ],
        versions_before=_versions_before(connection, scope, window),
        known_versions=_known_versions(connection, scope),
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
        for row in connection.execute(statement):
            key = (scope.services[row.service_id], row.version)
            if key in wanted:
                found[key].append(Change(row.commit, row.version, row.committed_at))
    return found


def _around(scope: Scope, window: Window) -> CTE:
    """Return, for each cell, from when and until when something may matter to the window."""
    cell = (services.c.id, environments.c.id)
    last = _success(cell, deployments.c.finished_at < window.since, newest=True)
    following = _success(cell, deployments.c.finished_at >= window.until, newest=False)
    # A deployment whose stated incident was open then may recover in the window, however old it is.
    stated = (
        select(
            deployments.c.service_id,
            deployments.c.environment_id,
            func.min(deployments.c.finished_at).label("first"),
        )
        .select_from(incidents.join(deployments, deployments.c.id == incidents.c.deployment_id))
        .where(
            scope.includes(deployments),
            deployments.c.finished_at < window.since,
            or_(incidents.c.resolved_at.is_(None), incidents.c.resolved_at >= window.since),
        )
        .group_by(deployments.c.service_id, deployments.c.environment_id)
        .subquery()
    )
    bounds = (
        select(
            services.c.id.label("service_id"),
            environments.c.id.label("environment_id"),
            func.coalesce(last, literal(EARLIEST, UtcDateTime)).label("last"),
            following.label("following"),
        )
        .select_from(services.join(environments, true()))
        .where(services.c.id.in_(scope.services) if scope.one_service else true())
        .where(environments.c.id.in_(scope.environments))
        .cte("bounds")
    )
    earlier = case((stated.c.first < bounds.c.last, stated.c.first), else_=bounds.c.last)
    same = and_(
        stated.c.service_id == bounds.c.service_id,
        stated.c.environment_id == bounds.c.environment_id,
    )
    return (
        select(
            bounds.c.service_id,
            bounds.c.environment_id,
            bounds.c.following,
            earlier.label("since"),
            func.coalesce(
                bounds.c.following, literal(window.until + INFERENCE_WINDOW, UtcDateTime)
            ).label("until"),
        )
        .select_from(bounds.outerjoin(stated, same))
        .cte("around")
    )


def _success(
    cell: tuple[ColumnElement[Any], ColumnElement[Any]],
    when: ColumnElement[bool],
    *,
    newest: bool,
) -> ColumnElement[Any]:
    """Return the time of a cell's last or first success under a condition, as a subquery."""
    finished = deployments.c.finished_at
    return (
        select(finished)
        .where(
            deployments.c.service_id == cell[0],
            deployments.c.environment_id == cell[1],
            deployments.c.status == Status.SUCCEEDED,
            deployments.c.kind != Kind.RESYNC,
            when,
        )
        .order_by(finished.desc() if newest else finished.asc())
        .limit(1)
        .correlate(services, environments, incidents)
        .scalar_subquery()
    )


def _statements(scope: Scope, window: Window, around: CTE) -> Iterator[Select[Any]]:
    table = deployments.c
    listed = select(*COLUMNS).where(scope.includes(deployments))
    yield listed.where(table.finished_at >= window.since, table.finished_at < window.until)
    yield listed.where(
        table.status.in_([Status.PENDING, Status.RUNNING]),
        table.started_at >= window.since,
        table.started_at < window.until,
    )
    same_cell = and_(
        table.service_id == around.c.service_id, table.environment_id == around.c.environment_id
    )
    beside = (
        select(*COLUMNS)
        .select_from(around.join(deployments, same_cell))
        .where(table.status.in_([Status.SUCCEEDED, Status.FAILED]), table.kind != Kind.RESYNC)
    )
    yield beside.where(table.finished_at >= around.c.since, table.finished_at < window.since)
    yield beside.where(table.finished_at >= window.until, table.finished_at <= around.c.until)
    # A rollback that began before the next success finished may be away from the one before that.
    yield beside.where(
        table.kind == Kind.ROLLBACK,
        table.started_at >= window.since,
        table.started_at <= around.c.following,
        table.finished_at > around.c.following,
    )
    yield from _after_late_incidents(scope, window)


def _after_late_incidents(scope: Scope, window: Window) -> Iterator[Select[Any]]:
    """Yield what selects the next success after each incident stated after the window."""
    cause = deployments.alias("cause")
    following = _success(
        (cause.c.service_id, cause.c.environment_id),
        deployments.c.finished_at > incidents.c.detected_at,
        newest=False,
    )
    late = (
        select(cause.c.service_id, cause.c.environment_id, following.label("finished_at"))
        .select_from(incidents.join(cause, cause.c.id == incidents.c.deployment_id))
        .where(
            scope.includes(cause),
            cause.c.finished_at >= window.since,
            cause.c.finished_at < window.until,
            incidents.c.detected_at >= window.until,
        )
        .cte("late")
    )
    yield (
        select(*COLUMNS)
        .select_from(
            late.join(
                deployments,
                and_(
                    deployments.c.service_id == late.c.service_id,
                    deployments.c.environment_id == late.c.environment_id,
                    deployments.c.finished_at == late.c.finished_at,
                ),
            )
        )
        .where(deployments.c.status == Status.SUCCEEDED)
    )


def _stated(scope: Scope, window: Window, around: CTE) -> Select[Any]:
    cause = deployments.c
    same_cell = and_(
        cause.service_id == around.c.service_id, cause.environment_id == around.c.environment_id
    )
    return (
        select(incidents)
        .select_from(
            incidents.join(deployments, cause.id == incidents.c.deployment_id).join(
                around, same_cell
            )
        )
        .where(
            scope.includes(deployments),
            or_(
                and_(cause.finished_at >= around.c.since, cause.finished_at < window.until),
                and_(cause.finished_at.is_(None), cause.started_at >= window.since),
            ),
        )
    )


def _unstated(window: Window, around: CTE) -> Select[Any]:
    same_cell = and_(
        incidents.c.service_id == around.c.service_id,
        incidents.c.environment_id == around.c.environment_id,
    )
    return (
        select(incidents)
        .select_from(incidents.join(around, same_cell))
        .where(
            incidents.c.deployment_id.is_(None),
            incidents.c.detected_at >= around.c.since,
            incidents.c.detected_at <= window.until + INFERENCE_WINDOW,
        )
    )


def _versions_before(connection: Connection, scope: Scope, window: Window) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    statement = (
        select(deployments.c.service_id, deployments.c.version)
        .where(
            scope.includes(deployments),
            deployments.c.status == Status.SUCCEEDED,
            deployments.c.kind != Kind.RESYNC,
            deployments.c.finished_at < window.since,
        )
        .distinct()
    )
    for row in connection.execute(statement):
        found[scope.services[row.service_id]].add(row.version)
    return found


def _known_versions(connection: Connection, scope: Scope) -> dict[str, dict[str, KnownVersion]]:
    found: dict[str, dict[str, KnownVersion]] = defaultdict(dict)
    statement = (
        select(
            changes.c.service_id,
            changes.c.version,
            func.count().label("changes"),
            func.max(changes.c.committed_at).label("latest"),
        )
        .where(changes.c.version.is_not(None), scope.of_service(changes))
        .group_by(changes.c.service_id, changes.c.version)
    )
    for row in connection.execute(statement):
        found[scope.services[row.service_id]][row.version] = KnownVersion(row.changes, row.latest)
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
