"""Alembic's entry: runs the migrations on the connection it is given, or on the settings' own."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from api import settings
from api.engine import open_engine
from api.migrations.indexes import limit
from api.tables import metadata


def run(connection: Connection) -> None:
    """Run the migrations in one transaction, but for what they do outside of one."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        # SQLite can hardly alter a table; Alembic then copies it.
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        limit(connection)
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:  # called as `alembic`, by someone who writes a migration
    with open_engine(settings.load()).connect() as own:
        run(own)
        own.commit()
