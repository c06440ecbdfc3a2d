"""Recording, reading and listing deployments, on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from api.database import Database
from api.tables import deployments, environments, services
from tests.api.conftest import Record, json_of, problem

URL = "/api/v1/deployments"
COMPLETE = {
    "service": "checkout",
    "environment": "prod",
    "version": "1.4.2",
    "image_digest": "sha256:" + "4f" * 32,
    "commit": "9fceb02d0ae598e95dc970b74767f19372d61af8",
    "kind": "hotfix",
    "status": "failed",
    "started_at": "2026-03-01T12:00:00Z",
    "finished_at": "2026-03-01T12:01:30.250000Z",
}


def test_a_recorded_deployment_is_read_back_as_it_was_sent(client: FlaskClient) -> None:
    created = client.post(URL, json=COMPLETE)

    assert created.status_code == 201
    read = client.get(created.headers["Location"])
    assert read.status_code == 200
    assert read.json == created.json
    assert {name: json_of(read)[name] for name in COMPLETE} == COMPLETE


def test_identifiers_are_time_ordered_uuids(record: Record) -> None:
    first, second = UUID(record()["id"]), UUID(record()["id"])

    assert first.version == second.version == 7
    assert first < second


def test_times_that_are_not_given_are_the_time_of_the_report(record: Record) -> None:
    before = datetime.now(UTC)
    told = record()

    assert told["status"] == "succeeded"
    assert told["kind"] == "rollout"
    assert before <= datetime.fromisoformat(told["started_at"]) <= datetime.now(UTC)
    assert told["finished_at"] == told["started_at"]


def test_a_running_deployment_has_no_end(record: Record) -> None:
    assert record(status="running")["finished_at"] is None


def test_a_start_alone_ends_when_it_is_reported(record: Record) -> None:
    told = record(started_at="2026-03-01T12:00:00Z")

    assert told["started_at"] == "2026-03-01T12:00:00Z"
    assert told["finished_at"] == told["created_at"]


def test_a_start_a_little_ahead_is_the_end_too(record: Record) -> None:
    ahead = (datetime.now(UTC) + timedelta(minutes=2)).isoformat().replace("+00:00", "Z")
    told = record(started_at=ahead)

    assert told["finished_at"] == told["started_at"] == ahead


def test_an_end_alone_is_also_the_start(record: Record) -> None:
    told = record(finished_at="2026-03-01T12:00:00Z")

    assert told["started_at"] == told["finished_at"] == "2026-03-01T12:00:00Z"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("2026-03-01T14:00:00+02:00", "2026-03-01T12:00:00Z"),
        ("2026-03-01t12:00:00z", "2026-03-01T12:00:00Z"),
        ("2026-03-01T12:00:00.123456789Z", "2026-03-01T12:00:00.123456Z"),
        ("2026-02-28T23:30:00-01:00", "2026-03-01T00:30:00Z"),
        ("2026-03-01T12:00:00+05:45", "2026-03-01T06:15:00Z"),
    ],
)
def test_times_are_told_in_utc(record: Record, sent: str, told: str) -> None:
    assert record(started_at=sent)["started_at"] == told


def test_services_and_environments_are_created_once(record: Record, database: Database) -> None:
    for environment in ("dev", "staging", "dev"):
        record(environment=environment)

    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(services)) == 1
        assert connection.scalar(select(func.count()).select_from(environments)) == 2


def test_first_sights_at_the_same_time_are_one(client: FlaskClient, database: Database) -> None:
    def post(version: int) -> int:
        body = {"service": "new", "environment": "new", "version": str(version)}
        return client.application.test_client().post(URL, json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(post, range(24))) == [201] * 24
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(services)) == 1
        assert connection.scalar(select(func.count()).select_from(deployments)) == 24


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"service": None}, "#/service"),
        ({"service": ""}, "#/service"),
        ({"service": "Check Out"}, "#/service"),
        ({"service": "a" * 64}, "#/service"),
        ({"service": "nul\x00"}, "#/service"),
        ({"service": "newline\n"}, "#/service"),
        ({"environment": "pröd"}, "#/environment"),
        ({"version": "1.0 beta"}, "#/version"),
        ({"version": 1.0}, "#/version"),
        ({"image_digest": "sha256:abc"}, "#/image_digest"),
        ({"commit": "HEAD"}, "#/commit"),
        ({"kind": "release"}, "#/kind"),
        ({"status": "done"}, "#/status"),
        ({"started_at": "yesterday"}, "#/started_at"),
        ({"started_at": 1772366400}, "#/started_at"),
        ({"started_at": "2026-03-01"}, "#/started_at"),
        ({"started_at": "2026-03-01T12:00:00"}, "#/started_at"),
        ({"started_at": "2026-02-30T12:00:00Z"}, "#/started_at"),
        ({"started_at": "0001-01-01T00:00:00+14:00"}, "#/started_at"),
        ({"started_at": "2026-02-28T12:00:00+01:60"}, "#/started_at"),
        ({"started_at": "2026-02-28T12:00:00+24:00"}, "#/started_at"),
        ({"started_at": "2016-12-31T23:59:60Z"}, "#/started_at"),
        ({"started_at": "2026-02-28T24:00:00Z"}, "#/started_at"),
        ({"finished_at": "2026-03-01T11:59:59Z"}, "#/finished_at"),
        ({"status": "running"}, "#/finished_at"),
        ({"versoin": "1.0"}, "#/versoin"),
        ({"a/b~c": "1.0"}, "#/a~1b~0c"),
    ],
)
def test_a_fault_is_pointed_at_and_nothing_is_stored(
    client: FlaskClient, database: Database, change: dict[str, object], pointer: str
) -> None:
    document = problem(client.post(URL, json={**COMPLETE, **change}), 422)

    errors = document["errors"]
    assert isinstance(errors, list)
    assert [error["pointer"] for error in errors] == [pointer]
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(services)) == 0


def test_the_first_report_of_a_deployment_creates_it_and_the_next_does_not(
    client: FlaskClient,
) -> None:
    body = {**COMPLETE, "external_id": "4711"}
    first, second = client.post(URL, json=body), client.post(URL, json=body)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.headers["Location"] == second.headers["Location"]


def test_a_clock_may_be_a_little_ahead_but_not_wrong(client: FlaskClient) -> None:
    def started(ahead: timedelta) -> dict[str, str]:
        body = {"service": "web", "environment": "dev", "version": "1", "status": "running"}
        return {**body, "started_at": (datetime.now(UTC) + ahead).isoformat()}

    assert client.post(URL, json=started(timedelta(minutes=4))).status_code == 201
    problem(client.post(URL, json=started(timedelta(minutes=6))), 422)


def test_the_list_is_newest_first_and_narrowed_by_its_filters(
    client: FlaskClient, record: Record
) -> None:
    record(version="1", started_at="2026-03-01T12:00:00Z")
    record(version="2", started_at="2026-03-03T12:00:00Z", environment="prod")
    record(version="3", started_at="2026-03-02T12:00:00Z", service="web", status="failed")

    def versions(query: str) -> list[str]:
        page = json_of(client.get(f"{URL}?{query}"))
        assert page["next_cursor"] is None
        return [item["version"] for item in page["items"]]

    assert versions("") == ["2", "3", "1"]
    assert versions("service=checkout") == ["2", "1"]
    assert versions("environment=dev") == ["3", "1"]
    assert versions("status=failed") == ["3"]
    assert versions("service=checkout&environment=dev") == ["1"]
    assert versions("service=nobody") == []


SERVICES = itertools.count()
HOURS = st.integers(0, 5)  # few, so that many start at the same time and the ids decide


@given(
    before=st.lists(HOURS, max_size=12),
    meanwhile=st.lists(st.lists(HOURS, max_size=3), max_size=6),
    limit=st.integers(1, 5),
)
def test_pages_hold_each_deployment_once_while_others_arrive(
    client: FlaskClient,
    record: Record,
    before: list[int],
    meanwhile: list[list[int]],
    limit: int,
) -> None:
    service = f"service-{next(SERVICES)}"

    def report(hour: int) -> str:
        return str(record(service=service, started_at=f"2026-03-01T{hour:02}:00:00Z")["id"])

    expected = {report(hour) for hour in before}
    arriving = iter(meanwhile)
    inserted: set[str] = set()
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"service": service, "limit": limit, **({"cursor": cursor} if cursor else {})}
        page = json_of(client.get(URL, query_string=query))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        inserted |= {report(hour) for hour in next(arriving, [])}

    assert len(seen) == len(set(seen))
    assert expected <= set(seen) <= expected | inserted


def test_a_full_last_page_says_that_it_is_the_last(client: FlaskClient, record: Record) -> None:
    record()
    record()

    assert json_of(client.get(f"{URL}?limit=2"))["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("servise=checkout", "servise"),
        ("status=done", "status"),
        ("service=%00", "service"),
        ("cursor=made-up", "cursor"),
        ("cursor=" + "a" * 300, "cursor"),
        ("cursor=W10", "cursor"),
        ("cursor=e30", "cursor"),
    ],
)
def test_a_wrong_query_names_the_parameter(client: FlaskClient, query: str, parameter: str) -> None:
    document = problem(client.get(f"{URL}?{query}"), 422)

    errors = document["errors"]
    assert isinstance(errors, list)
    assert [error["parameter"] for error in errors] == [parameter]


def test_a_cursor_is_good_only_for_its_own_filters(client: FlaskClient, record: Record) -> None:
    record()
    record()
    cursor = json_of(client.get(f"{URL}?limit=1&service=checkout"))["next_cursor"]

    assert client.get(f"{URL}?service=checkout&cursor={cursor}").status_code == 200
    problem(client.get(f"{URL}?service=web&cursor={cursor}"), 422)


def test_an_unknown_deployment_is_not_found(client: FlaskClient) -> None:
    unknown = "01a204a7-4dff-7616-882b-1c461cd17a99"
    document = problem(client.get(f"{URL}/{unknown}"), 404)

    assert unknown in str(document["detail"])
