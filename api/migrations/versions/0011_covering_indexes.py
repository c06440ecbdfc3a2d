"""Indexes that have all that the metrics count, so that PostgreSQL reads no rows for it.

SQLite keeps those it has: it would prefer a longer one where a narrower search is faster.
"""

from __future__ import annotations

from collections.abc import Iterator

from alembic import op

from api.migrations import indexes

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# The columns of an index, and those that it has from now on beside them.
INDEXES = {
    "deployments": [(["environment_id", "finished_at", "id"], ["service_id", "kind", "status"])],
    "failures": [
        (
            ["environment_id", "finished_at"],
            ["service_id", "reason", "recovered_at", "recovery_seconds"],
        ),
        (
            ["environment_id", "recovered_at"],
            ["service_id", "reason", "finished_at", "recovery_seconds"],
        ),
    ],
    "first_deliveries": [
        (
            ["scope_id", "finished_at", "service_id"],
            ["new_version", "changes_known", "earlier_changes"],
        )
    ],
}


def upgrade() -> None:
    for name, table, columns, more in _replaced():
        indexes.replace(name, table, columns, postgresql_include=more)


def downgrade() -> None:
    for name, table, columns, _ in _replaced():
        op.drop_index(name)
        op.create_index(name, table, columns)


def _replaced() -> Iterator[tuple[str, str, list[str], list[str]]]:
    """Yield the name of each index, its table, its columns, and those beside them."""
    if op.get_bind().dialect.name == "postgresql":
        for table, replaced in INDEXES.items():
            for columns, more in replaced:
                yield f"ix_{table}_{'_'.join(columns)}", table, columns, more
