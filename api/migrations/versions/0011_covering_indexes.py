"""Indexes that have all that the metrics count, so that PostgreSQL reads no rows for it.

SQLite keeps those it has: it would prefer a longer one where a narrower search is faster.
"""

from __future__ import annotations

from alembic import op

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
    _replace(covering=True)


def downgrade() -> None:
    _replace(covering=False)


def _replace(*, covering: bool) -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, indexes in INDEXES.items():
        for columns, more in indexes:
            name = f"ix_{table}_{'_'.join(columns)}"
            op.execute(f"ALTER INDEX {name} RENAME TO replaced")
            op.create_index(name, table, columns, postgresql_include=more if covering else [])
            op.execute("DROP INDEX replaced")
