"""Subscriptions, and the outbox of their notifications."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
INDEXES = {
    "subscriptions": [["created_at", "id"]],
    "deliveries": [["created_at", "id"], ["state", "created_at", "id"], ["state", "due_at"]],
}


def upgrade() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("url", sa.String(2048), nullable=False),
        sa.Column("types", sa.JSON, nullable=False),
        sa.Column("secret", sa.String(128), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subscriptions"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("subscription_id", sa.Uuid, nullable=False),
        sa.Column("type", sa.String(63), nullable=False),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("failure", sa.String(200)),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name="fk_deliveries_subscription_id"
        ),
    )
    op.create_index(
        "uq_deliveries_subscription_id_type_subject",
        "deliveries",
        ["subscription_id", "type", "subject"],
        unique=True,
    )
    for table, indexes in INDEXES.items():
        for index in indexes:
            op.create_index(f"ix_{table}_{'_'.join(index)}", table, index)


def downgrade() -> None:
    op.drop_table("deliveries")
    op.drop_table("subscriptions")
