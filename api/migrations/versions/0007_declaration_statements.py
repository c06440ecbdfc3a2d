"""What each report of declarations states, so that their order does not matter."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
FOLDER = ["repository", "path"]


def upgrade() -> None:
    # NULL for every declaration so far, and for those that an old pod still writes: each of them
    # stands for itself, and later reports are ordered around it.
    op.add_column("declarations", sa.Column("reported_at", INSTANT))
    op.create_table(
        "declaration_reports",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("environment_id", sa.Uuid, nullable=False),
        sa.Column("repository", sa.String(512), nullable=False),
        sa.Column("path", sa.String(255), nullable=False),
        sa.Column("declared_at", INSTANT, nullable=False),
        sa.Column("config_revision", sa.String(128), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_declaration_reports"),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environments.id"], name="fk_declaration_reports_environment_id"
        ),
    )
    op.create_table(
        "declaration_statements",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("service_id", sa.Uuid, nullable=False),
        sa.Column("environment_id", sa.Uuid, nullable=False),
        sa.Column("repository", sa.String(512), nullable=False),
        sa.Column("path", sa.String(255), nullable=False),
        sa.Column("reported_at", INSTANT, nullable=False),
        sa.Column("version", sa.String(128)),
        sa.Column("image_digest", sa.String(71)),
        sa.Column("config_revision", sa.String(128)),
        sa.Column("declared_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_declaration_statements"),
        *(
            sa.ForeignKeyConstraint(
                [f"{name}_id"], [f"{name}s.id"], name=f"fk_declaration_statements_{name}_id"
            )
            for name in ("service", "environment")
        ),
    )
    op.create_index(
        "uq_declaration_reports_environment_id_folder",
        "declaration_reports",
        ["environment_id", *FOLDER, "declared_at"],
        unique=True,
    )
    op.create_index(
        "ix_declaration_reports_environment_id_declared_at",
        "declaration_reports",
        ["environment_id", "declared_at"],
    )
    op.create_index(
        "uq_declaration_statements_service_id_environment_id_folder",
        "declaration_statements",
        ["service_id", "environment_id", *FOLDER, "reported_at"],
        unique=True,
    )
    op.create_index(
        "ix_declaration_statements_environment_id_reported_at",
        "declaration_statements",
        ["environment_id", "reported_at"],
    )


def downgrade() -> None:
    op.drop_table("declaration_statements")
    op.drop_table("declaration_reports")
    op.drop_column("declarations", "reported_at")
