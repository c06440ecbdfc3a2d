"""What all tests share: a process without settings of its own, and databases of both kinds."""

from __future__ import annotations

import gc
import os

# Before the application is imported anywhere: the tests say themselves what is set.
for name in [name for name in os.environ if name.startswith("SLIPWAY_")]:
    del os.environ[name]

import tempfile

# Also before, for these processes and those that they start. Who chose a folder keeps it.
from tests.memory import temporary_folder

if "TMPDIR" not in os.environ and (in_memory := temporary_folder()):
    os.environ["TMPDIR"] = tempfile.tempdir = str(in_memory)

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from api.engine import open_engine
from api.migrate import upgrade
from api.settings import load
from tests import postgresql, sqlite
from tests.postgresql import Server, find_programs

# The same examples each time, so that a change is judged by what it changed; `long` looks for new
# ones, as many as EXAMPLES says. Fixtures may be shared: an example that needs an empty ledger does
# not use them. Neither is called `default`: schemathesis takes over what differs from the profile
# of that name, and no more.
settings.register_profile(
    "repeated",
    database=None,
    deadline=None,
    derandomize=True,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile(
    "long",
    settings.get_profile("repeated"),
    derandomize=False,
    max_examples=int(os.environ.get("EXAMPLES", "1000")),
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeated"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage once the tests are collected, and never again among what they are."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """Run a PostgreSQL of this machine's programs for the session."""
    programs = find_programs()
    if programs is None:
        message = (
            "no PostgreSQL on this machine (initdb and pg_ctl): these tests ran on SQLite only"
        )
        if os.environ.get("REQUIRE_POSTGRES") == "1":
            pytest.fail(message)
        pytest.skip(message)
    # Not in pytest's folder, which each session closes to all but its own user: root's server is
    # another one, and would lose its files when a second session starts.
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        server = Server(programs, Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def migrated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate an embedded database once, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    migrate({"DATA_DIR": folder})
    return folder


@pytest.fixture(scope="session")
def sqlite_lender(migrated_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> sqlite.Lender:
    """Lend copies of the embedded database."""
    return sqlite.Lender(migrated_folder, tmp_path_factory.mktemp("lent"))


@pytest.fixture(scope="session")
def postgresql_lender(postgresql_server: Server) -> Iterator[postgresql.Lender]:
    """Migrate a database of the server once, and lend copies of it."""
    made = postgresql_server.new_database()
    migrate(made)
    lender = postgresql.Lender(postgresql_server, str(made["DATABASE_NAME"]))
    yield lender
    lender.close()


def migrate(place: dict[str, object]) -> None:
    """Migrate a database, and leave no connection to it behind."""
    engine = open_engine(load(place))
    upgrade(engine)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, object]]:
    """Return the settings of a database of its own for this test, on each kind, without tables."""
    if request.param == "sqlite":
        yield {"DATA_DIR": tmp_path / "data"}
        return
    server: Server = request.getfixturevalue("postgresql_server")
    with server.lend() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_database(request: pytest.FixtureRequest) -> Iterator[dict[str, object]]:
    """Return the settings of a database of its own for this test, on each kind, with its tables."""
    lender: sqlite.Lender | postgresql.Lender
    lender = request.getfixturevalue(f"{request.param}_lender")
    with lender.lend() as made:
        yield made
