"""Declarations are the same in whatever order their reports arrive."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, FromClause, Table, select

from api.database import Database
from api.domain import matrix
from api.domain.declarations import reports
from api.domain.declarations.model import NewDeclarations
from api.domain.deployments import reports as deployments
from api.domain.deployments.model import NewDeployment
from api.tables import (
    declaration_reports,
    declaration_statements,
    declarations,
    services,
)
from tests.api.conftest import NewApp

URL = "/api/v1/declarations"
MARCH = datetime(2026, 3, 1, 9, tzinfo=UTC)
TABLES = (declarations, declaration_reports, declaration_statements)


def hour(number: int) -> datetime:
    """Return an instant: 09:00 of a day in March, and hours later."""
    return MARCH + timedelta(hours=number)


def report(
    number: int, path: str = "", revision: str | None = None, **told: dict[str, Any] | str
) -> NewDeclarations:
    """Return what a folder declares at an hour; a version alone was declared no one knows when."""
    return NewDeclarations.model_validate(
        {
            "repository": "https://git.example.com/acme/gitops",
            "path": path,
            "config_revision": revision or f"r{number}",
            "declared_at": hour(number),
            "services": {
                name: {"version": each} if isinstance(each, str) else each
                for name, each in told.items()
            },
        }
    )


def since(number: int, version: str) -> dict[str, Any]:
    """Return a release that says itself since when it is declared."""
    return {"version": version, "declared_at": hour(number), "config_revision": f"c{number}"}


@pytest.fixture
def database(new_app: NewApp, tmp_path: Path, migrated_folder: Path) -> Database:
    """Return a database that does not matter to the test."""
    shutil.copytree(migrated_folder, tmp_path, dirs_exist_ok=True)
    found: Database = new_app(DATA_DIR=tmp_path).extensions["database"]
    return found


@contextmanager
def declared(database: Database, told: Sequence[NewDeclarations]) -> Iterator[Connection]:
    """Report to an environment, where releases run as well; forget it all afterwards."""
    running = [
        NewDeployment(
            service=service, environment="prod", version=version, finished_at=hour(number)
        )
        for service, version, number in (("a", "1", 2), ("b", "2", 4), ("a", "2", 6))
    ]
    with database.write() as connection, connection.begin_nested() as nested:
        deployments.record_all(connection, running)
        for each in told:
            reports.record(connection, "prod", each)
        yield connection
        nested.rollback()


def rows(connection: Connection, table: Table) -> list[tuple[Any, ...]]:
    """Return what an export has, without ids and the times of storing."""
    columns = [each for each in table.c if not each.foreign_keys]
    columns = [each for each in columns if each.name not in ("id", "created_at")]
    joined: FromClause = table
    if "service_id" in table.c:
        joined, columns = table.join(services), [services.c.name, *columns]
    found = connection.execute(select(*columns).select_from(joined))
    return sorted(map(tuple, found), key=repr)


def cells(connection: Connection, at: datetime | None) -> list[dict[str, Any]]:
    """Return the matrix, without ids, which are others each time."""
    return [
        {name: value for name, value in cell.items() if not isinstance(value, UUID)}
        for cell in matrix.cells(connection, at)
    ]


def everything(database: Database, told: Sequence[NewDeclarations]) -> dict[str, Any]:
    """Return all that the ledger tells of declarations, now and at any time."""
    with declared(database, told) as connection:
        return {
            **{table.name: rows(connection, table) for table in TABLES},
            **{str(at): cells(connection, at) for at in (None, hour(3), hour(6))},
        }


def instant(report: NewDeclarations) -> datetime:
    """Return the instant that a report is about."""
    assert report.declared_at is not None
    return report.declared_at


RELEASES = st.one_of(
    st.sampled_from(["1", "2"]),
    st.builds(since, st.integers(0, 9), st.sampled_from(["1", "2"])),
    st.builds(
        lambda number, version: {"version": version, "declared_at": hour(number)},
        st.integers(0, 9),
        st.sampled_from(["1", "2"]),
    ),
    st.just({"version": "1", "image_digest": "sha256:" + "1" * 64}),
)
REPORTS = st.lists(
    st.builds(
        lambda number, path, letter, told: report(number, path, f"{letter}{number}", **told),
        st.integers(0, 9),
        st.sampled_from(["", "", "apps"]),
        st.sampled_from("xy"),
        st.dictionaries(st.sampled_from(["a", "b"]), RELEASES),
    ),
    unique_by=lambda each: (each.path, each.declared_at, each.config_revision),
    min_size=2,
    max_size=6,
)


CHEAP = settings(
    max_examples=25,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@CHEAP
@given(told=REPORTS, data=st.data())
def test_any_order_of_reports_makes_the_same_declarations(
    database: Database, told: list[NewDeclarations], data: st.DataObject
) -> None:
    expected = everything(database, sorted(told, key=instant))

    for _ in range(2):
        assert everything(database, data.draw(st.permutations(told))) == expected


@CHEAP
@given(told=REPORTS)
def test_what_a_report_states_holds_at_its_instant(
    database: Database, told: list[NewDeclarations]
) -> None:
    instants = [instant(each) for each in told]
    with declared(database, told) as connection:
        for each in told:
            at = instant(each)
            if instants.count(at) > 1:
                continue
            held = {
                cell["service"]: cell["declared"]["version"]
                for cell in cells(connection, at)
                if cell["declared"] and cell["declared"]["path"] == each.path
            }
            later = {
                name
                for name, release in each.services.items()
                if release.declared_at and release.declared_at > at
            }
            stated = {name: release.version for name, release in each.services.items()}
            assert {**held, **dict.fromkeys(later)} == {**stated, **dict.fromkeys(later)}
