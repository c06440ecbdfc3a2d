"""The releases that git declares."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
INDEXES = [
    ["declared_at", "id"],
    ["service_id", "declared_at", "id"],
    ["environment_id", "declared_at", "id"],
]
CELL_AND_TIME = ["service_id", "environment_id", "declared_at"]


def upgrade() -> None:
    op.create_table(
        "declarations",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("service_id", sa.Uuid, nullable=False),
        sa.Column("environment_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.String(128)),
        sa.Column("image_digest", sa.String(71)),
        sa.Column("config_revision", sa.String(128), nullable=False),
        sa.Column("repository", sa.String(512), nullable=False),
        sa.Column("path", sa.String(255), nullable=False),
        sa.Column("declared_at", INSTANT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_declarations"),
        *(
            sa.ForeignKeyConstraint(
                [f"{name}_id"], [f"{name}s.id"], name=f"fk_declarations_{name}_id"
            )
            for name in ("service", "environment")
        ),
    )
    op.create_index(
        f"uq_declarations_{'_'.join(CELL_AND_TIME)}", "declarations", CELL_AND_TIME, unique=True
    )
    for index in INDEXES:
        op.create_index(f"ix_declarations_{'_'.join(index)}", "declarations", index)


def downgrade() -> None:
    op.drop_table("declarations")
