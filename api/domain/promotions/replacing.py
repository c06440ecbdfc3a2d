"""What a deployment took the place of, and what took its place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BindParameter, Connection, FromClause, Select, bindparam, select, tuple_

from api.domain import live
from api.domain.deployments.model import Kind, Status
from api.domain.kit.sql import first
from api.tables import deployments, environments, services

CELLS = deployments.join(services).join(environments)
IDS: BindParameter[Any] = bindparam("ids", expanding=True)


class Neighbour(NamedTuple):
    """A deployment of another release in the same cell."""

    id: UUID
    version: str
    finished_at: datetime | None


def undone(connection: Connection, rollbacks: Collection[UUID]) -> dict[UUID, Neighbour]:
    """Return what these rollbacks undid, for those that brought back what still ran.

    Such a rollback answers an attempt that did not succeed. It is instead of this one, and not of
    what the release that runs had replaced long before.
    """
    return _of_each(connection, UNDONE, rollbacks) if rollbacks else {}


def neighbours(
    connection: Connection, found: Mapping[str, Any]
) -> tuple[Neighbour | None, Neighbour | None]:
    """Return what a deployment replaced, and what replaced it.

    Both are None unless it succeeded. A resync replaced nothing.
    """
    if found["status"] != Status.SUCCEEDED:
        return None, None
    ids = [found["id"]]
    later = _of_each(connection, REPLACED_BY, ids)
    earlier = undone(connection, ids if found["kind"] == Kind.ROLLBACK else [])
    if not earlier and found["kind"] != Kind.RESYNC:
        earlier = _of_each(connection, REPLACED, ids)
    return earlier.get(found["id"]), later.get(found["id"])


def _of_each(
    connection: Connection, statement: Select[Any], ids: Collection[UUID]
) -> dict[UUID, Neighbour]:
    rows = connection.execute(statement, {"ids": list(ids)})
    return {id_: Neighbour(*neighbour) for id_, *neighbour in rows.all()}


def _moment(deployment: Any) -> Any:
    return tuple_(deployment.finished_at, deployment.id)


def _undone() -> Select[Any]:
    """Return the SELECT of the last attempts before deployments that changed nothing."""
    earlier = live.successes()
    earlier = earlier.where(_moment(earlier.selected_columns) < _moment(deployments.c))
    before, is_before = first(deployments, earlier, lateral=False)
    attempts = live.starts()
    attempts = attempts.where(
        attempts.selected_columns.started_at <= deployments.c.started_at,
        live.is_another(attempts.selected_columns, deployments.c),
    )
    attempt, is_attempt = first(deployments, attempts, lateral=False)
    ran = is_before & ~live.is_another(before.c, deployments.c)
    return _select(attempt, CELLS.join(before, ran).join(attempt, is_attempt))


def _replaced_by() -> Select[Any]:
    """Return the SELECT of the first successes of another release after deployments."""
    later = deployments.alias()
    successes = (
        select(later)
        .where(
            later.c.service_id == services.c.id,
            later.c.environment_id == environments.c.id,
            later.c.status == Status.SUCCEEDED,
            _moment(later.c) > _moment(deployments.c),
            live.is_another(later.c, deployments.c),
        )
        .order_by(later.c.finished_at, later.c.id)
    )
    return _select(*_joined(successes))


def _joined(ordered: Select[Any]) -> tuple[FromClause, FromClause]:
    row, is_row = first(deployments, ordered, lateral=False)
    return row, CELLS.join(row, is_row)


def _select(neighbour: FromClause, among: FromClause) -> Select[Any]:
    found = neighbour.c.id, neighbour.c.version, neighbour.c.finished_at
    return select(deployments.c.id, *found).select_from(among).where(deployments.c.id.in_(IDS))


REPLACED = _select(*_joined(live.other_releases(deployments)))
REPLACED_BY = _replaced_by()
UNDONE = _undone()
