"""Statements about incidents by events, reports and corrections."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incident_statements",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("event_id", sa.Uuid),
        sa.Column("service_id", sa.Uuid, nullable=False),
        sa.Column("environment_id", sa.Uuid, nullable=False),
        sa.Column("source", sa.String(63), nullable=False),
        sa.Column("external_id", sa.String(256), nullable=False),
        sa.Column("correction", sa.Boolean, nullable=False),
        sa.Column("said", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incident_statements"),
        *(
            sa.ForeignKeyConstraint(
                [f"{name}_id"], [f"{name}s.id"], name=f"fk_incident_statements_{name}_id"
            )
            for name in ("event", "service", "environment")
        ),
    )
    op.create_index(
        "ix_incident_statements_source_external_id_id",
        "incident_statements",
        ["source", "external_id", "id"],
    )
    op.create_index("ix_incident_statements_event_id", "incident_statements", ["event_id"])


def downgrade() -> None:
    op.drop_table("incident_statements")
