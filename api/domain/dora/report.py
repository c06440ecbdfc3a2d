"""Entry points: compute the metrics of a window, and explain every number in them.

Both are about the kept rows, which `kept.refreshing` brings up to date before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, and_, func, or_, select

from api.domain.dora.kept.assessing import assessments
from api.domain.dora.kept.sums import COUNTED, UNATTRIBUTED
from api.domain.dora.kept.tallies import Question, tallies
from api.domain.dora.loading import stretches
from api.domain.dora.model import (
    MAX_LISTED,
    Metrics,
    UnattributedIncident,
    UnattributedIncidents,
)
from api.domain.dora.query import MAX_FIGURES, Query
from api.domain.dora.rules.explanations import Explanations, explain
from api.domain.dora.rules.figures import Fields, Tally, add_up
from api.domain.dora.rules.periods import Window, split
from api.domain.kit.errors import InvalidValueError
from api.domain.tiers import Tier
from api.tables import deployments, failures, incidents


def measure(connection: Connection, query: Query, *, by_service: bool = True) -> Metrics:
    """Compute the metrics as `figures` does."""
    return Metrics.model_validate(figures(connection, query, by_service=by_service))


def figures(connection: Connection, query: Query, *, by_service: bool = True) -> Fields:
    """Compute the metrics of each period, overall and for each service unless not asked for.

    Returns the fields of `Metrics`, as they are written: there may be thousands of figures, and to
    validate them takes longer than to compute them. Raises InvalidValueError, with the name of the
    parameter, if these are too many, and as `stretches.scope` does.
    """
    window = query.window
    periods = list(split(window, query.interval))
    asked = Question(stretches.scope(connection, query), periods, by_service)
    found = tallies(connection, asked)
    active = {service for service in found if service is not None}
    if query.service is not None and by_service:
        active |= set(asked.scope.services.values())
    if len(periods) > 1 and len(periods) * (len(active) + 1) > MAX_FIGURES:
        raise InvalidValueError(
            "interval",
            f"makes {len(periods)} periods of each of {len(active)} services, and at most"
            f" {MAX_FIGURES} are answered at once: use a longer interval, a shorter window or one"
            " service",
        )

    def of(service: str | None) -> list[Fields]:
        of_it = found.get(service, {})
        return [
            add_up(period, of_it.get(number) or Tally()) for number, period in enumerate(periods)
        ]

    return {
        "from": window.since,
        "to": window.until,
        "environments": list(asked.scope.environments.values()),
        "tiers": _tiers(connection, asked.scope),
        "overall": {"periods": of(None)},
        "services": [{"periods": of(name), "service": name} for name in sorted(active)],
        "unrecovered": _unrecovered(connection, asked.scope, window),
    }


def explanations(
    connection: Connection, query: Query, limit: int, after: Sequence[datetime | UUID] | None
) -> Explanations:
    """Explain up to `limit` deployments, newest first, starting just after a position.

    They are sorted by `finished_at`, or by `started_at` while unfinished; `after` is that time and
    the id of the last one seen. Failures before the window that recovered in it come last.
    """
    window = query.window
    scope = stretches.scope(connection, query)
    periods = list(split(window, query.interval))

    def period_of(instant: datetime) -> Window | None:
        return next((period for period in periods if instant in period), None)

    return Explanations(
        since=window.since,
        until=window.until,
        environments=list(scope.environments.values()),
        tiers=_tiers(connection, scope),
        items=[
            explain(assessment, period_of)
            for assessment in assessments(connection, scope, window, limit, after)
        ],
        incidents_without_deployment=_unattributed(connection, scope, window),
    )


def _tiers(connection: Connection, scope: stretches.Scope) -> dict[Tier, list[str]]:
    """Return the environments of each tier if a question is about none."""
    return {} if scope.environments else stretches.tiers(connection, MAX_LISTED)


def _unrecovered(connection: Connection, scope: stretches.Scope, window: Window) -> Fields:
    table = failures.c
    statement = (
        select(failures, deployments.c.version, func.count().over().label("number"))
        .join_from(failures, deployments, deployments.c.id == table.deployment_id)
        .where(
            scope.includes(failures),
            COUNTED,
            and_(table.finished_at >= window.since, table.finished_at < window.until),
            or_(table.recovered_at.is_(None), table.recovered_at >= window.until),
        )
        .order_by(table.finished_at, table.deployment_id)
        .limit(MAX_LISTED)
    )
    rows = connection.execute(statement).all()
    items = [
        {
            "deployment_id": row.deployment_id,
            **scope.place(row)._asdict(),
            "version": row.version,
            "finished_at": row.finished_at,
            "age_seconds": (window.until - row.finished_at).total_seconds(),
            "recovered_at": row.recovered_at,
        }
        for row in rows
    ]
    return {"count": rows[0].number if rows else 0, "items": items}


def _unattributed(
    connection: Connection, scope: stretches.Scope, window: Window
) -> UnattributedIncidents:
    table = incidents.c
    statement = (
        select(incidents, func.count().over().label("number"))
        .where(
            scope.includes(incidents),
            UNATTRIBUTED,
            and_(table.detected_at >= window.since, table.detected_at < window.until),
        )
        .order_by(table.detected_at, table.id)
        .limit(MAX_LISTED)
    )
    rows = connection.execute(statement).all()
    items = [
        UnattributedIncident(
            id=row.id,
            service=(place := scope.place(row)).service,
            environment=place.environment,
            detected_at=row.detected_at,
        )
        for row in rows
    ]
    return UnattributedIncidents(count=rows[0].number if rows else 0, items=items)
