"""The timeline of a service: what ran where and when, what failed, and incidents as spans. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from api.domain.deployments.history import Fate, Stay
from api.domain.deployments.model import Status
from api.pages.words import days, titled

# In units of the picture: its width, and the parts of the lane of an environment.
WIDTH = 720.0
NAME, BAR, GAP, OUTAGE, SPACE = 24.0, 22.0, 3.0, 9.0, 8.0
LANE = NAME + BAR + GAP + OUTAGE + SPACE
AXIS = 26.0
# So that what was short is seen.
LEAST = 3.0
# Of the words in a bar, as wide as a character gets, and what is left beside them.
CHARACTER, PADDING = 7.0, 10.0
# At most so many dates, this many days apart.
DATES = 6
STEPS = (1, 2, 7, 14, 28, 61, 91)


@dataclass(frozen=True)
class Scale:
    """The time that the picture shows, from its left edge to its right one."""

    since: datetime
    until: datetime

    def place(self, at: datetime) -> float:
        """Return where an instant is, or the edge that it is beyond."""
        share = (at - self.since) / (self.until - self.since)
        return round(min(1.0, max(0.0, share)) * WIDTH, 1)

    def shows(self, since: datetime, until: datetime | None) -> bool:
        """Return whether some of a span can be seen; it lasts if it has no end."""
        return since <= self.until and (until is None or until > self.since)

    @property
    def dates(self) -> Iterator[tuple[float, datetime]]:
        """Yield the places of some midnights in UTC, the earliest first."""
        length = (self.until - self.since).days
        step = next((step for step in STEPS if length // step < DATES), STEPS[-1])
        at = self.since.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        while at < self.until:
            yield self.place(at), at
            at += timedelta(days=step)

    @property
    def labels(self) -> list[tuple[float, str]]:
        """Return the places of the dates, and their words."""
        dates = list(self.dates)
        words = days([at for _, at in dates], self.until)
        return [(x, word) for (x, _), word in zip(dates, words, strict=True)]


@dataclass(frozen=True)
class Span:
    """A part of a lane: a version that ran, or an incident; it lasts if it has no end."""

    id: UUID | None
    words: str
    since: datetime
    until: datetime | None
    x: float
    width: float
    fate: Fate | None = None

    @property
    def fits(self) -> bool:
        """Return whether its words fit into it."""
        return len(self.words) * CHARACTER + PADDING <= self.width


@dataclass(frozen=True)
class Lane:
    """What happened in an environment: what ran, what failed, and incidents; `y` is its top."""

    environment: str
    y: float
    ran: Sequence[Span]
    failed: Sequence[Span]
    incidents: Sequence[Span]

    @property
    def live(self) -> str | None:
        """Return the version that runs now, or None."""
        return next((span.words for span in self.ran if span.fate == Fate.LIVE), None)

    @property
    def summary(self) -> str:
        """Return what the lane shows, for who does not see it."""
        began = sum(span.x > 0 for span in self.ran)
        is_open = any(span.until is None for span in self.incidents)
        told = [
            _number(began, "release"),
            _number(len(self.failed), "failure"),
            _number(len(self.incidents), "incident") + (", one of them open" if is_open else ""),
        ]
        return f"{self.environment}: {', '.join(told)}; it runs {self.live or 'nothing'}."


@dataclass(frozen=True)
class Timeline:
    """The picture: a lane for each environment, above the dates."""

    scale: Scale
    lanes: Sequence[Lane]

    @property
    def height(self) -> float:
        """Return the height of the picture."""
        return LANE * len(self.lanes) + AXIS

    @property
    def summary(self) -> str:
        """Return what the picture shows, for who does not see it."""
        return " ".join(lane.summary for lane in self.lanes)

    @property
    def rows(self) -> list[tuple[str, str, Span]]:
        """Return all that the picture shows, newest first: where, what it is, and the span."""
        found = [
            (lane.environment, kind or str(span.fate), span)
            for lane in self.lanes
            for kind, spans in (
                ("", lane.ran),
                ("failed", lane.failed),
                ("incident", lane.incidents),
            )
            for span in spans
        ]
        return sorted(found, key=lambda row: row[2].since, reverse=True)


def timeline(
    scale: Scale,
    environments: Iterable[str],
    rows: Sequence[Mapping[str, Any]],
    ran: Mapping[str, Iterable[tuple[str, Stay]]],
    incidents: Sequence[Mapping[str, Any]],
) -> Timeline:
    """Return the timeline of a service, with a lane for each environment where something happened.

    `rows` are its deployments, and `ran` is what of them ran in each environment, as `stays` says.
    """
    lanes: list[Lane] = []
    for environment in environments:
        stays = [
            _span(scale, stay.deployment_id, version, stay.since, stay.until, stay.fate)
            for version, stay in ran[environment]
            if stay.since and scale.shows(stay.since, stay.until)
        ]
        failed = [
            _span(scale, row["id"], row["version"], row["started_at"], row["finished_at"])
            for row in rows
            if (row["environment"], row["status"]) == (environment, Status.FAILED)
            and scale.since <= row["finished_at"] <= scale.until
        ]
        broken = [
            _span(scale, row["id"], titled(row["title"]), row["detected_at"], row["resolved_at"])
            for row in incidents
            if row["environment"] == environment
            and scale.shows(row["detected_at"], row["resolved_at"])
        ]
        if stays or failed or broken:
            lanes.append(Lane(environment, LANE * len(lanes), stays, failed, broken))
    return Timeline(scale, lanes)


def _span(
    scale: Scale,
    identifier: UUID | None,
    words: str,
    since: datetime,
    until: datetime | None,
    fate: Fate | None = None,
) -> Span:
    """Return the part of the picture between two instants; it is never too short to be seen."""
    x, end = scale.place(since), scale.place(until or scale.until)
    width = max(LEAST, end - x)
    return Span(identifier, words, since, until, min(x, WIDTH - width), round(width, 1), fate)


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
