"""Periods: a window of time divided into days, ISO weeks or months, in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
DAY = timedelta(days=1)


class Interval(StrEnum):
    """The length of a period; weeks begin on Monday (ISO 8601)."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open time range: `since` belongs to it, `until` does not."""

    since: datetime
    until: datetime

    def __contains__(self, instant: datetime) -> bool:
        return self.since <= instant < self.until

    @property
    def days(self) -> float:
        """Return the length in days of 24 hours."""
        return (self.until - self.since) / DAY


def split(window: Window, interval: Interval) -> Iterator[Window]:
    """Yield the periods of a window in order; the first and the last are cut off at its ends."""
    since = window.since
    while since < window.until:
        until = min(_next(since, interval), window.until)
        yield Window(since, until)
        since = until


def _next(instant: datetime, interval: Interval) -> datetime:
    midnight = instant.replace(hour=0, minute=0, second=0, microsecond=0)
    match interval:
        case Interval.DAY:
            return midnight + DAY
        case Interval.WEEK:
            return midnight + timedelta(days=7 - midnight.weekday())
        case Interval.MONTH:
            return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
        case Interval.ALL:
            return LATEST
