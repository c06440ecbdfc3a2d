"""Services, environments and their deployments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("services", "environments"):
        op.create_table(
            table,
            sa.Column("id", sa.Uuid, nullable=False),
            sa.Column("name", sa.String(63), nullable=False),
            sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
            sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
            sa.UniqueConstraint("name", name=f"uq_{table}_name"),
        )
    op.create_table(
        "deployments",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("service_id", sa.Uuid, nullable=False),
        sa.Column("environment_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.String(128), nullable=False),
        sa.Column("image_digest", sa.String(71)),
        sa.Column("commit", sa.String(64)),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name="fk_deployments_service_id"),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environments.id"], name="fk_deployments_environment_id"
        ),
        sa.CheckConstraint(
            "(finished_at IS NOT NULL) = (status IN ('succeeded', 'failed', 'cancelled'))",
            name=op.f("ck_deployments_finished_when_terminal"),
        ),
    )
    for columns in (
        ["started_at", "id"],
        ["service_id", "started_at", "id"],
        ["environment_id", "started_at", "id"],
        ["status", "started_at", "id"],
        ["service_id", "environment_id", "status", "finished_at", "id"],
    ):
        op.create_index("ix_deployments_" + "_".join(columns), "deployments", columns)


def downgrade() -> None:
    op.drop_table("deployments")
    op.drop_table("environments")
    op.drop_table("services")
