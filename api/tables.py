"""The tables of the ledger, as SQLAlchemy Core knows them; migrations/ brings a database there."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    String,
    Table,
    TypeDecorator,
    Uuid,
)

# The oldest schema this version of the code can work with. Revisions are numbered, so a database
# that a newer version has already migrated compares as newer, and old pods keep serving.
REQUIRED_REVISION = "0001"


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: stored in UTC, and aware in Python on SQLite too, which knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Bring an aware time to UTC; SQLite stores it without its offset."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs an offset")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the time in UTC, whatever zone the session has."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    # Named alike on every database, so that a migration can name what it changes.
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

services = Table(
    "services",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String(63), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
)

environments = Table(
    "environments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String(63), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
)

deployments = Table(
    "deployments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("environment_id", ForeignKey("environments.id"), nullable=False),
    Column("version", String(128), nullable=False),
    Column("image_digest", String(71)),
    Column("commit", String(64)),
    Column("kind", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint(
        "(finished_at IS NOT NULL) = (status IN ('succeeded', 'failed', 'cancelled'))",
        name="finished_when_terminal",
    ),
    # Each list, filtered or not, is one walk along an index, newest first.
    Index(None, "started_at", "id"),
    Index(None, "service_id", "started_at", "id"),
    Index(None, "environment_id", "started_at", "id"),
    Index(None, "status", "started_at", "id"),
    # What runs where: the last success of a service in an environment.
    Index(None, "service_id", "environment_id", "status", "finished_at", "id"),
)
