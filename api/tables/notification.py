"""Subscriptions, and what is sent to them."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table, Text, Uuid

from api.tables.schema import UtcDateTime, metadata

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
