"""What runs where and what git declares, on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from api.database import Database
from api.domain.kit.cursor import encode
from tests.api.conftest import Record, json_of, problem

URL = "/api/v1/matrix"


def running(client: FlaskClient) -> dict[tuple[str, str], str]:
    cells = json_of(client.get(URL))["cells"]
    return {(cell["service"], cell["environment"]): cell["version"] for cell in cells}


def test_an_empty_ledger_has_no_cells(client: FlaskClient) -> None:
    assert json_of(client.get(URL)) == {"cells": [], "next_cursor": None}


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


def test_of_two_that_finished_at_once_the_later_report_runs(
    client: FlaskClient, record: Record
) -> None:
    for version in ("2", "1"):
        record(version=version, finished_at="2026-03-01T12:00:00Z")

    assert running(client) == {("checkout", "dev"): "1"}


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
            "declared": None,
            "deploying": False,
            "last_finished_at": told["finished_at"],
            "state": "unknown",
        }
    ]


# Successes in one cell, a day apart, as version and digit of the digest; and the day since when the
# last one's release runs.
@pytest.mark.parametrize(
    ("successes", "day"),
    [
        (["1"], 1),
        (["1", "1", "1"], 1),
        (["1", "v1", "1"], 1),
        (["1", "2"], 2),
        (["1", "2", "2"], 2),
        (["1", "2", "1"], 3),
        (["1", "2", "1", "1"], 3),
        (["1 a", "1 a"], 1),
        (["1 a", "1 b"], 2),
        (["1 a", "1", "1 a"], 1),
        (["1 a", "1 b", "1 b"], 2),
    ],
)
def test_a_release_runs_since_it_replaced_another(
    client: FlaskClient, record: Record, successes: list[str], day: int
) -> None:
    for number, success in enumerate(successes, 1):
        version, _, digit = success.partition(" ")
        digest = f"sha256:{digit * 64}" if digit else None
        times = {"started_at": f"2026-03-{number:02}T11:00:00Z"}
        times["finished_at"] = f"2026-03-{number:02}T12:00:00Z"
        record(version=version, image_digest=digest, config_revision=f"r{number}", **times)
        record(version="3", status="failed", finished_at=f"2026-03-{number:02}T12:30:00Z")

    assert cell(client)["since"] == f"2026-03-{day:02}T12:00:00Z"
    at = f"2026-03-{len(successes):02}T12:00:00Z"
    assert json_of(client.get(URL, query_string={"at": at}))["cells"][0]["since"] == (
        f"2026-03-{day:02}T12:00:00Z"
    )


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


DIGEST, OTHER = ("sha256:" + digit * 64 for digit in "12")


def declare(client: FlaskClient, declared_at: str, **release: str) -> None:
    body = {
        "repository": "https://git.example.com/acme/gitops",
        "config_revision": "8b13789",
        "declared_at": declared_at,
        "services": {"checkout": release} if release else {},
    }
    json_of(client.put("/api/v1/declarations/dev", json=body))


def cell(client: FlaskClient, at: str | None = None) -> dict[str, Any]:
    (found,) = json_of(client.get(URL, query_string={"at": at} if at else {}))["cells"]
    return dict(found)


@pytest.mark.parametrize(
    ("declared", "ran", "state"),
    [
        ({"version": "1", "image_digest": DIGEST}, ("1", DIGEST), "in-sync"),
        ({"version": "one", "image_digest": DIGEST}, ("1", DIGEST), "in-sync"),
        ({"version": "1", "image_digest": DIGEST}, ("1", OTHER), "drifted"),
        ({"version": "1", "image_digest": DIGEST}, ("1", None), "in-sync"),
        ({"version": "1"}, ("1", DIGEST), "in-sync"),
        ({"version": "2"}, ("1", None), "drifted"),
        ({"image_digest": DIGEST}, ("1", None), "drifted"),
    ],
)
def test_what_runs_is_compared_with_what_is_declared_by_digest_or_else_by_version(
    client: FlaskClient,
    record: Record,
    declared: dict[str, str],
    ran: tuple[str, str | None],
    state: str,
) -> None:
    declare(client, "2026-03-01T12:00:00Z", **declared)
    record(version=ran[0], image_digest=ran[1])

    assert cell(client)["state"] == state


@pytest.mark.parametrize(
    ("declared", "state"), [("9fceb02", "in-sync"), ("9fceb0", "drifted"), ("0fceb02", "drifted")]
)
def test_a_declared_commit_is_what_runs_by_the_name_of_a_tag(
    client: FlaskClient, record: Record, declared: str, state: str
) -> None:
    declare(client, "2026-03-01T12:00:00Z", version=declared)
    record(version="v1.2.3", commit="9fceb02d0ae598e95dc970b74767f19372d61af8")

    assert cell(client)["state"] == state


def test_what_is_declared_stands_beside_what_runs_at_any_time(
    client: FlaskClient, record: Record
) -> None:
    declare(client, "2026-03-01T11:00:00Z", version="1")
    record(version="1", started_at="2026-03-01T11:30:00Z", finished_at="2026-03-01T12:00:00Z")
    declare(client, "2026-03-02T11:00:00Z", version="2")
    record(version="2", started_at="2026-03-02T11:30:00Z", finished_at="2026-03-02T12:00:00Z")
    record(version="3", started_at="2026-03-03T11:30:00Z", finished_at="2026-03-03T12:00:00Z")
    declare(client, "2026-03-04T11:00:00Z")

    def told(at: str) -> tuple[str | None, str | None, bool, str]:
        found = cell(client, f"2026-03-{at}:00Z")
        declared = found["declared"] and found["declared"]["version"]
        return found["version"], declared, found["deploying"], found["state"]

    assert json_of(client.get(URL, query_string={"at": "2026-03-01T10:00:00Z"}))["cells"] == []
    assert told("01T11:00") == (None, "1", False, "unknown")
    assert told("01T11:30") == (None, "1", True, "pending")
    assert told("01T12:00") == ("1", "1", False, "in-sync")
    assert told("02T11:00") == ("1", "2", False, "pending")
    assert told("02T11:30") == ("1", "2", True, "pending")
    assert told("02T12:00") == ("2", "2", False, "in-sync")
    assert told("03T12:00") == ("3", "2", False, "drifted")
    assert told("04T11:00") == ("3", None, False, "unknown")


def test_a_rollout_under_way_is_pending_until_it_has_ended(
    client: FlaskClient, record: Record
) -> None:
    declare(client, "2026-03-01T11:00:00Z", version="1")
    record(version="0", status="running", started_at="2026-03-01T10:00:00Z")
    record(version="1", started_at="2026-03-01T11:30:00Z", finished_at="2026-03-01T12:00:00Z")
    # What never said how it ended, and was overtaken, is not under way.
    assert (cell(client)["deploying"], cell(client)["state"]) == (False, "in-sync")

    rollout = record(version="2", status="running", started_at="2026-03-01T13:00:00Z")
    assert (cell(client)["deploying"], cell(client)["state"]) == (True, "pending")

    client.patch(f"/api/v1/deployments/{rollout['id']}", json={"status": "failed"})
    assert (cell(client)["deploying"], cell(client)["state"]) == (False, "in-sync")


# Version 1 is declared at 10:00, then version 2 at 12:00. An attempt is of a version, ends at an
# hour, and succeeded, failed, was cancelled, or is still running since then. docs/api.md has the
# table.
@pytest.mark.parametrize(
    ("attempts", "state"),
    [
        ([], "unknown"),
        ([("2", 13, "running")], "pending"),
        ([("2", 13, "failed")], "unknown"),
        ([("1", 11, "succeeded")], "pending"),
        ([("1", 11, "succeeded"), ("2", 11.5, "failed")], "pending"),
        ([("1", 11, "succeeded"), ("2", 13, "running")], "pending"),
        ([("1", 11, "succeeded"), ("3", 13, "running")], "pending"),
        ([("1", 11, "succeeded"), ("2", 13, "failed")], "drifted"),
        ([("1", 11, "succeeded"), ("2", 13, "cancelled")], "drifted"),
        ([("1", 11, "succeeded"), ("3", 13, "failed")], "drifted"),
        ([("1", 11, "succeeded"), ("2", 13, "failed"), ("2", 14, "running")], "pending"),
        ([("1", 11, "succeeded"), ("2", 13, "failed"), ("2", 14, "succeeded")], "in-sync"),
        ([("1", 13, "succeeded")], "drifted"),
        ([("3", 13, "succeeded")], "drifted"),
        ([("3", 13, "succeeded"), ("2", 14, "running")], "pending"),
        ([("2", 11, "succeeded")], "in-sync"),
        ([("2", 13, "succeeded")], "in-sync"),
        ([("2", 13, "succeeded"), ("3", 14, "failed")], "in-sync"),
        ([("2", 13, "succeeded"), ("3", 14, "running")], "pending"),
        ([("2", 13, "succeeded"), ("3", 14, "succeeded")], "drifted"),
    ],
)
def test_the_state_follows_from_the_attempts_since_the_declaration(
    client: FlaskClient, record: Record, attempts: list[tuple[str, float, str]], state: str
) -> None:
    declare(client, "2026-03-01T10:00:00Z", version="1")
    declare(client, "2026-03-01T12:00:00Z", version="2")
    for version, hour, status in attempts:
        moment = (datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hour)).isoformat()
        times = {"started_at": moment}
        if status != "running":
            times["finished_at"] = moment
        record(version=version, status=status, **times)

    assert cell(client)["state"] == state


@pytest.fixture(scope="module")
def wide(shared_app: APIFlask) -> FlaskClient:
    """Return the client of a ledger with three services in three environments, in every state."""
    client = shared_app.test_client()
    for service, owner in (("web", "shop"), ("api", "shop"), ("jobs", "ops")):
        client.put(f"/api/v1/services/{service}", json={"owner": owner})
        for environment, version in (("dev", "3"), ("staging", "2"), ("prod", "1")):
            place = {"service": service, "environment": environment}
            ran = {"version": version, "finished_at": "2026-03-01T12:00:00Z"}
            json_of(client.post("/api/v1/deployments", json=place | ran))
    declared = {
        "repository": "https://git.example.com/acme/config",
        "config_revision": "5c6e289",
        "declared_at": "2026-02-01T12:00:00Z",
        "services": {name: {"version": "2"} for name in ("web", "api", "jobs")},
    }
    for environment in ("dev", "staging"):
        assert client.put(f"/api/v1/declarations/{environment}", json=declared).status_code < 300
    return client


def places(client: FlaskClient, query: str) -> list[str]:
    """Return the cells of a query, page by page by the Link header if it has a limit."""
    found, url = [], f"{URL}?{query}"
    while url:
        answer = client.get(url)
        page = json_of(answer)
        found += [f"{each['service']}/{each['environment']}" for each in page["cells"]]
        link = answer.headers.get("Link", "")
        assert bool(link) == bool(page["next_cursor"])
        url = link.partition(">")[0].removeprefix("<")
    return found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("service=api", ["api/dev", "api/staging", "api/prod"]),
        ("environment=prod", ["api/prod", "jobs/prod", "web/prod"]),
        ("owner=ops&environment=dev", ["jobs/dev"]),
        ("state=drifted", ["api/dev", "jobs/dev", "web/dev"]),
        ("state=in-sync&owner=shop", ["api/staging", "web/staging"]),
        ("state=unknown&service=web", ["web/prod"]),
        ("state=pending", []),
        ("service=no-such", []),
        ("at=2026-02-15T00:00:00Z&service=web", ["web/dev", "web/staging"]),
    ],
)
def test_filters_and_pages(wide: FlaskClient, query: str, found: list[str]) -> None:
    assert places(wide, query) == found
    for limit in (1, 2):
        assert places(wide, f"{query}&limit={limit}") == found


def test_pages_are_the_whole_matrix_in_its_order(wide: FlaskClient) -> None:
    whole = places(wide, "")

    assert len(whole) == 9
    for limit in (1, 2, 8, 9, 200):
        assert places(wide, f"limit={limit}") == whole


def test_a_cursor_is_good_only_for_its_own_filters(wide: FlaskClient) -> None:
    cursor = json_of(wide.get(f"{URL}?limit=1&owner=shop"))["next_cursor"]
    assert wide.get(f"{URL}?limit=1&owner=shop&cursor={cursor}").status_code == 200
    services = json_of(wide.get("/api/v1/services?limit=1"))["next_cursor"]
    huge = encode(("api", 10**30, "dev"), "matrix.get_matrix {}")
    below = encode(("api", -1, "dev"), "matrix.get_matrix {}")
    for query in (
        f"limit=1&cursor={cursor}",
        f"cursor={services}",
        f"cursor={huge}",
        f"cursor={below}",
        "limit=0",
        "limit=201",
        "state=lost",
        "owner=",
        "team=shop",
    ):
        problem(wide.get(f"{URL}?{query}"), 422)


def test_no_query_is_compiled(database: Database) -> None:
    """PostgreSQL would compile the matrix's for a second where a table has no statistics yet."""
    with database.read() as connection:
        if connection.dialect.name == "postgresql":
            assert connection.execute(text("SHOW jit")).scalar_one() == "off"
