"""The peer's connections: a pool on asyncpg, reads without a transaction around each."""

from __future__ import annotations

import os
from contextlib import AbstractAsyncContextManager

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

engine = create_async_engine(
    URL.create(
        "postgresql+asyncpg",
        username=os.environ.get("SLIPWAY_DATABASE_USER"),
        database=os.environ.get("SLIPWAY_DATABASE_NAME"),
    ),
    connect_args={
        "host": os.environ.get("SLIPWAY_DATABASE_HOST"),
        "server_settings": {"jit": "off", "timezone": "UTC", "statement_timeout": "10000"},
    },
    pool_size=8,
    max_overflow=0,
)
autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")


def reading() -> AbstractAsyncContextManager[AsyncConnection]:
    """Connect for statements that only read."""
    return autocommit.connect()


def writing() -> AbstractAsyncContextManager[AsyncConnection]:
    """Open a transaction that is committed at the end."""
    return engine.begin()
