"""What a deployment tells beside its version; incidents, changes, tokens and stored answers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
INDEXES = {
    "deployments": [
        ["kind", "started_at", "id"],
        ["version", "started_at", "id"],
        ["service_id", "environment_id", "started_at", "id"],
        ["environment_id", "finished_at", "id"],
    ],
    "incidents": [
        ["detected_at", "id"],
        ["service_id", "detected_at", "id"],
        ["environment_id", "detected_at", "id"],
        ["service_id", "environment_id", "detected_at", "id"],
        ["resolved_at", "detected_at", "id"],
        ["deployment_id"],
    ],
    "changes": [
        ["committed_at", "id"],
        ["service_id", "committed_at", "id"],
        ["service_id", "version", "committed_at", "id"],
        ["version", "committed_at", "id"],
    ],
    "tokens": [["created_at", "id"]],
    "answers": [["created_at"]],
}
# Its name would be longer than PostgreSQL allows.
VERSIONS = [
    "service_id",
    "environment_id",
    "version",
    "started_at",
    "id",
    "status",
    "kind",
    "finished_at",
]
UNIQUE = {
    "deployments": ["source", "external_id"],
    "incidents": ["source", "external_id"],
    "changes": ["service_id", "commit"],
}


def columns() -> dict[str, list[sa.Column[Any]]]:
    """The version before this one keeps inserting rows while pods are replaced, so whatever may
    not be NULL has a default."""
    return {
        "services": [
            sa.Column("owner", sa.String(128)),
            sa.Column("repository", sa.String(512)),
            sa.Column("image", sa.String(255)),
        ],
        "environments": [
            sa.Column("tier", sa.String(16), nullable=False, server_default="development"),
            sa.Column("promotion_order", sa.Integer, nullable=False, server_default="100"),
        ],
        "deployments": [
            sa.Column("config_revision", sa.String(128)),
            sa.Column("stated_kind", sa.String(16)),
            sa.Column("actor", sa.String(128)),
            sa.Column("links", sa.JSON, nullable=False, server_default=sa.text("'[]'")),
            sa.Column("source", sa.String(63), nullable=False, server_default="api"),
            sa.Column("external_id", sa.String(256)),
        ],
    }


def upgrade() -> None:
    for table, added in columns().items():
        for column in added:
            op.add_column(table, column)
    # What is called so is taken to be so; `PUT /environments/NAME` corrects it.
    for tier, order, names in (
        ("production", 300, "'prod', 'production', 'live'"),
        ("staging", 200, "'staging', 'stage', 'preprod', 'uat', 'qa'"),
    ):
        op.execute(
            f"UPDATE environments SET tier = '{tier}', promotion_order = {order}"  # noqa: S608
            f" WHERE name IN ({names})"
        )
    # Until now the sender decided.
    op.execute("UPDATE deployments SET stated_kind = kind WHERE kind <> 'rollout'")
    _create_incidents()
    _create_changes()
    _create_tokens_and_answers()
    for table, indexes in INDEXES.items():
        for index in indexes:
            op.create_index(f"ix_{table}_{'_'.join(index)}", table, index)
    op.create_index("ix_deployments_versions", "deployments", VERSIONS)
    for table, unique in UNIQUE.items():
        op.create_index(f"uq_{table}_{'_'.join(unique)}", table, unique, unique=True)


def _create_incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("service_id", sa.Uuid, nullable=False),
        sa.Column("environment_id", sa.Uuid, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("detected_at", INSTANT, nullable=False),
        sa.Column("resolved_at", INSTANT),
        sa.Column("deployment_id", sa.Uuid),
        sa.Column("links", sa.JSON, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("source", sa.String(63), nullable=False, server_default="api"),
        sa.Column("external_id", sa.String(256)),
        sa.Column("corrected", sa.JSON, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
        *(
            sa.ForeignKeyConstraint([f"{name}_id"], [f"{name}s.id"], name=f"fk_incidents_{name}_id")
            for name in ("service", "environment", "deployment")
        ),
        sa.CheckConstraint(
            "resolved_at >= detected_at", name=op.f("ck_incidents_resolved_after_detected")
        ),
    )


def _create_changes() -> None:
    op.create_table(
        "changes",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("service_id", sa.Uuid, nullable=False),
        sa.Column("commit", sa.String(64), nullable=False),
        sa.Column("committed_at", INSTANT, nullable=False),
        sa.Column("author", sa.String(128)),
        sa.Column("title", sa.String(200)),
        sa.Column("version", sa.String(128)),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_changes"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name="fk_changes_service_id"),
    )


def _create_tokens_and_answers() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("revoked_at", INSTANT),
        sa.Column("last_used_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
    )
    op.create_table(
        "answers",
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("body_hash", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", sa.JSON, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name="pk_answers"),
    )


def downgrade() -> None:
    for gone in ("answers", "tokens", "changes", "incidents"):
        op.drop_table(gone)
    op.drop_index("uq_deployments_source_external_id", "deployments")
    op.drop_index("ix_deployments_versions", "deployments")
    for names in INDEXES["deployments"]:
        op.drop_index(f"ix_deployments_{'_'.join(names)}", "deployments")
    for table, added in columns().items():
        for column in added:
            op.drop_column(table, column.name)
