"""Entry points: compute the metrics of a window, and explain every number in them."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from sqlalchemy import Connection

from api.domain.dora.loading import rows, stretches, versions
from api.domain.dora.model import (
    MAX_LISTED,
    Metrics,
    Period,
    Periods,
    ServicePeriods,
    UnattributedIncident,
    UnattributedIncidents,
    Unrecovered,
    UnrecoveredList,
)
from api.domain.dora.query import MAX_FIGURES, Query
from api.domain.dora.rules.assessments import Assessment, assess
from api.domain.dora.rules.explanations import Explanations, explain
from api.domain.dora.rules.figures import add_up
from api.domain.dora.rules.first_deliveries import first_deliveries
from api.domain.dora.rules.periods import Window, split
from api.domain.dora.rules.reasons import Reason
from api.domain.dora.rules.records import Incident
from api.domain.kit.errors import InvalidValueError
from api.domain.tiers import Tier


@dataclass(frozen=True)
class _Assessed:
    """The assessments of a window, from which both metrics and explanations are made."""

    window: Window
    periods: Sequence[Window]
    environments: Sequence[str]
    # Of all environments, if the window is about none.
    tiers: dict[Tier, list[str]]
    services: Sequence[str]
    assessments: Sequence[Assessment]
    unattributed: Sequence[Incident]

    def index(self, instant: datetime) -> int | None:
        """Return the index of the period that contains an instant, or None."""
        if instant not in self.window:
            return None
        return bisect_right(self.periods, instant, key=lambda period: period.since) - 1

    def period(self, instant: datetime) -> Window | None:
        """Return the period that contains an instant, or None."""
        index = self.index(instant)
        return None if index is None else self.periods[index]


def measure(connection: Connection, query: Query, *, by_service: bool = True) -> Metrics:
    """Compute the metrics of each period, overall and for each service unless not asked for.

    Raises InvalidValueError, with the name of the parameter, if these are too many, and as
    `stretches.scope` does.
    """
    assessed = _assess(connection, query)
    periods, services = len(assessed.periods), len(assessed.services) if by_service else 0
    if periods > 1 and periods * (services + 1) > MAX_FIGURES:
        raise InvalidValueError(
            "interval",
            f"makes {periods} periods of each of {services} services, and at most {MAX_FIGURES} are"
            " answered at once: use a longer interval, a shorter window or one service",
        )
    return Metrics(
        since=assessed.window.since,
        until=assessed.window.until,
        environments=list(assessed.environments),
        tiers=assessed.tiers,
        overall=Periods(periods=_add_up(assessed, assessed.assessments, assessed.unattributed)),
        services=_services(assessed) if by_service else [],
        unrecovered=_unrecovered(assessed),
    )


def explanations(
    connection: Connection, query: Query, limit: int, after: Sequence[datetime | UUID] | None
) -> Explanations:
    """Explain up to `limit` deployments, newest first, starting just after a position.

    They are sorted by `finished_at`, or by `started_at` while unfinished; `after` is that time and
    the id of the last one seen. Failures before the window that recovered in it come last.
    """
    assessed = _assess(connection, query)
    following = (
        assessment
        for assessment in assessed.assessments
        if after is None or (assessment.deployment.moment, assessment.deployment.id) < tuple(after)
    )
    return Explanations(
        since=assessed.window.since,
        until=assessed.window.until,
        environments=list(assessed.environments),
        tiers=assessed.tiers,
        items=[explain(assessment, assessed.period) for assessment in islice(following, limit)],
        incidents_without_deployment=UnattributedIncidents(
            count=len(assessed.unattributed),
            items=[
                UnattributedIncident(
                    id=incident.id,
                    service=incident.place.service,
                    environment=incident.place.environment,
                    detected_at=incident.detected_at,
                )
                for incident in assessed.unattributed[:MAX_LISTED]
            ],
        ),
    )


def _assess(connection: Connection, query: Query) -> _Assessed:
    window = query.window
    scope = stretches.scope(connection, query)
    history = rows.load(connection, scope, window)
    deliveries = first_deliveries(history, window)
    services = {deployment.id: deployment.place.service for deployment in history.deployments}
    delivered = {
        (services[identifier], version)
        for identifier, delivery in deliveries.items()
        for version in delivery.versions
    }
    changes = versions.changes_of(connection, scope, delivered)
    assessments, unattributed = assess(history, deliveries, changes, window)
    active = {assessment.deployment.place.service for assessment in assessments}
    active |= {incident.place.service for incident in unattributed}
    if query.service is not None:
        active |= set(scope.services.values())
    return _Assessed(
        window=window,
        periods=list(split(window, query.interval)),
        environments=list(scope.environments.values()),
        tiers={} if scope.environments else stretches.tiers(connection, MAX_LISTED),
        services=sorted(active),
        assessments=assessments,
        unattributed=unattributed,
    )


def _services(assessed: _Assessed) -> list[ServicePeriods]:
    assessments: dict[str, list[Assessment]] = defaultdict(list)
    for assessment in assessed.assessments:
        assessments[assessment.deployment.place.service].append(assessment)
    unattributed: dict[str, list[Incident]] = defaultdict(list)
    for incident in assessed.unattributed:
        unattributed[incident.place.service].append(incident)
    return [
        ServicePeriods(
            service=service, periods=_add_up(assessed, assessments[service], unattributed[service])
        )
        for service in assessed.services
    ]


def _add_up(
    assessed: _Assessed, assessments: Sequence[Assessment], unattributed: Sequence[Incident]
) -> list[Period]:
    finished: dict[int | None, list[Assessment]] = defaultdict(list)
    recovered: dict[int | None, list[Assessment]] = defaultdict(list)
    for assessment in assessments:
        finished[assessed.index(assessment.deployment.moment)].append(assessment)
        verdict = assessment.verdicts.failed_deployment_recovery_time
        if assessment.recovery and verdict.numerator:
            recovered[assessed.index(assessment.recovery.at)].append(assessment)
    unattributed_in: dict[int | None, int] = defaultdict(int)
    for incident in unattributed:
        unattributed_in[assessed.index(incident.detected_at)] += 1
    return [
        add_up(period, finished[index], recovered[index], unattributed_in[index])
        for index, period in enumerate(assessed.periods)
    ]


def _unrecovered(assessed: _Assessed) -> UnrecoveredList:
    failing = [
        failure
        for failure in reversed(assessed.assessments)
        if failure.verdicts.failed_deployment_recovery_time.reason
        in (Reason.UNRECOVERED, Reason.RECOVERED_AFTER_WINDOW)
    ]
    items = [
        Unrecovered(
            deployment_id=failure.deployment.id,
            service=failure.deployment.place.service,
            environment=failure.deployment.place.environment,
            version=failure.deployment.version,
            finished_at=failure.deployment.moment,
            age_seconds=(assessed.window.until - failure.deployment.moment).total_seconds(),
            recovered_at=failure.recovery.at if failure.recovery else None,
        )
        for failure in failing[:MAX_LISTED]
    ]
    return UnrecoveredList(count=len(failing), items=items)
