"""Plots of the five DORA metrics over time: what they say, and where their points are. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from api.domain.dora.model import ExplainedRatio, LeadTime, Period, RecoveryTime
from api.pages.words import NOTHING, days, span

# In units of the picture: where its points are, and what is around them for words.
WIDTH, HEIGHT = 480, 200
LEFT, RIGHT, TOP, BOTTOM = 80, 20, 14, 28
# At most so many days below the axis, and so many where years are among them.
LABELS, LONG_LABELS = 5, 3


class Metric(StrEnum):
    """The five metrics, by their names in the API."""

    DEPLOYMENT_FREQUENCY = "deployment_frequency"
    LEAD_TIME = "lead_time_for_changes"
    FAILURE_RATE = "change_failure_rate"
    RECOVERY_TIME = "failed_deployment_recovery_time"
    REWORK_RATE = "rework_rate"

    @property
    def words(self) -> str:
        """Return its name for people."""
        return self.replace("_", " ").capitalize()


@dataclass(frozen=True)
class Point:
    """A metric in a period: the value, None where there is none, and what it is made of."""

    since: datetime
    until: datetime
    value: float | None
    words: str
    counted: str
    x: float
    y: float | None


@dataclass(frozen=True)
class Plot:
    """A metric over time."""

    metric: Metric
    points: Sequence[Point]
    # The height and the words of each line of the grid.
    grid: Sequence[tuple[float, str]]

    @property
    def lines(self) -> Iterator[str]:
        """Yield the places of consecutive points: there is a gap where a period has no value."""
        places: list[str] = []
        for point in self.points:
            if point.y is None:
                yield " ".join(places)
                places = []
            else:
                places.append(f"{point.x},{point.y}")
        yield " ".join(places)

    @property
    def labels(self) -> list[tuple[float, str]]:
        """Return the places of some points, and the days below the axis that they begin on."""
        first, last = self.points[0].since, self.points[-1].since
        most = LABELS if first.year == last.year else LONG_LABELS
        shown = self.points[:: math.ceil(len(self.points) / most)]
        words = days([point.since for point in shown], last)
        return [(point.x, word) for point, word in zip(shown, words, strict=True)]

    @property
    def summary(self) -> str:
        """Return what the plot shows, for who does not see it."""
        known = [point for point in self.points if point.value is not None]
        if not known:
            return "No period has a value."
        low, high = min(known, key=_value), max(known, key=_value)
        return (
            f"{len(known)} of {len(self.points)} periods have a value: from {low.words} to"
            f" {high.words}, and {known[-1].words} in the last one."
        )


def plots(periods: Sequence[Period]) -> list[Plot]:
    """Return the plot of each metric."""
    return [_plot(metric, periods) for metric in Metric]


def _plot(metric: Metric, periods: Sequence[Period]) -> Plot:
    told = [READ[metric](period) for period in periods]
    top = _top(metric, max((value for value, *_ in told if value is not None), default=0.0))
    step = (WIDTH - LEFT - RIGHT) / max(1, len(periods) - 1)
    points = [
        Point(
            since=period.since,
            until=period.until,
            value=value,
            words=NOTHING if value is None else _words(metric, value),
            counted=counted,
            x=round(LEFT + place * step, 1),
            y=None if value is None else _height(value / top),
        )
        for place, (period, (value, counted)) in enumerate(zip(periods, told, strict=True))
    ]
    grid = [(_height(share), _words(metric, top * share)) for share in (0.0, 0.5, 1.0)]
    return Plot(metric, points, grid)


def _height(share: float) -> float:
    return round(TOP + (1 - share) * (HEIGHT - TOP - BOTTOM), 1)


def _top(metric: Metric, highest: float) -> float:
    """Return the top of the scale: a round number not below the highest value."""
    if metric in (Metric.LEAD_TIME, Metric.RECOVERY_TIME):
        unit = next((unit for unit in (86_400, 3600, 60) if highest >= unit), 60)
        return max(1, math.ceil(highest / unit / 2)) * 2.0 * unit
    if metric != Metric.DEPLOYMENT_FREQUENCY:
        return next((top for top in (0.1, 0.2, 0.5) if highest <= top), 1.0)
    power = 10 ** math.floor(math.log10(highest)) if highest else 1
    return float(next(power * factor for factor in (1, 2, 5, 10) if highest <= power * factor))


def _words(metric: Metric, value: float) -> str:
    match metric:
        case Metric.DEPLOYMENT_FREQUENCY:
            return f"{value:.3g} a day"
        case Metric.LEAD_TIME | Metric.RECOVERY_TIME:
            return span(value)
        case _:
            return f"{value:.0%}"


def _value(point: Point) -> float:
    return point.value or 0.0


def _frequency(period: Period) -> tuple[float, str]:
    found = period.deployment_frequency
    return (
        found.per_day,
        f"{_number(found.numerator, 'deployment')} in {found.denominator:.3g} days",
    )


def _lead_time(period: Period) -> tuple[float | None, str]:
    return _median(period.lead_time_for_changes, "change")


def _recovery_time(period: Period) -> tuple[float | None, str]:
    return _median(period.failed_deployment_recovery_time, "recovery")


def _median(found: LeadTime | RecoveryTime, what: str) -> tuple[float | None, str]:
    return found.median_seconds, f"median of {_number(found.count, what)}"


def _ratio(found: ExplainedRatio) -> tuple[float | None, str]:
    return found.ratio, f"{found.numerator} of {_number(found.denominator, 'deployment')}"


def _number(count: int, what: str) -> str:
    several = "recoveries" if what == "recovery" else f"{what}s"
    return f"{count} {what if count == 1 else several}"


# The value of each metric in a period, and what it is made of.
READ: dict[Metric, Callable[[Period], tuple[float | None, str]]] = {
    Metric.DEPLOYMENT_FREQUENCY: _frequency,
    Metric.LEAD_TIME: _lead_time,
    Metric.FAILURE_RATE: lambda period: _ratio(period.change_failure_rate),
    Metric.RECOVERY_TIME: _recovery_time,
    Metric.REWORK_RATE: lambda period: _ratio(period.rework_rate),
}
