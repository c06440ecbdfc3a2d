"""The matrix: for each service and environment, what runs there and what git declares for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Label,
    RowMapping,
    ScalarSelect,
    and_,
    false,
    or_,
    select,
    true,
)

from api.domain.declarations.model import SAID
from api.domain.declarations.store import latest, not_withdrawn
from api.domain.deployments.model import Status
from api.domain.kit.sql import ByteOrder
from api.tables import declarations, deployments, environments, services


class State(StrEnum):
    """Whether what runs is what git declares; docs/gitops.md has the same words."""

    IN_SYNC = "in-sync"
    PENDING = "pending"
    DRIFTED = "drifted"
    UNKNOWN = "unknown"


_SERVICE = services.c.name.label("service")
_ENVIRONMENT = environments.c.name.label("environment")
_OBSERVED = (
    deployments.c.version,
    deployments.c.image_digest,
    deployments.c.commit,
    deployments.c.config_revision,
    deployments.c.finished_at.label("since"),
    deployments.c.id.label("deployment_id"),
)
_DECLARED = (*SAID, "declared_at")
_ORDER = (
    ByteOrder(services.c.name),
    environments.c.promotion_order,
    ByteOrder(environments.c.name),
)


def running(
    connection: Connection, among: Collection[str], service: str | None = None
) -> list[dict[str, Any]]:
    """Return one row for each service, or for one, that runs in one of some environments.

    What runs is what last succeeded there, by the time it finished: a later failure or a rollout
    under way does not replace it. Rows are sorted by service, then in the order of promotion.
    """
    statement = (
        select(_SERVICE, _ENVIRONMENT, *_OBSERVED)
        .select_from(_cells().join(deployments, deployments.c.id == _last_success()))
        .where(environments.c.name.in_(among))
        .where(true() if service is None else services.c.name == service)
        .order_by(*_ORDER)
    )
    return [dict(row) for row in connection.execute(statement).mappings()]


def cells(connection: Connection, at: datetime | None = None) -> list[dict[str, Any]]:
    """Return one row for each service and environment where something runs or is declared.

    With `at`, it is what had finished and what was declared by then. Rows are sorted by service,
    then in the order of promotion.
    """
    newest = deployments.alias()
    ended_later = false() if at is None else newest.c.finished_at > at
    statement = (
        select(
            _SERVICE,
            _ENVIRONMENT,
            *_OBSERVED,
            *(_declared(declarations.c[name]) for name in _DECLARED),
            and_(newest.c.id.is_not(None), or_(newest.c.finished_at.is_(None), ended_later)).label(
                "deploying"
            ),
        )
        .select_from(
            _cells()
            .outerjoin(deployments, deployments.c.id == _last_success(at))
            .outerjoin(declarations, (declarations.c.id == latest(at)) & not_withdrawn())
            .outerjoin(newest, newest.c.id == _last_start(at))
        )
        .where(deployments.c.id.is_not(None) | declarations.c.id.is_not(None))
        .order_by(*_ORDER)
    )
    return [_cell(row) for row in connection.execute(statement).mappings()]


def state(
    observed: Mapping[str, Any], declared: Mapping[str, Any] | None, *, deploying: bool
) -> State:
    """Return whether what was seen to run is what is declared.

    What differs is pending while a deployment is under way, or while none has finished since it was
    declared; otherwise it has drifted. Nobody knows of what was never seen or is not declared.
    """
    if declared is None:
        return State.UNKNOWN
    if deploying:
        return State.PENDING
    if observed["deployment_id"] is None:
        return State.UNKNOWN
    if _agree(observed, declared):
        return State.IN_SYNC
    return State.PENDING if declared["declared_at"] > observed["since"] else State.DRIFTED


def _agree(observed: Mapping[str, Any], declared: Mapping[str, Any]) -> bool:
    """Tell whether two releases are one: by digest if both have one, else by version."""
    if observed["image_digest"] and declared["image_digest"]:
        return bool(observed["image_digest"] == declared["image_digest"])
    return bool(observed["version"] == declared["version"])


def _cell(row: RowMapping) -> dict[str, Any]:
    cell: dict[str, Any] = dict(row)
    told = {name: cell.pop(f"declared_{name}") for name in _DECLARED}
    cell["declared"] = told if told["declared_at"] else None
    cell["state"] = state(cell, cell["declared"], deploying=cell["deploying"])
    return cell


def _declared(column: ColumnElement[Any]) -> Label[Any]:
    return column.label(f"declared_{column.key}")


def _cells() -> FromClause:
    return services.join(environments, true())


def _last_success(at: datetime | None = None) -> ScalarSelect[UUID]:
    """Return the id of what last succeeded in a cell."""
    earlier = deployments.alias()
    return _last(earlier, earlier.c.finished_at, at, earlier.c.status == Status.SUCCEEDED)


def _last_start(at: datetime | None = None) -> ScalarSelect[UUID]:
    """Return the id of what last began in a cell, whatever became of it."""
    earlier = deployments.alias()
    return _last(earlier, earlier.c.started_at, at)


def _last(
    earlier: FromClause,
    time: ColumnElement[datetime],
    at: datetime | None,
    *conditions: ColumnElement[bool],
) -> ScalarSelect[UUID]:
    """Return the id of the last deployment of a cell by some time: one look along an index."""
    return (
        select(earlier.c.id)
        .where(
            earlier.c.service_id == services.c.id,
            earlier.c.environment_id == environments.c.id,
            *conditions,
            true() if at is None else time <= at,
        )
        .order_by(time.desc(), earlier.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
