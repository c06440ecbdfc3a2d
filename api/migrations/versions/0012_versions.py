"""The versions that have known changes, by their order, and triggers that note new ones."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

EVENTS = ("insert", "update")
NOTED = """
    INSERT INTO versions (service_id, version)
    SELECT DISTINCT service_id, version FROM {rows} WHERE version IS NOT NULL {more}
"""


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "versions",
        sa.Column("service_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.String(128), nullable=False),
        sa.Column("precedence", sa.Text(collation="C" if postgresql else None)),
        sa.PrimaryKeyConstraint("service_id", "version", name="pk_versions"),
    )
    op.create_index(
        "ix_versions_service_id_precedence_version",
        "versions",
        ["service_id", "precedence", "version"],
    )
    unknown = sa.text("precedence IS NULL")
    op.create_index(
        "ix_versions_noted",
        "versions",
        ["service_id"],
        postgresql_where=unknown,
        sqlite_where=unknown,
    )
    for statement in _triggers(postgresql=postgresql):
        op.execute(statement)
    # Their order has yet to be computed, which whoever migrates does next.
    op.execute(NOTED.format(rows="changes", more="ORDER BY service_id, version"))


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for event in EVENTS:
        op.execute(f"DROP TRIGGER keep_versions_{event}{' ON changes' if postgresql else ''}")
    if postgresql:
        op.execute("DROP FUNCTION keep_versions")
    op.drop_table("versions")


def _triggers(*, postgresql: bool) -> Iterator[str]:
    """Yield what creates the triggers; a later copy of `changes` must have them, too."""
    # Sorted, so that no two reports that note the same ones wait for each other.
    done = NOTED.format(rows="new_rows", more="ORDER BY 1, 2 ON CONFLICT DO NOTHING;")
    if postgresql:
        yield f"""
            CREATE FUNCTION keep_versions() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN {done} RETURN NULL; END $$
        """
    of_row = "(SELECT new.service_id AS service_id, new.version AS version)"
    noted = NOTED.format(rows=of_row, more="ON CONFLICT DO NOTHING;")
    for event in EVENTS:
        name = f"CREATE TRIGGER keep_versions_{event} AFTER {event} ON changes"
        if postgresql:
            rows = "REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT"
            yield f"{name} {rows} EXECUTE FUNCTION keep_versions()"
        else:
            yield f"{name} FOR EACH ROW BEGIN {noted} END"
