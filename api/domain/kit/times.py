"""Times: instants in UTC, in RFC 3339 format (https://www.rfc-editor.org/rfc/rfc3339)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    WithJsonSchema,
)

# How far a sender's clock may be ahead before its times are rejected.
CLOCK_SKEW = timedelta(minutes=5)
# How far it may be ahead of what is received, and cannot be sent again with another time.
WRONG_CLOCK = timedelta(days=1)

# Nothing that the ledger records is older: a time before it is one that a sender has not set.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# When what is being read was received; None if its sender is there to be told what is wrong.
_RECEIVED: ContextVar[datetime | None] = ContextVar("received", default=None)

# Stricter than datetime.fromisoformat, which accepts an offset of 99 minutes.
RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:[0-5]\d)", re.ASCII
)


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


def this_minute() -> datetime:
    """Return the start of the current minute, so that answers stay the same within a minute."""
    return now().replace(second=0, microsecond=0)


@contextmanager
def read_as_received(at: datetime) -> Iterator[None]:
    """Read the times in what was received then, and is read again at any time.

    A time that is too far ahead is taken for the latest that is not: a sender whose clock is wrong,
    or who writes local time as UTC, would lose all that it sends. More than a day is an error.
    """
    token = _RECEIVED.set(at)
    try:
        yield
    finally:
        _RECEIVED.reset(token)


def parse_time(value: Any) -> datetime:
    """Parse the time of a past event, as `parse_instant` does.

    Raises ValueError also if the time is more than five minutes ahead of the clock, or a day within
    `read_as_received`.
    """
    instant, received_at = parse_instant(value), _RECEIVED.get()
    if received_at is None:
        return _not_ahead(instant)
    if instant > received_at + WRONG_CLOCK:
        raise ValueError("must not be more than a day ahead")
    return min(instant, received_at + CLOCK_SKEW)


def parse_limit(value: Any) -> datetime:
    """Parse a time up to now at which a question begins or ends, however long ago it is.

    Raises ValueError as `parse_time` does.
    """
    return _not_ahead(_parsed(value))


def parse_future_time(value: Any) -> datetime:
    """Parse a time in the future, as `parse_instant` does.

    Raises ValueError also if the time has passed.
    """
    instant = parse_instant(value)
    if instant <= now():
        raise ValueError("must be in the future")
    return instant


def parse_instant(value: Any) -> datetime:
    """Parse an RFC 3339 time with an offset, or take an aware datetime.

    The result is in UTC with microsecond precision. Raises ValueError for anything else, and for a
    time before 1970.
    """
    instant = _parsed(value)
    if instant < EPOCH:
        raise ValueError("must not be before 1970")
    return instant


def _not_ahead(instant: datetime) -> datetime:
    if instant > now() + CLOCK_SKEW:
        raise ValueError("must not be more than five minutes ahead")
    return instant


def _parsed(value: Any) -> datetime:
    if isinstance(value, str) and RFC3339.fullmatch(value):
        try:
            instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise ValueError("must be an existing date and time") from error
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

# Of a question: a window may begin before everything.
TimeLimit = Annotated[
    datetime,
    BeforeValidator(parse_limit, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]

FutureTime = Annotated[
    datetime,
    BeforeValidator(parse_future_time, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
