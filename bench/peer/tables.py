"""The tables that the peer reads and writes, as far as it needs their columns."""

from __future__ import annotations

from sqlalchemy import JSON, Column, DateTime, MetaData, String, Table, Uuid

metadata = MetaData()
Time = DateTime(timezone=True)

services, environments = (
    Table(
        name,
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("name", String),
        Column("created_at", Time),
    )
    for name in ("services", "environments")
)
tokens = Table(
    "tokens",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String),
    Column("scopes", JSON),
    Column("secret_hash", String),
    Column("expires_at", Time),
    Column("revoked_at", Time),
    Column("last_used_at", Time),
)
deployments = Table(
    "deployments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("service_id", Uuid),
    Column("environment_id", Uuid),
    Column("version", String),
    Column("image_digest", String),
    Column("commit", String),
    Column("config_revision", String),
    Column("kind", String),
    Column("stated_kind", String),
    Column("status", String),
    Column("started_at", Time),
    Column("finished_at", Time),
    Column("actor", String),
    Column("links", JSON),
    Column("source", String),
    Column("external_id", String),
    Column("created_at", Time),
)
