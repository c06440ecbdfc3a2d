"""Models: the shape of the metrics as they are answered."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.reasons import Reason
from api.domain.kit.types import Name, Version

# So many of what is not over are listed, the oldest first; their count is always told.
MAX_LISTED = 20

Median = Annotated[
    float | None, Field(description="The mean of the two middle ones if there are two.")
]
Percentile = Annotated[
    float | None, Field(description="The 90th percentile, interpolated linearly (C = 1).")
]


class Span(BaseModel):
    """A half-open span of time, clipped to the window."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    since: Annotated[AwareDatetime, Field(alias="from")]
    until: Annotated[AwareDatetime, Field(alias="to")]

    @classmethod
    def of(cls, window: Window) -> Span:
        """Return the span of a window."""
        return cls(since=window.since, until=window.until)


class Excluded(BaseModel):
    """How many were left out, and why: a code that stays the same."""

    reason: Reason
    count: int


class DeploymentFrequency(BaseModel):
    """How many deployments succeeded on a day."""

    per_day: float
    numerator: Annotated[int, Field(description="Deployments that succeeded, of all kinds below.")]
    denominator: Annotated[float, Field(description="Days in the period.")]
    rollouts: int
    rollbacks: int
    hotfixes: int
    excluded: list[Excluded]


class Ratio(BaseModel):
    """A share of a whole; null if there is no whole."""

    ratio: float | None
    numerator: int
    denominator: int


class ExplainedRatio(Ratio):
    """A share of deployments, and those left out."""

    excluded: list[Excluded]


class LeadTime(BaseModel):
    """How long changes took from their commit to their first successful deployment."""

    median_seconds: Median
    p90_seconds: Percentile
    count: Annotated[int, Field(description="Changes delivered.")]
    coverage: Annotated[
        Ratio, Field(description="Of the deployments of a new version, those with known changes.")
    ]
    excluded: Annotated[list[Excluded], Field(description="Changes left out.")]


class RecoveryTime(BaseModel):
    """How long failed deployments took to be recovered from, by the period of the recovery."""

    median_seconds: Median
    p90_seconds: Percentile
    count: Annotated[int, Field(description="Failed deployments recovered from.")]
    excluded: list[Excluded]


class Period(Span):
    """The five metrics of one period."""

    deployment_frequency: DeploymentFrequency
    lead_time_for_changes: LeadTime
    change_failure_rate: ExplainedRatio
    failed_deployment_recovery_time: RecoveryTime
    rework_rate: ExplainedRatio


class Periods(BaseModel):
    """The metrics of each period of the window."""

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
    recovered_at: Annotated[AwareDatetime | None, Field(description="When it was, later.")]


class UnrecoveredList(BaseModel):
    """How many had not been recovered from, and the oldest of them."""

    count: int
    items: Annotated[list[Unrecovered], Field(description=f"At most {MAX_LISTED}.")]


class Metrics(Span):
    """The five DORA metrics of a window, overall and for each service that did something."""

    environments: list[Name]
    overall: Periods
    services: list[ServicePeriods]
    unrecovered: UnrecoveredList


class UnattributedIncident(BaseModel):
    """An incident that no deployment is stated for and none can be inferred."""

    id: UUID
    service: Name
    environment: Name
    detected_at: AwareDatetime


class UnattributedIncidents(BaseModel):
    """How many there are, and the oldest of them."""

    count: int
    items: Annotated[list[UnattributedIncident], Field(description=f"At most {MAX_LISTED}.")]
