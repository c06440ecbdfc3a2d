"""Alembic's entry: runs the migrations on the connection it is given, or on the settings' own."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from api import settings
from api.engine import open_engine
from api.tables import metadata

# A migration that cannot get its lock soon gives up instead of holding up the pods that serve.
LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "60s"


def run(connection: Connection) -> None:
    """Run the migrations in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        # SQLite can hardly alter a table; Alembic then copies it.
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
            connection.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"))
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:  # called as `alembic`, by someone who writes a migration
    with open_engine(settings.load()).connect() as own:
        run(own)
        own.commit()
