"""Received events, and what ended or was deleted, which events do not bring back."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, String, Table, Text, Uuid

from api.tables.schema import UtcDateTime, metadata

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
