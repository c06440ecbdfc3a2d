"""What belongs to the callers of the API: their tokens and the answers they may ask for again."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text, Uuid

from api.tables.schema import UtcDateTime, metadata

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
