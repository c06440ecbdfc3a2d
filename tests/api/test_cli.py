"""`flask ledger`, as a person and as an init container call it."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from api.domain.kit.times import now
from api.tables import REQUIRED_REVISION
from tests.api.conftest import NewApp, json_of
from tests.postgresql import Server

NOT_SERVED = {
    "alembic",
    "api.cli.failure",
    "api.demo",
    "api.domain.transfer",
    "api.migrate",
    "api.notifier",
    "yaml",
}
# Of the packages in requirements.txt; each one takes its time at the start of a pod.
MOST_MODULES = 505
# Only a developer has it, and structlog imports it if it is there.
NOT_IN_THE_IMAGE = "import sys; sys.modules['rich'] = None"


def excess(program: str) -> set[str]:
    """Return what a program imports that a process that serves does not need, if it is too much."""
    done = subprocess.run(
        [sys.executable, "-c", f"{NOT_IN_THE_IMAGE}; {program}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(done.stdout.split())
    assert "api.routes.deployments" in imported
    own = {"api", *sys.stdlib_module_names}
    packages = {name for name in imported if name.partition(".")[0] not in own}
    return NOT_SERVED & imported | (packages if len(packages) > MOST_MODULES else set())


def test_a_process_that_serves_imports_neither_alembic_nor_the_commands() -> None:
    assert excess("import api") == set()


def test_what_is_imported_is_not_searched_for_garbage() -> None:
    program = (
        "import api, gc; print(gc.isenabled(), gc.get_freeze_count(),"
        " *(each['collections'] for each in gc.get_stats()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    enabled, kept, *collections = done.stdout.split()
    assert enabled == "True"
    assert int(kept) > 100_000
    assert sum(map(int, collections)) < 5


def test_what_a_process_that_serves_need_not_import_is_found() -> None:
    assert {"alembic", "api.migrate"} <= excess("import api, api.migrate")
    assert "httpx" in excess("import api, httpx, hypothesis")


def test_the_commands_are_listed_with_what_they_do(new_app: NewApp) -> None:
    cli = new_app().test_cli_runner()

    assert dict(
        line.split(maxsplit=1) for line in cli.invoke(args=["--help"]).output.splitlines()[-3:]
    ) == {
        "ledger": "Manage the ledger's database.",
        "notifications": "Send webhooks to subscribers.",
        "tokens": "Manage API tokens.",
    }
    assert cli.invoke(args=["attic"]).exit_code == 2


def test_migrate_says_what_it_did(new_app: NewApp, empty_database: dict[str, object]) -> None:
    cli = new_app(**empty_database).test_cli_runner()

    first = cli.invoke(args=["ledger", "migrate"])
    second = cli.invoke(args=["ledger", "migrate"])

    assert (
        first.output == f"the database was migrated from nothing to revision {REQUIRED_REVISION}\n"
    )
    assert second.output == f"the database is at revision {REQUIRED_REVISION}; nothing to migrate\n"
    assert first.exit_code == second.exit_code == 0


def test_migrate_waits_for_a_database_and_then_gives_up(
    new_app: NewApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = new_app(DATABASE_HOST="127.0.0.1", DATABASE_PORT=1).test_cli_runner()
    # Each look at the clock takes a second: how long a refusal takes is the machine's affair.
    seconds = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: next(seconds), sleep=lambda _: None)
    monkeypatch.setattr("api.cli.ledger.time", clock)

    result = cli.invoke(args=["ledger", "migrate", "--wait", "3"])

    assert result.exit_code == 1
    *waiting, last = result.output.splitlines()
    assert len(waiting) == 2
    assert all(line.startswith("waiting for the database: ") for line in waiting)
    assert last.startswith("slipway: the database was not migrated: ")


def test_demo_on_a_database_that_is_not_migrated_is_one_clear_line(
    new_app: NewApp, postgresql_server: Server
) -> None:
    cli = new_app(**postgresql_server.new_database()).test_cli_runner()

    result = cli.invoke(args=["ledger", "demo"])

    assert result.exit_code == 1
    assert result.output.startswith("slipway: no demo history was added: the database does")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("command", ["migrate", "demo"])
def test_a_folder_that_cannot_be_written_is_one_clear_line(
    new_app: NewApp, tmp_path: Path, command: str
) -> None:
    taken = tmp_path / "file"
    taken.touch()

    result = new_app(DATA_DIR=taken).test_cli_runner().invoke(args=["ledger", command])

    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert f"cannot write to {taken}/ (" in line
    assert "set SLIPWAY_DATA_DIR" in line


def test_demo_fills_an_empty_ledger_and_no_other(
    new_app: NewApp, empty_database: dict[str, object]
) -> None:
    app = new_app(**empty_database)
    cli, client = app.test_cli_runner(), app.test_client()
    cli.invoke(args=["ledger", "migrate"])

    first = cli.invoke(args=["ledger", "demo"])
    before = json_of(client.get("/api/v1/deployments?limit=200"))
    second = cli.invoke(args=["ledger", "demo"])

    assert "deployments of a demo history were added" in first.output
    assert "no demo history is added" in second.output
    assert json_of(client.get("/api/v1/deployments?limit=200")) == before
    cells = json_of(client.get("/api/v1/matrix"))["cells"]
    assert len(cells) == 18  # six services in three environments
    assert all(cell["since"] <= now().isoformat() for cell in cells)
