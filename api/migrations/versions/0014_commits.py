"""An index of the commits that were deployed under another name, such as a tag."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import text

from api.migrations import indexes

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NAME = "ix_deployments_commits"
COLUMNS = ["service_id", "environment_id", "commit"]
OTHERWISE = text('"commit" <> version')
OPTIONS: dict[str, Any] = {"postgresql_where": OTHERWISE, "sqlite_where": OTHERWISE}


def upgrade() -> None:
    indexes.add(NAME, "deployments", COLUMNS, **OPTIONS)


def downgrade() -> None:
    op.drop_index(NAME)
