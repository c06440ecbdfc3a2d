"""Figures: the metrics of a period, added up from the verdicts on its deployments."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from api.domain.deployments.model import Kind
from api.domain.dora.model import (
    DeploymentFrequency,
    Excluded,
    ExplainedRatio,
    LeadTime,
    Period,
    Ratio,
    RecoveryTime,
)
from api.domain.dora.rules.assessments import Assessment
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.reasons import Reason
from api.domain.dora.rules.verdicts import Part, Verdict, Verdicts


def add_up(
    period: Window,
    finished: Sequence[Assessment],
    recovered: Sequence[Assessment],
    unattributed_incidents: int,
) -> Period:
    """Return the metrics of what finished in a period and of what recovered in it."""
    return Period(
        since=period.since,
        until=period.until,
        deployment_frequency=_frequency(period, finished),
        lead_time_for_changes=_lead_time(finished),
        change_failure_rate=_ratio(finished, lambda verdicts: verdicts.change_failure_rate),
        failed_deployment_recovery_time=_recovery_time(finished, recovered, unattributed_incidents),
        rework_rate=_ratio(finished, lambda verdicts: verdicts.rework_rate),
    )


def percentile_90(values: Sequence[float]) -> float | None:
    """Return the 90th percentile by linear interpolation between closest ranks, C = 1.

    That is Hyndman and Fan's type 7, what Excel, NumPy and PostgreSQL's percentile_cont compute.
    """
    if len(values) < 2:  # noqa: PLR2004 (there is nothing to interpolate between)
        return values[0] if values else None
    return statistics.quantiles(values, n=10, method="inclusive")[-1]


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def excluded_list(counts: Mapping[Reason, int]) -> list[Excluded]:
    """Return how many were left out for each reason, by its code."""
    return [Excluded(reason=reason, count=count) for reason, count in sorted(counts.items())]


def excluded_changes(assessments: Iterable[Assessment]) -> Counter[Reason]:
    """Return how many of the changes that some deployments brought do not count, by reason."""
    negative = earlier = 0
    for each in assessments:
        negative += sum(lead.seconds < 0 for lead in each.leads)
        earlier += each.delivery.earlier_changes if each.delivery else 0
    return +Counter({Reason.COMMITTED_AFTER: negative, Reason.BEFORE_FIRST: earlier})


def _excluded_by(verdicts: Iterable[Verdict]) -> Counter[Reason]:
    return Counter(verdict.reason for verdict in verdicts if verdict.part == Part.EXCLUDED)


def _frequency(period: Window, finished: Sequence[Assessment]) -> DeploymentFrequency:
    verdicts = [each.verdicts.deployment_frequency for each in finished]
    kinds = Counter(
        each.deployment.kind for each in finished if each.verdicts.deployment_frequency.numerator
    )
    numerator = sum(verdict.numerator for verdict in verdicts)
    return DeploymentFrequency(
        per_day=numerator / period.days,
        numerator=numerator,
        denominator=period.days,
        rollouts=kinds[Kind.ROLLOUT],
        rollbacks=kinds[Kind.ROLLBACK],
        hotfixes=kinds[Kind.HOTFIX],
        excluded=excluded_list(_excluded_by(verdicts)),
    )


def _lead_time(finished: Sequence[Assessment]) -> LeadTime:
    seconds = [lead.seconds for each in finished for lead in each.leads if lead.seconds >= 0]
    new = [each.delivery for each in finished if each.delivery and each.delivery.new_version]
    known = sum(each.changes_known for each in new)
    return LeadTime(
        median_seconds=_median(seconds),
        p90_seconds=percentile_90(seconds),
        count=len(seconds),
        coverage=Ratio(ratio=_share(known, len(new)), numerator=known, denominator=len(new)),
        excluded=excluded_list(excluded_changes(finished)),
    )


def _recovery_time(
    finished: Sequence[Assessment], recovered: Sequence[Assessment], unattributed_incidents: int
) -> RecoveryTime:
    seconds = [each.recovery.seconds for each in recovered if each.recovery]
    excluded = _excluded_by(each.verdicts.failed_deployment_recovery_time for each in finished)
    excluded[Reason.INCIDENT_WITHOUT_DEPLOYMENT] = unattributed_incidents
    return RecoveryTime(
        median_seconds=_median(seconds),
        p90_seconds=percentile_90(seconds),
        count=len(seconds),
        excluded=excluded_list(+excluded),
    )


def _ratio(
    finished: Sequence[Assessment], verdict: Callable[[Verdicts], Verdict]
) -> ExplainedRatio:
    verdicts = [verdict(each.verdicts) for each in finished]
    numerator = sum(each.numerator for each in verdicts)
    denominator = sum(each.denominator for each in verdicts)
    return ExplainedRatio(
        ratio=_share(numerator, denominator),
        numerator=numerator,
        denominator=denominator,
        excluded=excluded_list(_excluded_by(verdicts)),
    )


def _share(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None
