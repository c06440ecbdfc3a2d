"""Figures: the metrics of a period, summed up from the verdicts on its deployments."""

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
    """Compute the metrics of a period from what finished in it and what recovered in it."""
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
    """Return the 90th percentile by linear interpolation between closest ranks (C = 1).

    This is type 7 of Hyndman and Fan, as in Excel, NumPy and PostgreSQL's percentile_cont.
    """
    if len(values) < 2:  # noqa: PLR2004 (there is nothing to interpolate between)
        return values[0] if values else None
    return statistics.quantiles(values, n=10, method="inclusive")[-1]


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def excluded_list(counts: Mapping[Reason, int]) -> list[Excluded]:
    """Convert counts by reason to a list, sorted by reason."""
    return [Excluded(reason=reason, count=count) for reason, count in sorted(counts.items())]


def excluded_changes(assessments: Iterable[Assessment]) -> Counter[Reason]:
    """Count by reason the changes of these deployments that the lead time leaves out."""
    negative = earlier = 0
    for assessment in assessments:
        negative += sum(lead.seconds < 0 for lead in assessment.leads)
        earlier += assessment.delivery.earlier_changes if assessment.delivery else 0
    return +Counter({Reason.COMMITTED_AFTER: negative, Reason.BEFORE_FIRST: earlier})


def _excluded_by(verdicts: Iterable[Verdict]) -> Counter[Reason]:
    return Counter(verdict.reason for verdict in verdicts if verdict.part == Part.EXCLUDED)


def _frequency(period: Window, finished: Sequence[Assessment]) -> DeploymentFrequency:
    verdicts = [assessment.verdicts.deployment_frequency for assessment in finished]
    kinds = Counter(
        assessment.deployment.kind
        for assessment, verdict in zip(finished, verdicts, strict=True)
        if verdict.numerator
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
    leads = [lead for assessment in finished for lead in assessment.leads]
    seconds = [lead.seconds for lead in leads if lead.seconds >= 0]
    deliveries = [assessment.delivery for assessment in finished if assessment.delivery]
    new = [delivery for delivery in deliveries if delivery.new_version]
    known = sum(delivery.changes_known for delivery in new)
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
    recoveries = [assessment.recovery for assessment in recovered if assessment.recovery]
    seconds = [recovery.seconds for recovery in recoveries]
    excluded = _excluded_by(
        assessment.verdicts.failed_deployment_recovery_time for assessment in finished
    )
    excluded[Reason.INCIDENT_WITHOUT_DEPLOYMENT] = unattributed_incidents
    return RecoveryTime(
        median_seconds=_median(seconds),
        p90_seconds=percentile_90(seconds),
        count=len(seconds),
        excluded=excluded_list(+excluded),
    )


def _ratio(finished: Sequence[Assessment], metric: Callable[[Verdicts], Verdict]) -> ExplainedRatio:
    verdicts = [metric(assessment.verdicts) for assessment in finished]
    numerator = sum(verdict.numerator for verdict in verdicts)
    denominator = sum(verdict.denominator for verdict in verdicts)
    return ExplainedRatio(
        ratio=_share(numerator, denominator),
        numerator=numerator,
        denominator=denominator,
        excluded=excluded_list(_excluded_by(verdicts)),
    )


def _share(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None
