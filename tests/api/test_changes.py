"""Changes: reported in batches, each known once, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, func, select

from api.database import Database
from api.tables import changes, services
from tests.api.conftest import json_of, problem

URL = "/api/v1/changes"
COMPLETE = {
    "service": "checkout",
    "commit": "9fceb02d0ae598e95dc970b74767f19372d61af8",
    "committed_at": "2026-03-01T09:30:00Z",
    "author": "ada",
    "title": "Refuse an empty basket",
    "version": "1.4.2",
}


def change(**fields: object) -> dict[str, object]:
    return {**COMPLETE, **fields}


def bare(**fields: object) -> dict[str, object]:
    names = ("service", "commit", "committed_at")
    return {**{name: COMPLETE[name] for name in names}, **fields}


def batch(number: int) -> list[dict[str, object]]:
    return [change(commit=f"{index:040x}") for index in range(number)]


def report(client: FlaskClient, *reported: dict[str, object]) -> dict[str, Any]:
    return json_of(client.post(URL, json={"changes": reported}))


def counts(recorded: dict[str, Any]) -> tuple[int, int, int]:
    return recorded["created"], recorded["completed"], recorded["unchanged"]


def listed(client: FlaskClient, query: str = "") -> list[str]:
    return [item["commit"] for item in json_of(client.get(f"{URL}?{query}"))["items"]]


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def test_a_reported_change_is_read_back_as_it_was_sent(client: FlaskClient) -> None:
    response = client.post(URL, json={"changes": [COMPLETE]})

    assert response.status_code == 201
    (told,) = json_of(response)["items"]
    assert {name: told[name] for name in COMPLETE} == COMPLETE
    assert json_of(client.get(f"{URL}/{told['id']}")) == told
    assert json_of(client.get(URL))["items"] == [told]


def test_what_is_told_comes_in_the_order_it_was_sent(client: FlaskClient) -> None:
    sent = [change(commit=commit) for commit in ("c" * 40, "a" * 40, "b" * 40)]
    recorded = report(client, *sent, change(commit="a" * 40, service="web"))

    assert counts(recorded) == (4, 0, 0)
    assert [(item["commit"][0], item["service"]) for item in recorded["items"]] == [
        ("c", "checkout"),
        ("a", "checkout"),
        ("b", "checkout"),
        ("a", "web"),
    ]


def test_the_same_report_twice_is_one_change(client: FlaskClient) -> None:
    first = client.post(URL, json={"changes": [COMPLETE]})
    second = client.post(URL, json={"changes": [COMPLETE]})

    assert (first.status_code, second.status_code) == (201, 200)
    assert counts(json_of(second)) == (0, 0, 1)
    assert json_of(second)["items"] == json_of(first)["items"]
    assert len(listed(client)) == 1


def test_the_same_change_twice_in_a_batch_is_one(client: FlaskClient) -> None:
    recorded = report(client, bare(), change(), bare())

    assert counts(recorded) == (1, 0, 0)
    assert recorded["items"][0] == recorded["items"][1] == recorded["items"][2]
    assert recorded["items"][0]["version"] == "1.4.2"
    assert json_of(client.get(URL))["items"] == recorded["items"][:1]


def test_a_later_report_fills_in_what_was_missing(client: FlaskClient) -> None:
    report(client, bare())
    recorded = report(client, change(), change(commit="a" * 40))

    assert counts(recorded) == (1, 1, 0)
    assert {name: recorded["items"][0][name] for name in COMPLETE} == COMPLETE
    assert counts(report(client, bare())) == (0, 0, 1)
    assert json_of(client.get(URL))["items"] == recorded["items"][::-1]


def test_the_order_of_reports_leaves_no_trace(client: FlaskClient) -> None:
    reports = [bare(title="B", author="x"), bare(title="A", author="y"), bare(version="1")]

    def told(commit: str, order: list[int]) -> dict[str, Any]:
        for index in order:
            recorded = report(client, {**reports[index], "commit": commit})
        (item,) = recorded["items"]
        return {name: item[name] for name in ("author", "title", "version")}

    first = {"author": "x", "title": "A", "version": "1"}
    assert told("a" * 40, [0, 1, 2]) == told("b" * 40, [2, 1, 0, 0]) == first
    assert told("c" * 40, [1, 2, 0]) == first


@pytest.mark.parametrize(
    ("contradiction", "name"),
    [({"version": "1.4.3"}, "version"), ({"committed_at": "2026-03-01T09:30:01Z"}, "committed_at")],
)
def test_a_contradiction_is_pointed_at_and_nothing_of_the_batch_is_stored(
    client: FlaskClient, contradiction: dict[str, object], name: str
) -> None:
    report(client, change())
    before = json_of(client.get(URL))
    sent = [change(service="new"), change(), change(**contradiction)]

    document = problem(client.post(URL, json={"changes": sent}), 409)

    assert "nothing was stored" in str(document["detail"])
    errors = document["errors"]
    assert isinstance(errors, list)
    assert [error["pointer"] for error in errors] == [f"#/changes/2/{name}"]
    assert json_of(client.get(URL)) == before
    problem(client.get("/api/v1/services/new"), 404)


def test_a_batch_that_contradicts_itself_is_refused(client: FlaskClient) -> None:
    sent = [bare(), change(version="1"), change(version="2")]
    document = problem(client.post(URL, json={"changes": sent}), 409)

    assert document["errors"] == [
        {"pointer": "#/changes/2/version", "detail": "was reported as 1 before"}
    ]
    assert listed(client) == []


def test_the_same_instant_in_another_zone_is_no_contradiction(client: FlaskClient) -> None:
    report(client, change())

    assert counts(report(client, change(committed_at="2026-03-01T10:30:00+01:00"))) == (0, 0, 1)


@pytest.mark.parametrize("spelled", [("v1.4.2", "1.4.2"), ("1.4.2", "v1.4.2")])
def test_a_leading_v_is_no_contradiction(client: FlaskClient, spelled: tuple[str, str]) -> None:
    for version in spelled:
        report(client, change(version=version))

    (found,) = json_of(client.get(URL))["items"]
    assert found["version"] == "1.4.2"


def test_a_thousand_changes_take_as_few_statements_as_two(
    client: FlaskClient, database: Database
) -> None:
    with statements(database) as for_two:
        report(client, *batch(2))
    thousand = batch(1000)
    with statements(database) as for_a_thousand:
        assert counts(report(client, *thousand)) == (998, 0, 2)
    with statements(database) as to_complete:
        report(client, *(each | {"title": "A"} for each in thousand))

    assert len(for_a_thousand) <= len(for_two) <= 6
    assert len(to_complete) <= 6


def test_a_thousand_services_are_no_trouble(client: FlaskClient) -> None:
    recorded = report(client, *(change(service=f"service-{index}") for index in range(1000)))

    assert counts(recorded) == (1000, 0, 0)


def test_an_empty_batch_is_fine(client: FlaskClient) -> None:
    response = client.post(URL, json={"changes": []})

    assert response.status_code == 200
    assert json_of(response) == {"created": 0, "completed": 0, "unchanged": 0, "items": []}


def test_batches_at_the_same_time_make_each_change_once(
    client: FlaskClient, database: Database
) -> None:
    def post(index: int) -> int:
        sent = batch(500)[:: 1 if index % 2 else -1]
        other = client.application.test_client()
        return int(json_of(other.post(URL, json={"changes": sent}))["created"])

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(post, range(4))) == 500
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(changes)) == 500


@pytest.mark.parametrize(
    ("fault", "pointer"),
    [
        ({"service": "Check Out"}, "service"),
        ({"service": "nul\x00"}, "service"),
        ({"commit": "HEAD"}, "commit"),
        ({"commit": None}, "commit"),
        ({"committed_at": "2026-03-01T09:30:00"}, "committed_at"),
        ({"committed_at": "2999-03-01T09:30:00Z"}, "committed_at"),
        ({"committed_at": 1772366400}, "committed_at"),
        ({"author": "a" * 129}, "author"),
        ({"title": "two\nlines"}, "title"),
        ({"title": "nul\x00"}, "title"),
        ({"title": "a" * 65536}, "title"),
        ({"version": "1.0 beta"}, "version"),
        ({"sha": "9fceb02"}, "sha"),
    ],
)
def test_a_fault_is_pointed_at_and_nothing_is_stored(
    client: FlaskClient, database: Database, fault: dict[str, object], pointer: str
) -> None:
    sent = [change(commit="a" * 40), change(**fault)]
    errors = problem(client.post(URL, json={"changes": sent}), 422)["errors"]

    assert isinstance(errors, list)
    assert [error["pointer"] for error in errors] == [f"#/changes/1/{pointer}"]
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(services)) == 0


@pytest.mark.parametrize("body", [{}, {"changes": None}, {"changes": COMPLETE}])
def test_a_body_without_changes_is_refused(client: FlaskClient, body: dict[str, object]) -> None:
    problem(client.post(URL, json=body), 422)


def test_more_than_a_thousand_changes_are_refused(client: FlaskClient) -> None:
    errors = problem(client.post(URL, json={"changes": batch(1001)}), 422)["errors"]

    assert isinstance(errors, list)
    assert [error["pointer"] for error in errors] == ["#/changes"]


def test_the_list_is_newest_first_and_narrowed_by_its_filters(client: FlaskClient) -> None:
    a, b, c = (letter * 40 for letter in "abc")
    report(
        client,
        change(commit=a, committed_at="2026-03-01T12:00:00Z", version="1"),
        change(commit=b, committed_at="2026-03-03T12:00:00Z", version="2"),
        change(commit=c, committed_at="2026-03-02T12:00:00Z", version="1", service="web"),
    )

    assert listed(client) == [b, c, a]
    assert listed(client, "service=checkout") == [b, a]
    assert listed(client, "version=1") == [c, a]
    assert listed(client, "from=2026-03-02T12:00:00Z&to=2026-03-03T12:00:00Z") == [c]
    assert listed(client, "service=nobody") == []


def test_pages_hold_each_change_once(client: FlaskClient) -> None:
    report(client, *batch(7))
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = json_of(client.get(f"{URL}?limit=3{cursor and '&cursor=' + cursor}"))
        seen += [item["commit"] for item in page["items"]]
        cursor = page["next_cursor"]

    assert sorted(seen) == [f"{index:040x}" for index in range(7)]


def test_a_cursor_is_good_only_for_its_own_filters(client: FlaskClient) -> None:
    report(client, *batch(2))
    cursor = json_of(client.get(f"{URL}?limit=1&version=1.4.2"))["next_cursor"]

    assert client.get(f"{URL}?version=1.4.2&cursor={cursor}").status_code == 200
    problem(client.get(f"{URL}?cursor={cursor}"), 422)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("commit=9fceb02", "commit"),
        ("service=%00", "service"),
        ("version=a%20b", "version"),
        ("from=2026-03-01T12:00:00", "from"),
        ("from=2026-03-02T12:00:00Z&to=2026-03-01T12:00:00Z", "to"),
        ("cursor=made-up", "cursor"),
    ],
)
def test_a_wrong_query_names_the_parameter(client: FlaskClient, query: str, parameter: str) -> None:
    errors = problem(client.get(f"{URL}?{query}"), 422)["errors"]

    assert isinstance(errors, list)
    assert [error["parameter"] for error in errors] == [parameter]


def test_an_unknown_change_is_not_found(client: FlaskClient) -> None:
    problem(client.get(f"{URL}/01a204a7-4dff-7616-882b-1c461cd17a99"), 404)
