"""Figures: the metrics of a period, from how many deployments there are of each sort in it."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from api.domain.deployments.model import Kind, Status
from api.domain.dora.rules import verdicts
from api.domain.dora.rules.periods import Window
from api.domain.dora.rules.reasons import Reason
from api.domain.dora.rules.verdicts import Part

# Times are exact to the microsecond, and so are what is computed of them.
DIGITS = 6
# Of a model, by their names and in their order.
Fields = dict[str, Any]
# How many deployments there are of each kind and status, as the database has these.
Sorts = dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Spread:
    """How many times there are, in seconds, with their median and 90th percentile."""

    count: int = 0
    median: float | None = None
    percentile_90: float | None = None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        """Summarise some times."""
        if not seconds:
            return NO_TIMES
        return cls.rounded(len(seconds), statistics.median(seconds), percentile_90(seconds))

    @classmethod
    def rounded(cls, count: int, median: float | None, ninth: float | None) -> Spread:
        """Summarise some times by what the database has computed of them; None of none."""
        if median is None or ninth is None:
            return NO_TIMES
        return cls(count, round(median, DIGITS), round(ninth, DIGITS))


NO_TIMES = Spread()


def counts[Key]() -> dict[Key, int]:
    """Return counts of nothing yet; a Counter, which does more, takes five times as long."""
    return defaultdict(int)


@dataclass(slots=True)
class Tally:
    """How many there are in a period of what the metrics are made of."""

    # Deployments that finished in it, and those that started in it and have not finished.
    deployments: Sorts = field(default_factory=counts)
    # Those of them that count as failed.
    failed: int = 0
    # Recoveries in the period, from failures in it or before; and failures without one to count and
    # incidents without a deployment, by the reason.
    recoveries: Spread = NO_TIMES
    recoveries_left_out: dict[Reason, int] = field(default_factory=counts)
    # Changes that were delivered, and those that the lead time leaves out, by the reason.
    leads: Spread = NO_TIMES
    changes_left_out: dict[Reason, int] = field(default_factory=counts)
    new_versions: int = 0
    new_versions_known: int = 0

    def add(self, other: Tally) -> None:
        """Add what can be added: all but the times."""
        for key, count in other.deployments.items():
            self.deployments[key] += count
        for reason, count in other.recoveries_left_out.items():
            self.recoveries_left_out[reason] += count
        for reason, count in other.changes_left_out.items():
            self.changes_left_out[reason] += count
        self.failed += other.failed
        self.new_versions += other.new_versions
        self.new_versions_known += other.new_versions_known


class Effect(NamedTuple):
    """What each deployment of a sort adds to the metrics, and why it is left out of some of them.

    That is of those that are not known to have failed: which have is counted apart.
    """

    success: int
    reworked: int
    attempt: int
    unsuccessful: Reason | None
    unattempted: Reason | None

    @classmethod
    def of(cls, kind: Kind, status: Status) -> Effect:
        """Return the effect of a deployment."""
        successful, attempted = (
            verdicts.frequency(kind, status),
            verdicts.failed(kind, status, None),
        )
        return cls(
            successful.numerator,
            verdicts.rework(kind, status).numerator,
            attempted.denominator,
            successful.reason if successful.part is Part.EXCLUDED else None,
            attempted.reason if attempted.part is Part.EXCLUDED else None,
        )


EFFECTS = {
    (kind.value, status.value): Effect.of(kind, status) for kind in Kind for status in Status
}


def add_up(period: Window, tally: Tally) -> Fields:
    """Return the fields of the metrics of a period, a `Period`."""
    successes: dict[str, int] = {Kind.ROLLOUT: 0, Kind.ROLLBACK: 0, Kind.HOTFIX: 0}
    attempts = reworked = 0
    unsuccessful: dict[Reason, int] = {}
    unattempted: dict[Reason, int] = {}
    for sort, count in tally.deployments.items():
        success, rework, attempt, without_success, without_attempt = EFFECTS[sort]
        if success:
            successes[sort[0]] += count
            reworked += rework * count
        if attempt:
            attempts += count
        if without_success is not None:
            unsuccessful[without_success] = unsuccessful.get(without_success, 0) + count
        if without_attempt is not None:
            unattempted[without_attempt] = unattempted.get(without_attempt, 0) + count
    succeeded, days, excluded = sum(successes.values()), period.days, excluded_list(unsuccessful)
    return {
        "from": period.since,
        "to": period.until,
        "deployment_frequency": {
            "per_day": succeeded / days,
            "numerator": succeeded,
            "denominator": days,
            "rollouts": successes[Kind.ROLLOUT],
            "rollbacks": successes[Kind.ROLLBACK],
            "hotfixes": successes[Kind.HOTFIX],
            "excluded": excluded,
        },
        "lead_time_for_changes": _lead_time(tally),
        "change_failure_rate": _ratio(tally.failed, attempts, excluded_list(unattempted)),
        "failed_deployment_recovery_time": _recovery_time(tally),
        "rework_rate": _ratio(reworked, succeeded, excluded),  # a share of the successes
    }


def percentile_90(values: Sequence[float]) -> float:
    """Return the 90th percentile by linear interpolation between closest ranks (C = 1).

    This is type 7 of Hyndman and Fan, as in Excel, NumPy and PostgreSQL's percentile_cont. Raises
    ValueError if there are no values.
    """
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=10, method="inclusive")[-1]


def excluded_list(counts: Mapping[Reason, int]) -> list[Fields]:
    """Return the fields of each count that is not 0, sorted by reason."""
    if not counts:
        return []
    return [
        {"reason": str(reason), "count": count} for reason, count in sorted(counts.items()) if count
    ]


def _lead_time(tally: Tally) -> Fields:
    return {
        "median_seconds": tally.leads.median,
        "p90_seconds": tally.leads.percentile_90,
        "count": tally.leads.count,
        "coverage": _ratio(tally.new_versions_known, tally.new_versions),
        "excluded": excluded_list(tally.changes_left_out),
    }


def _recovery_time(tally: Tally) -> Fields:
    return {
        "median_seconds": tally.recoveries.median,
        "p90_seconds": tally.recoveries.percentile_90,
        "count": tally.recoveries.count,
        "excluded": excluded_list(tally.recoveries_left_out),
    }


def _ratio(numerator: int, denominator: int, excluded: list[Fields] | None = None) -> Fields:
    ratio = numerator / denominator if denominator else None
    found: Fields = {"ratio": ratio, "numerator": numerator, "denominator": denominator}
    if excluded is not None:
        found["excluded"] = excluded
    return found
