"""What all tests share: a process without settings of its own, and databases of both kinds."""

from __future__ import annotations

import os

# Before the application is imported anywhere: the tests say themselves what is set.
for name in [name for name in os.environ if name.startswith("SLIPWAY_")]:
    del os.environ[name]

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.postgresql import Server, find_programs

# The same examples each time, so that a change is judged by what it changed; `long` looks for new
# ones. Fixtures may be shared: an example that needs an empty ledger does not use them.
settings.register_profile(
    "default",
    database=None,
    deadline=None,
    derandomize=True,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile(
    "long", settings.get_profile("default"), derandomize=False, max_examples=1000
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a PostgreSQL of this machine's programs for the session."""
    programs = find_programs()
    if programs is None:
        message = (
            "no PostgreSQL on this machine (initdb and pg_ctl): these tests ran on SQLite only"
        )
        if os.environ.get("REQUIRE_POSTGRES") == "1":
            pytest.fail(message)
        pytest.skip(message)
    server = Server(programs, tmp_path_factory.mktemp("postgresql"))
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, object]:
    """Return the settings of a database of its own for this test, on each kind, without tables."""
    if request.param == "sqlite":
        return {"DATA_DIR": tmp_path / "data"}
    server: Server = request.getfixturevalue("postgresql_server")
    return server.new_database()
