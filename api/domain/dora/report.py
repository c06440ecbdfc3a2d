"""Entry points: compute the metrics of a window, and explain every number in them.

Both are about the kept rows, which `kept.refreshing` brings up to date before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from api.domain.dora.kept import oldest
from api.domain.dora.kept.assessing import assessments
from api.domain.dora.kept.tallies import Question, tallies
from api.domain.dora.loading.scope import Scope, scope_of, tiers
from api.domain.dora.model import MAX_LISTED, Metrics
from api.domain.dora.query import MAX_FIGURES, Query
from api.domain.dora.rules.explanations import Explanations, explain
from api.domain.dora.rules.figures import Fields, Tally, add_up
from api.domain.dora.rules.periods import Window, split
from api.domain.kit.errors import InvalidValueError
from api.domain.tiers import Tier


def measure(connection: Connection, query: Query, *, by_service: bool = True) -> Metrics:
    """Compute the metrics as `figures` does."""
    return Metrics.model_validate(figures(connection, query, by_service=by_service))


def figures(connection: Connection, query: Query, *, by_service: bool = True) -> Fields:
    """Compute the metrics of each period, overall and for each service unless not asked for.

    Returns the fields of `Metrics`, as they are written: there may be thousands of figures, and to
    validate them takes longer than to compute them. Raises InvalidValueError, with the name of the
    parameter, if these are too many, and as `scope_of` does.
    """
    window = query.window
    periods = list(split(window, query.interval))
    asked = Question(scope_of(connection, query), periods, by_service)
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
        "unrecovered": oldest.unrecovered(connection, asked.scope, window),
    }


def explanations(
    connection: Connection, query: Query, limit: int, after: Sequence[datetime | UUID] | None
) -> Explanations:
    """Explain up to `limit` deployments, newest first, starting just after a position.

    They are sorted by `finished_at`, or by `started_at` while unfinished; `after` is that time and
    the id of the last one seen. Failures before the window that recovered in it come last.
    """
    window = query.window
    scope = scope_of(connection, query)
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
        incidents_without_deployment=oldest.unattributed(connection, scope, window),
    )


def _tiers(connection: Connection, scope: Scope) -> dict[Tier, list[str]]:
    """Return the environments of each tier if a question is about none."""
    return {} if scope.environments else tiers(connection, MAX_LISTED)
