"""The tables of the ledger, for SQLAlchemy Core; migrations/ creates and changes them."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    Uuid,
    false,
    text,
)

# The oldest schema this version of the code can work with. Revisions are numbered, so a database
# that a newer version has already migrated compares as newer, and old pods keep serving.
REQUIRED_REVISION = "0009"
# What may begin a release; written out in a query as here, an index finds it.
NEW_RELEASE = "kind <> 'resync'"


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

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Convert the time to UTC, whatever the time zone of the session."""
        if value is None:
            return None
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

services = Table(
    "services",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String(63), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("owner", String(128)),
    Column("repository", String(512)),
    Column("image", String(255)),
)

environments = Table(
    "environments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String(63), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("tier", String(16), nullable=False, server_default="development"),
    Column("promotion_order", Integer, nullable=False, server_default="100"),
    # Whether it comes and goes, as a preview does.
    Column("transient", Boolean, nullable=False, server_default=false()),
    # Whether somebody has described it: then no event changes what it is.
    Column("described", Boolean, nullable=False, server_default=false()),
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
    Column("config_revision", String(128)),
    # The kind stated by the sender; NULL if the ledger decides.
    Column("stated_kind", String(16)),
    Column("actor", String(128)),
    Column("links", JSON, nullable=False, server_default=text("'[]'")),
    Column("source", String(63), nullable=False, server_default="api"),
    # The sender's id: reports with the same source and external id are one deployment.
    Column("external_id", String(256)),
    CheckConstraint(
        "(finished_at IS NOT NULL) = (status IN ('succeeded', 'failed', 'cancelled'))",
        name="finished_when_terminal",
    ),
    Index("uq_deployments_source_external_id", "source", "external_id", unique=True),
    # Each list, filtered or not, scans one index, newest first.
    Index(None, "started_at", "id"),
    Index(None, "service_id", "started_at", "id"),
    Index(None, "environment_id", "started_at", "id"),
    Index(None, "status", "started_at", "id"),
    Index(None, "kind", "started_at", "id"),
    Index(None, "version", "started_at", "id"),
    # The running release: the last success of a service in an environment.
    Index(None, "service_id", "environment_id", "status", "finished_at", "id"),
    # Since when the running release runs, however often it was synchronised again.
    Index(
        "ix_deployments_releases",
        "service_id",
        "environment_id",
        "status",
        "finished_at",
        "id",
        postgresql_where=text(NEW_RELEASE),
        sqlite_where=text(NEW_RELEASE),
    ),
    # The deployments before one, and whether its version was deployed before.
    Index(None, "service_id", "environment_id", "started_at", "id"),
    # Covers the query for the versions that had succeeded by some time.
    Index(
        "ix_deployments_versions",
        "service_id",
        "environment_id",
        "version",
        "started_at",
        "id",
        "status",
        "kind",
        "finished_at",
    ),
    # Deployments that finished within a time range, for the metrics.
    Index(None, "environment_id", "finished_at", "id"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("environment_id", ForeignKey("environments.id"), nullable=False),
    Column("title", String(200), nullable=False),
    Column("detected_at", UtcDateTime, nullable=False),
    Column("resolved_at", UtcDateTime),
    # The stated cause; without one, the probable cause is inferred when the incident is read.
    Column("deployment_id", ForeignKey("deployments.id")),
    Column("links", JSON, nullable=False, server_default=text("'[]'")),
    Column("source", String(63), nullable=False, server_default="api"),
    Column("external_id", String(256)),
    # The names of the fields that a person corrected: later reports do not change them.
    Column("corrected", JSON, nullable=False, server_default=text("'[]'")),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("resolved_at >= detected_at", name="resolved_after_detected"),
    Index("uq_incidents_source_external_id", "source", "external_id", unique=True),
    Index(None, "detected_at", "id"),
    Index(None, "service_id", "detected_at", "id"),
    Index(None, "environment_id", "detected_at", "id"),
    Index(None, "service_id", "environment_id", "detected_at", "id"),
    Index(None, "resolved_at", "detected_at", "id"),
    Index(None, "deployment_id"),
)

changes = Table(
    "changes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("commit", String(64), nullable=False),
    Column("committed_at", UtcDateTime, nullable=False),
    Column("author", String(128)),
    Column("title", String(200)),
    # The first version that contains it, once there is one.
    Column("version", String(128)),
    # The event that told of it, as long as nobody has reported it otherwise.
    Column("event_id", Uuid),
    Column("created_at", UtcDateTime, nullable=False),
    Index("uq_changes_service_id_commit", "service_id", "commit", unique=True),
    Index(None, "committed_at", "id"),
    Index(None, "service_id", "committed_at", "id"),
    # Covers the query for the number of changes and the latest commit of each version.
    Index(None, "service_id", "version", "committed_at", "id"),
    Index(None, "version", "committed_at", "id"),
    Index(None, "event_id"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String(63), nullable=False),
    Column("scopes", JSON, nullable=False),
    # SHA-256 of the secret part, in hexadecimal; a random secret does not need a slow hash.
    Column("secret_hash", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Index(None, "created_at", "id"),
)

# Responses to requests with an Idempotency-Key, replayed when the request is repeated.
answers = Table(
    "answers",
    metadata,
    # SHA-256 of caller, method, path and key; the body likewise. Neither is stored in clear text.
    Column("key_hash", String(64), primary_key=True),
    Column("body_hash", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", JSON, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "created_at"),
)

# Events as received, with secrets removed: the ledger can be rebuilt from them.
events = Table(
    "events",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("source", String(63), nullable=False),
    # Identifies an event within its source.
    Column("delivery_id", String(256), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("headers", JSON, nullable=False),
    Column("body", Text, nullable=False),
    # The digest of the received bytes.
    Column("body_digest", String(71), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", String(500)),
    Index("uq_events_source_delivery_id", "source", "delivery_id", unique=True),
    Index(None, "received_at", "id"),
    Index(None, "source", "received_at", "id"),
    Index(None, "outcome", "received_at", "id"),
)

# The statements about each deployment that has more than one, or one of an event.
evidence = Table(
    "evidence",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("deployment_id", ForeignKey("deployments.id"), nullable=False),
    # NULL for what was reported without an event.
    Column("event_id", ForeignKey("events.id")),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("environment_id", ForeignKey("environments.id"), nullable=False),
    Column("source", String(63), nullable=False),
    Column("external_id", String(256)),
    # Of two that a source says of one deployment, the one with the greater number is newer.
    Column("sequence", BigInteger),
    # Whether a person said it of the whole, and what anybody else says does not matter.
    Column("correction", Boolean, nullable=False),
    Column("said", JSON, nullable=False),
    # The span of time it is about.
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "source", "external_id"),
    Index(None, "deployment_id"),
    Index(None, "event_id"),
    Index(None, "service_id", "environment_id", "started_at"),
)

# The release of a service that git declares for an environment from some time on; a row with
# neither version nor digest is a withdrawal.
declarations = Table(
    "declarations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("environment_id", ForeignKey("environments.id"), nullable=False),
    Column("version", String(128)),
    Column("image_digest", String(71)),
    Column("config_revision", String(128), nullable=False),
    # The declaring folder of a repository.
    Column("repository", String(512), nullable=False),
    Column("path", String(255), nullable=False),
    Column("declared_at", UtcDateTime, nullable=False),
    # The time of the report whose statement it follows from; NULL if it stands for itself.
    Column("reported_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    # The declared release at a given time: the latest declaration for a service and environment.
    Index(
        "uq_declarations_service_id_environment_id_declared_at",
        "service_id",
        "environment_id",
        "declared_at",
        unique=True,
    ),
    Index(None, "declared_at", "id"),
    Index(None, "service_id", "declared_at", "id"),
    Index(None, "environment_id", "declared_at", "id"),
)

# When a folder of a repository reported what it declares for an environment.
declaration_reports = Table(
    "declaration_reports",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("environment_id", ForeignKey("environments.id"), nullable=False),
    Column("repository", String(512), nullable=False),
    Column("path", String(255), nullable=False),
    Column("declared_at", UtcDateTime, nullable=False),
    Column("config_revision", String(128), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(
        "uq_declaration_reports_environment_id_folder",
        "environment_id",
        "repository",
        "path",
        "declared_at",
        unique=True,
    ),
    Index(None, "environment_id", "declared_at"),
)

# What a report states of a service and the folder's report before it does not; with neither version
# nor digest, the report leaves the service out.
declaration_statements = Table(
    "declaration_statements",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("environment_id", ForeignKey("environments.id"), nullable=False),
    Column("repository", String(512), nullable=False),
    Column("path", String(255), nullable=False),
    Column("reported_at", UtcDateTime, nullable=False),
    Column("version", String(128)),
    Column("image_digest", String(71)),
    # What it states of this service alone; NULL for what holds for the whole report.
    Column("config_revision", String(128)),
    Column("declared_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    # What a folder stated of a service up to a given time.
    Index(
        "uq_declaration_statements_service_id_environment_id_folder",
        "service_id",
        "environment_id",
        "repository",
        "path",
        "reported_at",
        unique=True,
    ),
    Index(None, "environment_id", "reported_at"),
)

# The statements about each incident that has more than one, or one of an event.
incident_statements = Table(
    "incident_statements",
    metadata,
    Column("id", Uuid, primary_key=True),
    # NULL for what was said without an event.
    Column("event_id", ForeignKey("events.id")),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("environment_id", ForeignKey("environments.id"), nullable=False),
    Column("source", String(63), nullable=False),
    Column("external_id", String(256), nullable=False),
    # Whether a person has said it of what was known by then.
    Column("correction", Boolean, nullable=False),
    Column("said", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "source", "external_id", "id"),
    Index(None, "event_id"),
)

# What ended in the matrix, and when: a service, or with `service_id` NULL a whole environment.
removals = Table(
    "removals",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("event_id", ForeignKey("events.id"), nullable=False),
    Column("service_id", ForeignKey("services.id")),
    Column("environment_id", ForeignKey("environments.id"), nullable=False),
    # The deployment that it ends, by its sender's id; NULL for whatever runs there.
    Column("source", String(63)),
    Column("external_id", String(256)),
    Column("removed_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "environment_id", "removed_at"),
    Index(None, "service_id"),
    Index(None, "event_id"),
)

# What people deleted, by name, because it is gone: who and when. Stored events of it stay ignored.
deletions = Table(
    "deletions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("deleted", String(16), nullable=False),
    Column("service", String(63)),
    Column("environment", String(63)),
    Column("deployment", Uuid),
    # One row for each sender of a deployment that has an id there.
    Column("source", String(63)),
    Column("external_id", String(256)),
    Column("deleted_at", UtcDateTime, nullable=False),
    Column("actor", String(63), nullable=False),
    Index(None, "deleted_at", "id"),
    Index(None, "service"),
    Index(None, "environment"),
    Index(None, "source", "external_id"),
)

# Where to send which notifications, and the secret that signs them.
subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("url", String(2048), nullable=False),
    Column("types", JSON, nullable=False),
    Column("secret", String(128), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "created_at", "id"),
)

# The notifications to each subscriber: waiting, sent, or given up.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("subscription_id", ForeignKey("subscriptions.id"), nullable=False),
    Column("type", String(63), nullable=False),
    # What it is about: each subscription gets one notification per type and subject.
    Column("subject", String(256), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    # When a waiting one is to be sent; for others, when they reached their state.
    Column("due_at", UtcDateTime, nullable=False),
    Column("failure", String(200)),
    Column("created_at", UtcDateTime, nullable=False),
    Index(
        "uq_deliveries_subscription_id_type_subject",
        "subscription_id",
        "type",
        "subject",
        unique=True,
    ),
    Index(None, "created_at", "id"),
    Index(None, "state", "created_at", "id"),
    Index(None, "state", "due_at"),
)
