"""What the metrics are made of, and triggers that note what has changed of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
INDEXES = {
    "failures": [
        ["environment_id", "finished_at"],
        ["environment_id", "recovered_at"],
        ["service_id", "environment_id", "finished_at"],
    ],
    "first_deliveries": [
        ["scope_id", "finished_at", "service_id"],
        ["scope_id", "service_id", "finished_at"],
    ],
    "lead_times": [
        ["scope_id", "finished_at", "service_id", "seconds"],
        ["scope_id", "service_id", "finished_at", "seconds"],
    ],
}
TABLES = ("deployments", "incidents", "changes")
# An environment matters as such only if it comes to production or leaves it.
ENVIRONMENTS = {
    "insert": ("new", "new.tier = 'production'"),
    "update": ("new", "old.tier <> new.tier AND 'production' IN (old.tier, new.tier)"),
    "delete": ("old", "old.tier = 'production'"),
}

# What is noted of some rows of a table. {rows} has them; {least} and {greatest} are the functions
# that compare two values, which SQLite calls min and max.
NOTES = {
    "deployments": """
        INSERT INTO changed_facts (service_id, environment_id, since, until)
        SELECT service_id, environment_id,
            min({least}(started_at, coalesce(finished_at, started_at))),
            max({greatest}(started_at, coalesce(finished_at, started_at)))
        FROM {rows} GROUP BY service_id, environment_id;
    """,
    "incidents": """
        INSERT INTO changed_facts (service_id, environment_id, since, until)
        SELECT service_id, environment_id, min(detected_at), max(detected_at)
        FROM {rows} GROUP BY service_id, environment_id;
        INSERT INTO changed_facts (service_id, environment_id, since, until)
        SELECT service_id, environment_id,
            coalesce(finished_at, started_at), coalesce(finished_at, started_at)
        FROM deployments WHERE id IN (SELECT deployment_id FROM {rows});
    """,
    "changes": """
        INSERT INTO changed_facts (service_id, version, since, until)
        SELECT service_id, version, min(committed_at), max(committed_at)
        FROM {rows} WHERE version IS NOT NULL GROUP BY service_id, version;
    """,
}
# SQLite's triggers see one row, whose columns are these.
COLUMNS = {
    "deployments": ["service_id", "environment_id", "started_at", "finished_at"],
    "incidents": ["service_id", "environment_id", "detected_at", "deployment_id"],
    "changes": ["service_id", "version", "committed_at"],
}
EVENTS = {"insert": ["new"], "update": ["old", "new"], "delete": ["old"]}


def upgrade() -> None:
    op.create_table(
        "changed_facts",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("service_id", sa.Uuid),
        sa.Column("environment_id", sa.Uuid),
        sa.Column("version", sa.String(128)),
        sa.Column("since", INSTANT),
        sa.Column("until", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_changed_facts"),
    )
    op.create_table(
        "failures",
        sa.Column("deployment_id", sa.Uuid, nullable=False),
        sa.Column("service_id", sa.Uuid, nullable=False),
        sa.Column("environment_id", sa.Uuid, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=False),
        sa.Column("reason", sa.String(16)),
        sa.Column("rolled_back_by", sa.Uuid),
        sa.Column("recovered_at", INSTANT),
        sa.Column("recovery_seconds", sa.Double),
        sa.Column("recovered_by", sa.Uuid),
        sa.PrimaryKeyConstraint("deployment_id", name="pk_failures"),
    )
    op.create_table(
        "first_deliveries",
        sa.Column("scope_id", sa.Uuid, nullable=False),
        sa.Column("deployment_id", sa.Uuid, nullable=False),
        sa.Column("service_id", sa.Uuid, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=False),
        sa.Column("new_version", sa.Boolean, nullable=False),
        sa.Column("changes_known", sa.Boolean, nullable=False),
        sa.Column("earlier_changes", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("scope_id", "deployment_id", name="pk_first_deliveries"),
    )
    op.create_table(
        "lead_times",
        sa.Column("scope_id", sa.Uuid, nullable=False),
        sa.Column("deployment_id", sa.Uuid, nullable=False),
        sa.Column("change_id", sa.Uuid, nullable=False),
        sa.Column("service_id", sa.Uuid, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("scope_id", "deployment_id", "change_id", name="pk_lead_times"),
    )
    for table, indexes in INDEXES.items():
        for index in indexes:
            op.create_index(f"ix_{table}_{'_'.join(index)}", table, index)
    dialect = op.get_bind().dialect.name
    for statement in chain(*(_triggers(dialect, table) for table in TABLES), _production(dialect)):
        op.execute(statement)
    # All that there is has yet to be computed, which whoever migrates does next.
    op.execute(_note("deployments", "deployments", dialect))


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in (*TABLES, "environments"):
        for event in EVENTS:
            on = f" ON {table}" if postgresql else ""
            op.execute(f"DROP TRIGGER note_{table}_{event}{on}")
        if postgresql:
            op.execute(f"DROP FUNCTION note_{table}")
    for name in ("lead_times", "first_deliveries", "failures", "changed_facts"):
        op.drop_table(name)


def _triggers(dialect: str, table: str) -> Iterator[str]:
    """Yield what creates the triggers of a table; a later copy of the table must have them, too."""
    if dialect == "postgresql":
        parts = "".join(
            f"IF TG_OP <> '{other}' THEN {_note(table, f'{version}_rows', dialect)} END IF;"
            for version, other in (("old", "INSERT"), ("new", "DELETE"))
        )
        yield f"""
            CREATE FUNCTION note_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN {parts} RETURN NULL; END $$
        """
    for event, versions in EVENTS.items():
        name = f"CREATE TRIGGER note_{table}_{event} AFTER {event} ON {table}"
        if dialect == "postgresql":
            seen = " ".join(f"{version} TABLE AS {version}_rows" for version in versions)
            yield f"{name} REFERENCING {seen} FOR EACH STATEMENT EXECUTE FUNCTION note_{table}()"
        else:
            notes = "".join(_note(table, _row(table, version), dialect) for version in versions)
            yield f"{name} FOR EACH ROW BEGIN {notes} END"


def _production(dialect: str) -> Iterator[str]:
    """Yield what creates the triggers of environments."""
    note = "INSERT INTO changed_facts (environment_id) VALUES ({id});"
    if dialect == "postgresql":
        noted = note.format(id="coalesce(NEW.id, OLD.id)")
        yield f"""
            CREATE FUNCTION note_environments() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN {noted} RETURN NULL; END $$
        """
    for event, (version, condition) in ENVIRONMENTS.items():
        done = "EXECUTE FUNCTION note_environments()"
        if dialect != "postgresql":
            done = f"BEGIN {note.format(id=f'{version}.id')} END"
        yield (
            f"CREATE TRIGGER note_environments_{event} AFTER {event} ON environments"
            f" FOR EACH ROW WHEN ({condition}) {done}"
        )


def _note(table: str, rows: str, dialect: str) -> str:
    least, greatest = ("least", "greatest") if dialect == "postgresql" else ("min", "max")
    return NOTES[table].format(rows=rows, least=least, greatest=greatest)


def _row(table: str, version: str) -> str:
    """Return a row of a table before or after what happened to it, as a table of that row."""
    columns = ", ".join(f"{version}.{name} AS {name}" for name in COLUMNS[table])
    return f"(SELECT {columns})"
