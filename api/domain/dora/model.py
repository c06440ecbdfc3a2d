"""The models of the metrics in API responses."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.reasons import Reason
from api.domain.kit.types import Name, Version
from api.domain.tiers import Tier

# Lists of unrecovered failures and unattributed incidents have up to this many, oldest first.
MAX_LISTED = 20

Median = Annotated[
    float | None, Field(description="The median; the mean of the two middle values if even.")
]
Percentile = Annotated[
    float | None, Field(description="The 90th percentile, interpolated linearly (C = 1).")
]


class Span(BaseModel):
    """A half-open time range within the window."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    since: Annotated[AwareDatetime, Field(alias="from")]
    until: Annotated[AwareDatetime, Field(alias="to")]

    @classmethod
    def of(cls, window: Window) -> Span:
        """Convert a window."""
        return cls(since=window.since, until=window.until)


class Excluded(BaseModel):
    """The number left out for a reason; the reason is a stable code."""

    reason: Reason
    count: int


class DeploymentFrequency(BaseModel):
    """Deployment frequency: successful deployments per day."""

    per_day: float
    numerator: Annotated[int, Field(description="Successful deployments of all kinds below.")]
    denominator: Annotated[float, Field(description="Days in the period.")]
    rollouts: int
    rollbacks: int
    hotfixes: int
    excluded: list[Excluded]


class Ratio(BaseModel):
    """A ratio; null if the denominator is 0."""

    ratio: float | None
    numerator: int
    denominator: int


class ExplainedRatio(Ratio):
    """A ratio of deployments, and the number left out for each reason."""

    excluded: list[Excluded]


class LeadTime(BaseModel):
    """Lead time for changes: from the commit to its first successful deployment."""

    median_seconds: Median
    p90_seconds: Percentile
    count: Annotated[int, Field(description="Changes delivered.")]
    coverage: Annotated[
        Ratio,
        Field(description="The share of deployments of a new version whose changes are known."),
    ]
    excluded: Annotated[list[Excluded], Field(description="Changes left out.")]


class RecoveryTime(BaseModel):
    """Failed deployment recovery time, in the period of the recovery."""

    median_seconds: Median
    p90_seconds: Percentile
    count: Annotated[int, Field(description="Failed deployments recovered from.")]
    excluded: list[Excluded]


class Period(Span):
    """The five DORA metrics of a period."""

    deployment_frequency: DeploymentFrequency
    lead_time_for_changes: LeadTime
    change_failure_rate: ExplainedRatio
    failed_deployment_recovery_time: RecoveryTime
    rework_rate: ExplainedRatio


class Periods(BaseModel):
    """The metrics of each period in the window."""

    periods: list[Period]


class ServicePeriods(Periods):
    """The metrics of one service."""

    service: Name


class Unrecovered(BaseModel):
    """A failed deployment that had not been recovered from at the end of the window."""

    deployment_id: UUID
    service: Name
    environment: Name
    version: Version
    finished_at: AwareDatetime
    age_seconds: Annotated[float, Field(description="Up to the end of the window.")]
    recovered_at: Annotated[
        AwareDatetime | None, Field(description="The recovery, if it was after the window.")
    ]


class UnrecoveredList(BaseModel):
    """The number of unrecovered failed deployments, and the oldest of them."""

    count: int
    items: Annotated[list[Unrecovered], Field(description=f"At most {MAX_LISTED}.")]


EnvironmentsByTier = Annotated[
    dict[Tier, list[Name]],
    Field(
        description="If no environment is of the tier production, and so nothing is counted: the"
        f" names of the environments of each tier, at most {MAX_LISTED}, previews last.",
        examples=[{"development": ["eu"], "staging": ["qa"], "production": []}],
    ),
]


class Metrics(Span):
    """The five DORA metrics of a window, overall and for each service with any activity."""

    environments: Annotated[list[Name], Field(description="The environments that they are about.")]
    tiers: EnvironmentsByTier
    overall: Periods
    services: list[ServicePeriods]
    unrecovered: UnrecoveredList


class UnattributedIncident(BaseModel):
    """An incident whose cause is neither stated nor can be inferred."""

    id: UUID
    service: Name
    environment: Name
    detected_at: AwareDatetime


class UnattributedIncidents(BaseModel):
    """The number of such incidents, and the oldest of them."""

    count: int
    items: Annotated[list[UnattributedIncident], Field(description=f"At most {MAX_LISTED}.")]
