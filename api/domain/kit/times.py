"""Times: instants in UTC, as RFC 3339 has them (https://www.rfc-editor.org/rfc/rfc3339)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    WithJsonSchema,
)

# A sender's clock may be a little ahead; more than this is a wrong time.
CLOCK_SKEW = timedelta(minutes=5)

# Python takes an offset of 99 minutes, too.
RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:[0-5]\d)", re.ASCII
)


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


def this_minute() -> datetime:
    """Return when the current minute began: what is told by it is the same for a while."""
    return now().replace(second=0, microsecond=0)


def parse_time(value: Any) -> datetime:
    """Return the instant of something that happened, as `parse_instant` does.

    Raises ValueError for a time more than five minutes ahead, too.
    """
    instant = parse_instant(value)
    if instant > now() + CLOCK_SKEW:
        raise ValueError("must not be more than five minutes ahead")
    return instant


def parse_future_time(value: Any) -> datetime:
    """Return the instant of something to come, as `parse_instant` does.

    Raises ValueError for a time that has passed, too.
    """
    instant = parse_instant(value)
    if instant <= now():
        raise ValueError("must be in the future")
    return instant


def parse_instant(value: Any) -> datetime:
    """Return the instant of an RFC 3339 text with an offset, in UTC and to the microsecond.

    An aware datetime, as our own code has it, is taken too. Raises ValueError for anything else.
    """
    if isinstance(value, str) and RFC3339.fullmatch(value):
        try:
            instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise ValueError("must be a time that exists") from error
    elif isinstance(value, datetime) and value.tzinfo is not None:
        instant = value.astimezone(UTC)
    else:
        raise ValueError("must be an RFC 3339 time with an offset, such as 2026-03-01T12:00:00Z")
    return instant


Time = Annotated[
    datetime,
    BeforeValidator(parse_time, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]

FutureTime = Annotated[
    datetime,
    BeforeValidator(parse_future_time, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
