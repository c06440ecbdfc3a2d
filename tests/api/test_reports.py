"""Reports about one deployment, in any order: on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from api.database import Database
from api.tables import evidence
from tests.api.conftest import json_of, problem

URL = "/api/v1/deployments"
ONE = {"service": "checkout", "environment": "prod", "version": "1.0", "external_id": "4711"}
# What a pipeline says of one deployment: each time a little more.
STORY: list[dict[str, Any]] = [
    {"status": "pending", "started_at": "2026-03-01T12:00:00Z", "actor": "ada"},
    {"status": "running", "started_at": "2026-03-01T12:00:00Z", "commit": "9fceb02"},
    {
        "status": "failed",
        "finished_at": "2026-03-01T12:05:00Z",
        "links": [{"title": "log", "url": "https://ci.example.com/1"}],
    },
    {
        "status": "succeeded",
        "finished_at": "2026-03-01T12:09:00Z",
        "image_digest": "sha256:" + "4f" * 32,
        "links": [{"title": "again", "url": "https://ci.example.com/2"}],
    },
]
WHOLE = {
    "status": "succeeded",
    "started_at": "2026-03-01T12:00:00Z",
    "finished_at": "2026-03-01T12:09:00Z",
    "actor": "ada",
    "commit": "9fceb02",
    "image_digest": "sha256:" + "4f" * 32,
    "links": [
        {"title": "again", "url": "https://ci.example.com/2"},
        {"title": "log", "url": "https://ci.example.com/1"},
    ],
}


def told(client: FlaskClient) -> dict[str, Any]:
    (item,) = json_of(client.get(URL))["items"]
    return {name: item[name] for name in WHOLE}


def test_the_first_report_creates_and_the_next_ones_add(client: FlaskClient) -> None:
    first = client.post(URL, json={**ONE, **STORY[0]})
    second = client.post(URL, json={**ONE, **STORY[1]})

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.headers["Location"] == second.headers["Location"]
    assert json_of(second)["status"] == "running"
    assert (json_of(second)["actor"], json_of(second)["commit"]) == ("ada", "9fceb02")


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::4])
def test_reports_in_any_order_make_the_same_deployment(
    client: FlaskClient, order: tuple[int, ...]
) -> None:
    for number in order:
        json_of(client.post(URL, json={**ONE, **STORY[number]}))

    assert told(client) == WHOLE


# Each example has an external id of its own, so the ledger need not be emptied in between.
NUMBERS = itertools.count()


@given(order=st.lists(st.integers(0, 3), min_size=4, max_size=10).filter(lambda o: len({*o}) == 4))
def test_reports_in_any_order_and_number_make_the_same_deployment(
    client: FlaskClient, order: list[int]
) -> None:
    external_id = f"run-{next(NUMBERS)}"
    for number in order:
        recorded = json_of(
            client.post(URL, json={**ONE, **STORY[number], "external_id": external_id})
        )

    read = json_of(client.get(f"{URL}/{recorded['id']}"))
    assert {name: read[name] for name in WHOLE} == WHOLE


def test_a_late_report_of_an_earlier_state_changes_nothing(client: FlaskClient) -> None:
    json_of(client.post(URL, json={**ONE, "status": "cancelled"}))
    before = client.get(URL).json

    json_of(client.post(URL, json={**ONE, "status": "running"}))

    assert client.get(URL).json == before


@pytest.mark.parametrize(
    ("better", "worse"),
    [("succeeded", "failed"), ("succeeded", "cancelled"), ("cancelled", "failed")],
)
def test_two_ends_at_the_same_time_are_settled_by_the_worse(
    client: FlaskClient, better: str, worse: str
) -> None:
    for status in (better, worse, better):
        report = {**ONE, "status": status, "finished_at": "2026-03-01T12:05:00Z"}
        json_of(client.post(URL, json=report))

    assert told(client)["status"] == worse


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", "2.0"),
        ("environment", "staging"),
        ("service", "web"),
        ("commit", "abcdef0"),
        ("image_digest", "sha256:" + "00" * 32),
        ("config_revision", "main@sha1:2"),
    ],
)
def test_a_report_that_contradicts_is_refused_and_changes_nothing(
    client: FlaskClient, field: str, value: str
) -> None:
    known = {"commit": "9fceb02", "image_digest": "sha256:" + "4f" * 32, "config_revision": "1"}
    json_of(client.post(URL, json={**ONE, **known, "status": "running"}))
    before = client.get(URL).json

    refused = client.post(URL, json={**ONE, "status": "failed", field: value})

    assert field in str(problem(refused, 409)["detail"])
    assert client.get(URL).json == before


def test_a_report_sent_again_without_a_time_leaves_the_end_alone(client: FlaskClient) -> None:
    for _ in range(3):
        json_of(client.post(URL, json={**ONE, "status": "succeeded"}))
    ended = client.get(URL).json

    json_of(client.post(URL, json={**ONE, "status": "failed"}))

    assert client.get(URL).json == ended


def test_the_first_actor_and_the_first_stated_kind_count(client: FlaskClient) -> None:
    for actor, kind in (("ada", "hotfix"), ("grace", "rollout"), ("alan", "rollback")):
        recorded = json_of(client.post(URL, json={**ONE, "actor": actor, "kind": kind}))

    assert (recorded["actor"], recorded["kind"]) == ("ada", "hotfix")


@pytest.mark.parametrize("before", [1, 2])
def test_what_a_person_changed_stays_when_further_reports_come(
    client: FlaskClient, before: int
) -> None:
    for _ in range(before):
        first = json_of(client.post(URL, json={**ONE, **STORY[0]}))
    change = {"status": "cancelled", "finished_at": "2026-03-01T12:05:00Z", "actor": "grace"}
    changed = json_of(client.patch(f"{URL}/{first['id']}", json=change))

    reported = json_of(client.post(URL, json={**ONE, **STORY[0], **STORY[3]}))

    same = ("id", "created_at", "started_at", *change)
    assert {name: reported[name] for name in same} == {name: changed[name] for name in same}
    assert reported["image_digest"] == STORY[3]["image_digest"]


def test_who_changes_nothing_says_nothing_that_is_kept(
    client: FlaskClient, database: Database
) -> None:
    first = json_of(client.post(URL, json={**ONE, **STORY[0]}))

    assert json_of(client.patch(f"{URL}/{first['id']}", json={})) == first
    with database.read() as connection:
        assert not connection.execute(select(evidence)).all()


def test_sources_have_ids_of_their_own(client: FlaskClient) -> None:
    for source in ("github", "argocd"):
        assert client.post(URL, json={**ONE, "source": source}).status_code == 201


def test_reports_at_the_same_time_make_one_deployment(client: FlaskClient) -> None:
    def report(number: int) -> int:
        own = client.application.test_client()
        return own.post(URL, json={**ONE, **STORY[number % 4]}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(report, range(16)))

    assert sorted(statuses) == [200] * 15 + [201], statuses
    assert told(client) == WHOLE


@pytest.mark.parametrize(
    "field",
    [
        {"actor": "a\x00b"},
        {"actor": "x" * 65536},
        {"external_id": "two words"},
        {"external_id": "x" * 257},
        {"config_revision": ""},
        {"source": "GitHub"},
        {"kind": "accident"},
        {"links": [{"title": "log", "url": "javascript:alert(1)"}]},
        {"links": [{"title": "log", "url": "https://example.com", "rel": "x"}]},
        {"links": [{"title": "log", "url": "https://example.com"}] * 11},
    ],
    ids=lambda field: f"{json.dumps(field)[:60]} {len(str(field))}",
)
def test_what_is_not_valid_is_pointed_at(client: FlaskClient, field: dict[str, Any]) -> None:
    errors = problem(client.post(URL, json={**ONE, **field}), 422)["errors"]

    (pointer,) = [error["pointer"] for error in errors]  # type: ignore[attr-defined]
    assert pointer.startswith(f"#/{next(iter(field))}")
    assert json_of(client.get(URL))["items"] == []
