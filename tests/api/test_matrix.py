"""What runs where, on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from tests.api.conftest import Record, json_of, problem

URL = "/api/v1/matrix"


def running(client: FlaskClient) -> dict[tuple[str, str], str]:
    cells = json_of(client.get(URL))["cells"]
    return {(cell["service"], cell["environment"]): cell["version"] for cell in cells}


def test_an_empty_ledger_has_no_cells(client: FlaskClient) -> None:
    assert json_of(client.get(URL)) == {"cells": []}


def test_a_cell_is_what_last_succeeded_there(client: FlaskClient, record: Record) -> None:
    record(version="1", finished_at="2026-03-01T12:00:00Z")
    record(version="2", finished_at="2026-03-02T12:00:00Z", environment="prod")
    record(version="3", finished_at="2026-03-03T12:00:00Z")
    record(version="9", finished_at="2026-03-02T12:00:00Z", service="web")

    assert running(client) == {
        ("checkout", "dev"): "3",
        ("checkout", "prod"): "2",
        ("web", "dev"): "9",
    }


def test_a_report_that_comes_late_does_not_replace_what_finished_after_it(
    client: FlaskClient, record: Record
) -> None:
    record(version="2", finished_at="2026-03-02T12:00:00Z")
    record(version="1", finished_at="2026-03-01T12:00:00Z")

    assert running(client) == {("checkout", "dev"): "2"}


def test_what_failed_or_still_rolls_out_does_not_run_there(
    client: FlaskClient, record: Record
) -> None:
    record(version="1")
    for status in ("failed", "cancelled", "running", "pending"):
        record(version="2", status=status)
        record(version="1", status=status, service="web")

    assert running(client) == {("checkout", "dev"): "1"}


def test_a_cell_tells_the_image_the_commit_and_since_when(
    client: FlaskClient, record: Record
) -> None:
    told = record(commit="9fceb02", image_digest="sha256:" + "0" * 64)

    assert json_of(client.get(URL))["cells"] == [
        {
            "service": "checkout",
            "environment": "dev",
            "version": "1.0",
            "image_digest": "sha256:" + "0" * 64,
            "commit": "9fceb02",
            "config_revision": None,
            "since": told["finished_at"],
            "deployment_id": told["id"],
        }
    ]


@pytest.mark.parametrize(
    ("at", "version"),
    [
        ("2026-03-01T11:59:59Z", None),
        ("2026-03-01T12:00:00Z", "1"),
        ("2026-03-02T11:00:00Z", "1"),
        ("2026-03-03T12:00:00Z", "2"),
    ],
)
def test_what_ran_at_an_earlier_time(
    client: FlaskClient, record: Record, at: str, version: str | None
) -> None:
    record(version="1", finished_at="2026-03-01T12:00:00Z")
    record(version="2", finished_at="2026-03-02T12:00:00Z")
    record(version="3", status="failed", finished_at="2026-03-03T11:00:00Z")

    cells = json_of(client.get(URL, query_string={"at": at}))["cells"]

    assert [cell["version"] for cell in cells] == ([version] if version else [])


@pytest.mark.parametrize("at", ["2026-03-01", "2026-03-01T12:00:00", "2999-01-01T00:00:00Z", ""])
def test_a_time_that_is_none_is_refused(client: FlaskClient, at: str) -> None:
    errors = problem(client.get(URL, query_string={"at": at}), 422)["errors"]

    assert [error["parameter"] for error in errors] == ["at"]  # type: ignore[attr-defined]


BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
SERVICES = itertools.count()
EVENT = st.tuples(
    st.sampled_from(["dev", "prod"]),
    st.sampled_from("123"),
    st.sampled_from(["succeeded", "succeeded", "failed", "cancelled"]),
    st.integers(0, 20),
)


@given(events=st.lists(EVENT, max_size=8, unique_by=lambda event: event[3]), at=st.integers(0, 20))
def test_any_moment_is_what_replaying_the_history_up_to_it_gives(
    client: FlaskClient, events: list[tuple[str, str, str, int]], at: int
) -> None:
    service = f"service-{next(SERVICES)}"
    for environment, version, status, hour in events:
        finished_at = (BEGIN + timedelta(hours=hour)).isoformat()
        report = {"service": service, "environment": environment, "version": version}
        sent = client.post(
            "/api/v1/deployments", json={**report, "status": status, "finished_at": finished_at}
        )
        assert sent.status_code == 201
    past = sorted((event for event in events if event[3] <= at), key=lambda event: event[3])
    replayed = {where: version for where, version, status, _ in past if status == "succeeded"}

    moment = (BEGIN + timedelta(hours=at)).isoformat()
    cells = json_of(client.get(URL, query_string={"at": moment}))["cells"]

    told = {cell["environment"]: cell["version"] for cell in cells if cell["service"] == service}
    assert told == replayed
