"""What everything else refers to: services and environments."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, String, Table, Uuid, false

from api.tables.schema import UtcDateTime, metadata

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
