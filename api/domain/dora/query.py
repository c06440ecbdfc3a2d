"""The query for the metrics: a window, its interval, a service and an environment."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from api.domain.dora.rules.periods import EARLIEST, Interval, Window, split
from api.domain.kit.models import Incoming
from api.domain.kit.times import TimeLimit, now, this_minute
from api.domain.kit.types import Name

DEFAULT_SPAN = timedelta(days=90)
MAX_PERIODS = 400
# Of all services together, unless each has only one; a period takes 8 KiB while it is answered.
MAX_FIGURES = 5000


class Query(Incoming):
    """The parameters of the metrics; deployments belong to a window by `finished_at`."""

    service: Annotated[Name | None, Field(description="Only this service.")] = None
    environment: Annotated[
        Name | None,
        Field(description="Only this environment; by default all of the tier production."),
    ] = None
    since: Annotated[
        TimeLimit | None,
        Field(alias="from", description="Not before this time; by default 90 days before `to`."),
    ] = None
    until: Annotated[
        TimeLimit | None,
        Field(alias="to", validate_default=True, description="By default the end of this minute."),
    ] = None
    interval: Annotated[
        Interval,
        Field(
            validate_default=True,
            description=f"The length of a period; at most {MAX_PERIODS} periods, and {MAX_FIGURES}"
            " of all services together.",
        ),
    ] = Interval.ALL

    @field_validator("until")
    @classmethod
    def must_be_after_from(cls, until: datetime | None, info: ValidationInfo) -> datetime:
        """Fill in the default end, and reject an empty window."""
        since: datetime | None = info.data.get("since")
        end = until or this_minute() + timedelta(minutes=1)
        if end <= (since or EARLIEST):
            raise ValueError("must be after from")
        return end

    @field_validator("interval")
    @classmethod
    def must_not_make_too_many_periods(cls, interval: Interval, info: ValidationInfo) -> Interval:
        """Reject an interval that divides the window into too many periods."""
        until: datetime | None = info.data.get("until")
        if until is not None and "since" in info.data:
            periods = split(_window(info.data["since"], until), interval)
            if len(list(islice(periods, MAX_PERIODS + 1))) > MAX_PERIODS:
                raise ValueError(
                    f"makes more than {MAX_PERIODS} periods: use a longer interval or a shorter"
                    " window"
                )
        return interval

    def during(self, window: Window) -> Query:
        """Return the same query for another window.

        Raises ValueError if the window is not valid.
        """
        others = self.model_dump(include={"service", "environment", "interval"})
        return Query.model_validate({**others, "from": window.since, "to": window.until})

    @property
    def window(self) -> Window:
        """Return the window, with defaults for the ends that were left out."""
        return _window(self.since, self.until or now())


def _window(since: datetime | None, until: datetime) -> Window:
    return Window(since or until - min(DEFAULT_SPAN, until - EARLIEST), until)
