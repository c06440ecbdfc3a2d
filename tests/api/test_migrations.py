"""The migrations: up, down, side by side, and equal to the tables the code knows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, insert, inspect, select, text

from api import migrate, settings
from api.database import writing
from api.domain.tiers import guess
from api.engine import open_engine
from api.tables import REQUIRED_REVISION, environments, metadata

MAKES_AN_INDEX = text(
    "SELECT FROM pg_stat_activity"
    " WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'"
)
INVALID = text("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine(empty_database: dict[str, object]) -> Iterator[Engine]:
    engine = open_engine(settings.load(empty_database))
    yield engine
    engine.dispose()


def revision_of(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def test_an_empty_database_gets_the_tables_the_code_knows(engine: Engine) -> None:
    assert migrate.upgrade(engine) == (None, migrate.newest_revision())

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_second_run_changes_nothing(engine: Engine) -> None:
    migrate.upgrade(engine)
    newest = migrate.newest_revision()

    assert migrate.upgrade(engine) == (newest, newest)


def test_every_migration_can_be_taken_back(engine: Engine) -> None:
    migrate.upgrade(engine)
    with engine.connect() as connection, writing(connection):
        command.downgrade(migrate.configuration(connection), "base")

    assert inspect(engine).get_table_names() == ["alembic_version"]
    assert revision_of(engine) is None
    migrate.upgrade(engine)
    assert revision_of(engine) == migrate.newest_revision()


def test_the_tiers_that_were_guessed_are_guessed_again(engine: Engine) -> None:
    """What somebody described stays, also if it was what a name is guessed to be."""
    migrate.upgrade(engine)
    before = {
        "prod-eu-1": ("development", 100),
        "pr-101": ("development", 100),
        "prod": ("production", 300),
        "eu": ("production", 250),
        "prod-dr": ("staging", 200),
    }
    with engine.connect() as connection, writing(connection):
        command.downgrade(migrate.configuration(connection), "0007")
        for name, (tier, order) in before.items():
            values = {"id": uuid4(), "name": name, "created_at": datetime.now(UTC), "tier": tier}
            connection.execute(insert(environments).values(**values, promotion_order=order))
    migrate.upgrade(engine)

    with engine.connect() as connection:
        after = {row.name: row for row in connection.execute(select(environments))}
    assert {name: (row.tier, row.promotion_order) for name, row in after.items()} == before | {
        "prod-eu-1": ("production", 300)
    }
    assert {name for name, row in after.items() if row.transient} == {"pr-101"}
    assert {name for name, row in after.items() if row.described} == {"eu", "prod-dr"}
    for name in ("prod-eu-1", "pr-101", "prod"):
        row = after[name]
        assert (row.tier, row.transient) == guess(name), "the migration has a copy of the words"


def test_migrations_at_the_same_time_are_one(empty_database: dict[str, object]) -> None:
    """Every pod of a rollout runs the migration."""

    def upgrade(_: int) -> tuple[str | None, str]:
        engine = open_engine(settings.load(empty_database))
        try:
            return migrate.upgrade(engine)
        finally:
            engine.dispose()

    with ThreadPoolExecutor(6) as pool:
        befores = [before for before, _ in pool.map(upgrade, range(6))]

    assert befores.count(None) == 1
    assert befores.count(migrate.newest_revision()) == 5


@pytest.mark.parametrize("empty_database", ["postgresql"], indirect=True)
def test_who_writes_does_not_wait_for_an_index(engine: Engine) -> None:
    migrate.upgrade(engine)
    with engine.connect() as connection, writing(connection):
        command.downgrade(migrate.configuration(connection), "0010")
        # An attempt that failed has left one that is not valid.
        connection.execute(
            text("CREATE INDEX ix_failures_environment_id_finished_at_new ON failures (reason)")
        )

    written = text("LOCK TABLE deployments IN ROW EXCLUSIVE MODE")  # as an INSERT does
    with engine.connect() as before, ThreadPoolExecutor(1) as pool:
        before.execute(written)
        migrating = pool.submit(migrate.upgrade, engine)
        with engine.connect() as connection:
            while not connection.execute(MAKES_AN_INDEX).all():
                assert not migrating.done()
                connection.commit()
            connection.execute(text("SET LOCAL lock_timeout = '5s'"))
            connection.execute(written)
        assert not migrating.done()  # it waits for who wrote before
        before.rollback()
        migrating.result()

    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert connection.execute(INVALID).all() == []


def test_a_newer_database_is_left_alone(engine: Engine) -> None:
    """A release that is rolled back starts with the old migrations on the new schema."""
    migrate.upgrade(engine)
    with engine.connect() as connection, writing(connection):
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    assert migrate.upgrade(engine) == ("9999", "9999")


def test_a_migration_that_fails_leaves_nothing_behind(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr("alembic.op.create_index", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        migrate.upgrade(engine)

    monkeypatch.undo()
    assert inspect(engine).get_table_names() == []
    assert migrate.upgrade(engine) == (None, migrate.newest_revision())


def test_the_command_that_makes_a_migration_finds_none_to_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_DATA_DIR", str(tmp_path))
    engine = open_engine(settings.load())
    migrate.upgrade(engine)
    engine.dispose()
    # As CONTRIBUTING.md calls it: a program, which does not look for modules where it is called.
    alembic = Path(sys.executable).with_name("alembic")

    done = subprocess.run([alembic, "check"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "No new upgrade operations" in done.stdout


def test_revisions_are_numbered_so_that_newer_ones_compare_as_newer() -> None:
    scripts = ScriptDirectory.from_config(migrate.configuration())
    numbers = [script.revision for script in scripts.walk_revisions()][::-1]

    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    assert REQUIRED_REVISION in numbers
