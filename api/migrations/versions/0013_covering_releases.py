"""The kind of each deployment in the index of a service's deployments by status and end.

The metrics of one service count these by kind: so PostgreSQL reads no rows for it. SQLite keeps the
index it has.
"""

from __future__ import annotations

from alembic import op

from api.migrations import indexes

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

COLUMNS = ["service_id", "environment_id", "status", "finished_at", "id"]
NAME = f"ix_deployments_{'_'.join(COLUMNS)}"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        indexes.replace(NAME, "deployments", COLUMNS, postgresql_include=["kind"])


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index(NAME)
        op.create_index(NAME, "deployments", COLUMNS)
