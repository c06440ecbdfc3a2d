"""Received events, and the evidence for deployments that they contain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
INDEXES = {
    "events": [
        ["received_at", "id"],
        ["source", "received_at", "id"],
        ["outcome", "received_at", "id"],
    ],
    "evidence": [
        ["source", "external_id"],
        ["deployment_id"],
        ["event_id"],
        ["service_id", "environment_id", "started_at"],
    ],
}


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("source", sa.String(63), nullable=False),
        sa.Column("delivery_id", sa.String(256), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("headers", sa.JSON, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("body_digest", sa.String(71), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(500)),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_table(
        "evidence",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("deployment_id", sa.Uuid, nullable=False),
        sa.Column("event_id", sa.Uuid),
        sa.Column("service_id", sa.Uuid, nullable=False),
        sa.Column("environment_id", sa.Uuid, nullable=False),
        sa.Column("source", sa.String(63), nullable=False),
        sa.Column("external_id", sa.String(256)),
        sa.Column("sequence", sa.BigInteger),
        sa.Column("correction", sa.Boolean, nullable=False),
        sa.Column("said", sa.JSON, nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_evidence"),
        *(
            sa.ForeignKeyConstraint([f"{name}_id"], [f"{name}s.id"], name=f"fk_evidence_{name}_id")
            for name in ("deployment", "event", "service", "environment")
        ),
    )
    op.create_index(
        "uq_events_source_delivery_id", "events", ["source", "delivery_id"], unique=True
    )
    for table, indexes in INDEXES.items():
        for index in indexes:
            op.create_index(f"ix_{table}_{'_'.join(index)}", table, index)


def downgrade() -> None:
    op.drop_table("evidence")
    op.drop_table("events")
