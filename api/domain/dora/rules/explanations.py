"""Explanations: an assessment as an API response, with a sentence for every verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from api.domain.deployments.model import Kind, Status
from api.domain.dora.model import EnvironmentsByTier, Excluded, Span, UnattributedIncidents
from api.domain.dora.rules.assessments import Assessment
from api.domain.dora.rules.figures import excluded_list
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.reasons import Reason
from api.domain.dora.rules.verdicts import Part, Verdict
from api.domain.kit.types import Commit, Name, Version

# Up to this many changes of a deployment are listed; its lead-time verdict counts all of them.
MAX_CHANGES = 100
# Up to so many verdicts and periods are kept, of which a page has the same again and again.
MAX_KNOWN = 1_000

# Returns the period that contains an instant, or None outside the window.
FindPeriod = Callable[[datetime], Window | None]


class MetricVerdict(BaseModel):
    """What a deployment adds to a metric, and why; only excluded ones are in `excluded` lists."""

    part: Part
    reason: Annotated[Reason, Field(description="A stable code.")]
    explanation: Annotated[
        str,
        Field(description="The reason as a sentence.", examples=["It succeeded in the window."]),
    ]
    numerator: Annotated[int, Field(description="Its share of the numerator or count.")]
    denominator: Annotated[int, Field(description="Its share of the denominator of a ratio.")]


class MetricVerdicts(BaseModel):
    """The verdict for each metric."""

    deployment_frequency: MetricVerdict
    lead_time_for_changes: MetricVerdict
    change_failure_rate: MetricVerdict
    failed_deployment_recovery_time: MetricVerdict
    rework_rate: MetricVerdict


class LinkedIncident(BaseModel):
    """An incident attributed to a deployment; `link` says whether that is stated or inferred."""

    id: UUID
    link: Literal["stated", "inferred"]
    detected_at: AwareDatetime
    resolved_at: AwareDatetime | None


class DeliveredChange(BaseModel):
    """A change that a deployment was the first to contain."""

    commit: Commit
    version: Version
    committed_at: AwareDatetime
    lead_seconds: Annotated[
        float, Field(description="Its lead time; the metric leaves out negative ones.")
    ]


class FailureRecovery(BaseModel):
    """When and how a failure ended."""

    at: AwareDatetime
    seconds: float
    by: Literal["deployment", "incidents_resolved"]
    deployment_id: UUID | None
    period: Annotated[Span | None, Field(description="Null if it is after the window.")]


class Explanation(BaseModel):
    """A deployment, and what it adds to each metric."""

    id: UUID
    service: Name
    environment: Name
    version: Version
    kind: Kind
    status: Status
    started_at: AwareDatetime
    finished_at: AwareDatetime | None
    period: Annotated[
        Span | None,
        Field(
            description="The period of its end, or of its start while it is unfinished; null before"
            " the window."
        ),
    ]
    metrics: MetricVerdicts
    incidents: list[LinkedIncident]
    rolled_back_by: Annotated[
        UUID | None, Field(description="The first rollback that started while it was live.")
    ]
    new_version: Annotated[bool, Field(description="Its version had not succeeded before.")]
    changes_known: Annotated[bool, Field(description="Changes of its version are known.")]
    changes: Annotated[
        list[DeliveredChange],
        Field(
            description="The changes that it was the first to deliver, by committed_at; at most"
            f" {MAX_CHANGES}."
        ),
    ]
    excluded_changes: list[Excluded]
    recovery: FailureRecovery | None


class Explanations(Span):
    """A page of the deployments behind the metrics of a window."""

    environments: list[Name]
    tiers: EnvironmentsByTier
    items: list[Explanation]
    incidents_without_deployment: UnattributedIncidents


def explain(assessment: Assessment, find_period: FindPeriod) -> Explanation:
    """Convert an assessment to an explanation."""
    deployment, delivery = assessment.deployment, assessment.delivery
    verdicts = assessment.verdicts
    return Explanation(
        id=deployment.id,
        service=deployment.place.service,
        environment=deployment.place.environment,
        version=deployment.version,
        kind=deployment.kind,
        status=deployment.status,
        started_at=deployment.started_at,
        finished_at=deployment.finished_at,
        period=_span(find_period(deployment.moment)),
        metrics=MetricVerdicts(
            deployment_frequency=_metric_verdict(verdicts.deployment_frequency),
            lead_time_for_changes=_metric_verdict(verdicts.lead_time_for_changes),
            change_failure_rate=_metric_verdict(verdicts.change_failure_rate),
            failed_deployment_recovery_time=_metric_verdict(
                verdicts.failed_deployment_recovery_time
            ),
            rework_rate=_metric_verdict(verdicts.rework_rate),
        ),
        incidents=[
            LinkedIncident(
                id=attribution.incident.id,
                link="stated" if attribution.stated else "inferred",
                detected_at=attribution.incident.detected_at,
                resolved_at=attribution.incident.resolved_at,
            )
            for attribution in assessment.attributions
        ],
        rolled_back_by=assessment.failure.rolled_back_by if assessment.failure else None,
        new_version=delivery is not None and delivery.new_version,
        changes_known=delivery is not None and delivery.changes_known,
        changes=_changes(assessment),
        excluded_changes=[
            Excluded.model_validate(fields)
            for fields in excluded_list(_excluded_changes(assessment))
        ],
        recovery=_recovery(assessment, find_period),
    )


@lru_cache(MAX_KNOWN)
def _metric_verdict(verdict: Verdict) -> MetricVerdict:
    return MetricVerdict(
        part=verdict.part,
        reason=verdict.reason,
        explanation=verdict.reason.sentence,
        numerator=verdict.numerator,
        denominator=verdict.denominator,
    )


def _changes(assessment: Assessment) -> list[DeliveredChange]:
    return [
        DeliveredChange(
            commit=lead.change.commit,
            version=lead.change.version,
            committed_at=lead.change.committed_at,
            lead_seconds=lead.seconds,
        )
        for lead in assessment.leads[:MAX_CHANGES]
    ]


def _excluded_changes(assessment: Assessment) -> Counter[Reason]:
    negative = sum(lead.seconds < 0 for lead in assessment.leads)
    earlier = assessment.delivery.earlier_changes if assessment.delivery else 0
    return +Counter({Reason.COMMITTED_AFTER: negative, Reason.BEFORE_FIRST: earlier})


def _recovery(assessment: Assessment, find_period: FindPeriod) -> FailureRecovery | None:
    recovery = assessment.recovery
    if recovery is None:
        return None
    return FailureRecovery(
        at=recovery.at,
        seconds=recovery.seconds,
        by="deployment" if recovery.by_deployment else "incidents_resolved",
        deployment_id=recovery.by_deployment,
        period=_span(find_period(recovery.at)),
    )


@lru_cache(MAX_KNOWN)
def _span(period: Window | None) -> Span | None:
    return None if period is None else Span.of(period)
