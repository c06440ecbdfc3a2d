"""What the columns of the tables return, whatever a driver makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Dialect, create_engine

from api.tables import UtcDateTime

POSTGRESQL, SQLITE = (create_engine(url).dialect for url in ("postgresql+psycopg://", "sqlite://"))
NOON = datetime(2026, 3, 1, 12, 0, 0, 250, tzinfo=UTC)


@pytest.mark.parametrize(
    ("dialect", "stored", "expected"),
    [
        (POSTGRESQL, None, None),
        (POSTGRESQL, NOON, NOON),
        (POSTGRESQL, NOON.astimezone(ZoneInfo("Europe/Berlin")), NOON),
        (POSTGRESQL, NOON.astimezone(timezone(timedelta(0))), NOON),
        (SQLITE, None, None),
        (SQLITE, "2026-03-01 12:00:00.000250", NOON),
    ],
)
def test_a_time_is_in_utc_whatever_the_time_zone_of_the_session(
    dialect: Dialect, stored: object, expected: datetime | None
) -> None:
    convert = UtcDateTime().dialect_impl(dialect).result_processor(dialect, None)
    assert convert is not None

    found = convert(stored)

    assert found == expected
    assert found is None or found.tzinfo is UTC
