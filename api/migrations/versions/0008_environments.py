"""Whether an environment is transient, and whether somebody described it."""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ENVIRONMENTS = sa.table(
    "environments",
    sa.column("id", sa.Uuid),
    sa.column("name", sa.String),
    sa.column("tier", sa.String),
    sa.column("promotion_order", sa.Integer),
    sa.column("transient", sa.Boolean),
    sa.column("described", sa.Boolean),
)
ORDER = {"development": 100, "staging": 200, "production": 300}
# What was guessed so far, from whole names.
NAMES = {
    **dict.fromkeys(("prod", "production", "live"), "production"),
    **dict.fromkeys(("staging", "stage", "preprod", "uat", "qa"), "staging"),
}
# What is guessed from now on, by the words of a name; the first one that is in it decides.
WORDS = {
    **dict.fromkeys(
        ("dev", "develop", "development", "local", "non", "nonprod", "sandbox", "test", "testing"),
        "development",
    ),
    **dict.fromkeys(
        ("pre", "preprod", "preproduction", "qa", "stage", "staging", "stg", "uat"), "staging"
    ),
    **dict.fromkeys(("live", "prd", "prod", "production"), "production"),
}
TRANSIENT = re.compile(r"(^|[^a-z])(previews?|reviews?|(pr|mr|pull)[._-]?[0-9]+)([^a-z]|$)")


def upgrade() -> None:
    for name in ("transient", "described"):
        column = sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())
        op.add_column("environments", column)
    connection = op.get_bind()
    for row in connection.execute(sa.select(ENVIRONMENTS)).all():
        tier = NAMES.get(row.name, "development")
        if (row.tier, row.promotion_order) != (tier, ORDER[tier]):
            values: dict[str, object] = {"described": True}
        else:
            words = set(re.findall(r"[a-z]+", row.name))
            transient = TRANSIENT.search(row.name) is not None
            found = (tier for word, tier in WORDS.items() if word in words)
            tier = "development" if transient else next(found, "development")
            values = {"tier": tier, "promotion_order": ORDER[tier], "transient": transient}
        connection.execute(
            sa.update(ENVIRONMENTS).where(ENVIRONMENTS.c.id == row.id).values(values)
        )


def downgrade() -> None:
    for name in ("described", "transient"):
        op.drop_column("environments", name)
