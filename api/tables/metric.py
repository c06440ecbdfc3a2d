"""What the metrics are made of, computed from the other tables, and what has changed in those.

Triggers of the database write `changed_facts`, so that no way to write can forget it, nor an older
version during a rollout. `dora/kept` computes the rest; nothing refers to it or is referred to.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    String,
    Table,
    Uuid,
)

from api.tables.schema import UtcDateTime, metadata

# What has been written since the kept rows were computed: rows are only added, so nobody waits.
changed_facts = Table(
    "changed_facts",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    # NULL for an environment as such: whether it is one of production.
    Column("service_id", Uuid),
    # NULL for changes, which have a version instead.
    Column("environment_id", Uuid),
    Column("version", String(128)),
    # The first and the last instant of what was written.
    Column("since", UtcDateTime),
    Column("until", UtcDateTime),
)

# The deployments that count as failed or were rolled back, and the end of each failure.
failures = Table(
    "failures",
    metadata,
    Column("deployment_id", Uuid, primary_key=True),
    Column("service_id", Uuid, nullable=False),
    Column("environment_id", Uuid, nullable=False),
    Column("finished_at", UtcDateTime, nullable=False),
    # Why it counts as failed; NULL for a rollback that was itself rolled back.
    Column("reason", String(16)),
    Column("rolled_back_by", Uuid),
    Column("recovered_at", UtcDateTime),
    # Since it finished; negative if its incidents were resolved before that.
    Column("recovery_seconds", Double),
    Column("recovered_by", Uuid),
    # These have all that is counted, as do others below, so that PostgreSQL reads no rows for it.
    Index(
        None,
        "environment_id",
        "finished_at",
        postgresql_include=["service_id", "reason", "recovered_at", "recovery_seconds"],
    ),
    Index(
        None,
        "environment_id",
        "recovered_at",
        postgresql_include=["service_id", "reason", "finished_at", "recovery_seconds"],
    ),
    Index(None, "service_id", "environment_id", "finished_at"),
)

# Successful deployments of a new version, of known changes, or with changes from before it; what
# is new depends on the environments asked for: one, or those of production (`scope_id`).
first_deliveries = Table(
    "first_deliveries",
    metadata,
    Column("scope_id", Uuid, primary_key=True),
    Column("deployment_id", Uuid, primary_key=True),
    Column("service_id", Uuid, nullable=False),
    Column("finished_at", UtcDateTime, nullable=False),
    Column("new_version", Boolean, nullable=False),
    Column("changes_known", Boolean, nullable=False),
    Column("earlier_changes", Integer, nullable=False),
    Index(
        None,
        "scope_id",
        "finished_at",
        "service_id",
        postgresql_include=["new_version", "changes_known", "earlier_changes"],
    ),
    Index(None, "scope_id", "service_id", "finished_at"),
)

# The changes that each of those deployments was the first to deliver.
lead_times = Table(
    "lead_times",
    metadata,
    Column("scope_id", Uuid, primary_key=True),
    Column("deployment_id", Uuid, primary_key=True),
    Column("change_id", Uuid, primary_key=True),
    Column("service_id", Uuid, nullable=False),
    Column("finished_at", UtcDateTime, nullable=False),
    # Negative if it was committed after the deployment.
    Column("seconds", Double, nullable=False),
    Index(None, "scope_id", "finished_at", "service_id", "seconds"),
    Index(None, "scope_id", "service_id", "finished_at", "seconds"),
)
