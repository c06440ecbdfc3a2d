"""Deployments, the evidence for each of them, and the changes that their versions bring."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    Uuid,
    text,
)

from api.tables.schema import UtcDateTime, metadata

# What may begin a release; written out in a query as here, an index finds it.
NEW_RELEASE = "kind <> 'resync'"
# What a commit may be looked up by, beside its own name.
NAMED_OTHERWISE = '"commit" <> version'
# Which versions have yet to be put in order.
NOTED = "precedence IS NULL"

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
    # The running release: the last success of a service in an environment. With the kind, the
    # metrics of a service count what finished within a time range.
    Index(
        None,
        "service_id",
        "environment_id",
        "status",
        "finished_at",
        "id",
        postgresql_include=["kind"],
    ),
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
    # Whether a commit was deployed under another name, such as its tag.
    Index(
        "ix_deployments_commits",
        "service_id",
        "environment_id",
        "commit",
        postgresql_where=text(NAMED_OTHERWISE),
        sqlite_where=text(NAMED_OTHERWISE),
    ),
    # Deployments that finished within a time range, with all that the metrics count of them.
    Index(
        None,
        "environment_id",
        "finished_at",
        "id",
        postgresql_include=["service_id", "kind", "status"],
    ),
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

# The versions of the changes above, which triggers of the database note. They refer to nothing.
versions = Table(
    "versions",
    metadata,
    Column("service_id", Uuid, primary_key=True),
    Column("version", String(128), primary_key=True),
    # A text that sorts by its bytes as semantic versions do: empty for any other version, NULL
    # until it is computed.
    Column("precedence", Text().with_variant(Text(collation="C"), "postgresql")),
    # Covers the query for those in a range.
    Index(None, "service_id", "precedence", "version"),
    Index(
        "ix_versions_noted",
        "service_id",
        postgresql_where=text(NOTED),
        sqlite_where=text(NOTED),
    ),
)
