"""What all tables share: the revision, the names of constraints, and instants in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, MetaData, TypeDecorator

# The oldest schema this version of the code can work with. Revisions are numbered, so a database
# that a newer version has already migrated compares as newer, and old pods keep serving.
REQUIRED_REVISION = "0014"


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, stored in UTC; values are aware datetimes, even on SQLite without time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """Return the Python type of the values."""
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert an aware time to UTC; SQLite stores it without an offset.

        Raises ValueError for a naive time.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs an offset")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], datetime | None]:
        """Return what converts a time to UTC, whatever the time zone of the session.

        A row has several times: in contrast to `process_result_value`, a driver's own time takes
        one call.
        """
        parsed = self.impl_instance.result_processor(dialect, coltype)
        return in_utc if parsed is None else lambda value: in_utc(parsed(value))


def in_utc(value: datetime | None) -> datetime | None:
    """Return a time in UTC; one without a time zone is in UTC already."""
    if value is None or value.tzinfo is UTC:
        return value
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    # The same names on every database, so that migrations can refer to constraints.
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
