"""What ended in the matrix, what was deleted from the ledger, and changes that events tell of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
INDEXES = {
    "changes": [["event_id"]],
    "removals": [["environment_id", "removed_at"], ["service_id"], ["event_id"]],
    "deletions": [
        ["deleted_at", "id"],
        ["service"],
        ["environment"],
        ["source", "external_id"],
    ],
}

NEW_RELEASE = sa.text("kind <> 'resync'")


def upgrade() -> None:
    op.create_table(
        "removals",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("service_id", sa.Uuid),
        sa.Column("environment_id", sa.Uuid, nullable=False),
        sa.Column("source", sa.String(63)),
        sa.Column("external_id", sa.String(256)),
        sa.Column("removed_at", INSTANT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_removals"),
        *(
            sa.ForeignKeyConstraint([f"{name}_id"], [f"{name}s.id"], name=f"fk_removals_{name}_id")
            for name in ("event", "service", "environment")
        ),
    )
    op.create_table(
        "deletions",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("deleted", sa.String(16), nullable=False),
        sa.Column("service", sa.String(63)),
        sa.Column("environment", sa.String(63)),
        sa.Column("deployment", sa.Uuid),
        sa.Column("source", sa.String(63)),
        sa.Column("external_id", sa.String(256)),
        sa.Column("deleted_at", INSTANT, nullable=False),
        sa.Column("actor", sa.String(63), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deletions"),
    )
    op.add_column("changes", sa.Column("event_id", sa.Uuid))
    for table, indexes in INDEXES.items():
        for index in indexes:
            op.create_index(f"ix_{table}_{'_'.join(index)}", table, index)
    op.create_index(
        "ix_deployments_releases",
        "deployments",
        ["service_id", "environment_id", "status", "finished_at", "id"],
        postgresql_where=NEW_RELEASE,
        sqlite_where=NEW_RELEASE,
    )


def downgrade() -> None:
    op.drop_index("ix_deployments_releases", "deployments")
    op.drop_index("ix_changes_event_id", "changes")
    op.drop_column("changes", "event_id")
    op.drop_table("deletions")
    op.drop_table("removals")
