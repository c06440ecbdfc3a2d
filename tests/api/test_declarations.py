"""What git declares: told whole, in any order, and kept, on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.database import Database
from api.domain.declarations import reports
from api.domain.declarations.model import Declaration
from tests.api.conftest import bearer, json_of, problem

URL = "/api/v1/declarations"
ONE, TWO = ("sha256:" + digit * 64 for digit in "12")
REPOSITORY = "https://git.example.com/acme/gitops"


def statement(day: int = 1, **services: dict[str, Any] | str) -> dict[str, Any]:
    """Return what k8s/ declares as of a day of March; a version alone was declared that day."""
    return {
        "repository": REPOSITORY,
        "path": "k8s",
        "config_revision": f"{day:07}",
        "declared_at": f"2026-03-{day:02}T12:00:00Z",
        "services": {
            name: {"version": told} if isinstance(told, str) else told
            for name, told in services.items()
        },
    }


def since(day: int, version: str) -> dict[str, Any]:
    """Return a release that says itself since when it is declared."""
    revision, at = f"{day:07}", f"2026-03-{day:02}T12:00:00Z"
    return {"version": version, "config_revision": revision, "declared_at": at}


def put(
    client: FlaskClient, body: dict[str, Any], environment: str = "prod", **headers: str
) -> dict[str, str | None]:
    """Declare; return the version that is declared of each service now."""
    return versions(json_of(client.put(f"{URL}/{environment}", json=body, headers=headers)))


def versions(told: dict[str, Any]) -> dict[str, str | None]:
    return {name: each["version"] for name, each in told["services"].items()}


def facts(client: FlaskClient, query: str = "") -> list[tuple[str, str | None, int]]:
    """Return service, version and day of all that was declared, newest first."""
    items = json_of(client.get(f"{URL}?{query}"))["items"]
    return [(each["service"], each["version"], int(each["declared_at"][8:10])) for each in items]


def test_what_is_declared_is_told_with_who_says_so_and_since_when(client: FlaskClient) -> None:
    body = statement(checkout={"version": "1.0", "image_digest": ONE})
    created = client.put(f"{URL}/prod", json=body)

    assert created.status_code == 201
    assert created.headers["Location"] == f"{URL}/prod"
    assert created.json == {
        "environment": "prod",
        "services": {
            "checkout": {
                "version": "1.0",
                "image_digest": ONE,
                "config_revision": "0000001",
                "repository": REPOSITORY,
                "path": "k8s",
                "declared_at": "2026-03-01T12:00:00Z",
            }
        },
    }
    assert client.get(f"{URL}/prod").json == created.json


@pytest.mark.parametrize("timed", [True, False])
def test_the_same_again_changes_nothing(client: FlaskClient, timed: bool) -> None:
    body = statement(checkout="1.0", web="2.0")
    if not timed:
        del body["declared_at"]
    first = client.put(f"{URL}/prod", json=body)
    before = client.get(URL).json
    second = client.put(f"{URL}/prod", json=body)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json == second.json
    assert client.get(URL).json == before


def test_a_later_revision_that_declares_the_same_leaves_its_time(client: FlaskClient) -> None:
    put(client, statement(1, checkout="1.0", web="2.0"))
    put(client, statement(2, checkout="1.0", web="2.1"))

    assert facts(client) == [("web", "2.1", 2), ("web", "2.0", 1), ("checkout", "1.0", 1)]


def test_what_is_left_out_is_withdrawn_and_can_come_back(client: FlaskClient) -> None:
    put(client, statement(1, checkout="1.0", web="2.0"))
    assert put(client, statement(2, web="2.0")) == {"web": "2.0"}
    assert put(client, statement(3, web="2.0")) == {"web": "2.0"}
    assert put(client, statement(4, checkout="1.0", web="2.0"))["checkout"] == "1.0"

    assert facts(client, "service=checkout") == [
        ("checkout", "1.0", 4),
        ("checkout", None, 2),
        ("checkout", "1.0", 1),
    ]


def test_what_others_declare_stays(client: FlaskClient) -> None:
    put(client, statement(checkout="1.0"))
    put(client, {**statement(web="2.0"), "path": "apps"})
    put(client, {**statement(search="3.0"), "repository": REPOSITORY + "-too"})
    put(client, statement(dev="9.0"), "dev")

    declared = {"checkout": "1.0", "web": "2.0", "search": "3.0"}
    assert put(client, statement(2, checkout="1.1")) == {**declared, "checkout": "1.1"}
    assert put(client, statement(3)) == {"web": "2.0", "search": "3.0"}


def test_who_declares_it_last_may_withdraw_it(client: FlaskClient) -> None:
    """A repository gets another name."""
    put(client, statement(1, checkout="1.0"))
    renamed = {**statement(2, checkout="1.0"), "repository": REPOSITORY + "-too"}

    assert put(client, renamed) == {"checkout": "1.0"}
    assert put(client, statement(3)) == {"checkout": "1.0"}
    assert put(client, {**renamed, "services": {}}) == {}


STATEMENTS = (
    statement(1, checkout=since(1, "1.0")),
    statement(2, checkout=since(2, "1.1"), web=since(2, "2.0")),
    statement(3, checkout=since(3, "1.0"), web=since(2, "2.0")),
    statement(4, checkout=since(3, "1.0")),
)


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))], ids=str)
def test_revisions_may_be_told_in_any_order(
    sqlite_client: FlaskClient, order: tuple[int, ...]
) -> None:
    for number in order:
        now = put(sqlite_client, STATEMENTS[number])

    assert now == {"checkout": "1.0"}
    assert facts(sqlite_client, "service=checkout") == [
        ("checkout", "1.0", 3),
        ("checkout", "1.1", 2),
        ("checkout", "1.0", 1),
    ]
    assert facts(sqlite_client, "service=web") == [("web", None, 4), ("web", "2.0", 2)]


def test_a_late_report_of_another_release_does_not_change_the_present(client: FlaskClient) -> None:
    """What changes nothing is not forgotten."""
    put(client, statement(1, checkout="1.0"))
    put(client, statement(3, checkout="1.0"))

    assert put(client, statement(2, checkout="1.1")) == {"checkout": "1.0"}
    assert facts(client) == [("checkout", "1.0", 3), ("checkout", "1.1", 2), ("checkout", "1.0", 1)]
    (cell,) = json_of(client.get("/api/v1/matrix"))["cells"]
    assert cell["declared"]["config_revision"] == "0000003"


def test_a_late_report_does_not_bring_back_what_was_left_out(client: FlaskClient) -> None:
    put(client, statement(2, checkout="1.1"))

    assert put(client, statement(1, checkout="1.0", web="2.0")) == {"checkout": "1.1"}
    assert facts(client, "service=web") == [("web", None, 2), ("web", "2.0", 1)]


def test_what_was_declared_before_there_were_reports_stays(
    client: FlaskClient, database: Database
) -> None:
    """As a version before this one stored it, and still does during a rollout."""
    with database.write() as connection:
        reports.store_all(
            connection,
            [
                Declaration(
                    service=name,
                    environment="prod",
                    **dict.fromkeys(("version", "config_revision"), version),
                    image_digest=None,
                    repository=REPOSITORY,
                    path="k8s",
                    declared_at=datetime(2026, 3, day, 12, tzinfo=UTC),
                )
                for name, version, day in (("checkout", "1.0", 1), ("checkout", "1.2", 4))
            ],
        )

    assert put(client, statement(2, checkout="1.1", web="2.0")) == {"checkout": "1.2", "web": "2.0"}
    assert put(client, statement(5, web="2.0")) == {"web": "2.0"}
    assert put(client, statement(3, checkout="1.1", web="2.1")) == {"web": "2.0"}
    assert facts(client, "service=checkout") == [
        ("checkout", None, 5),
        ("checkout", "1.2", 4),
        ("checkout", "1.1", 2),
        ("checkout", "1.0", 1),
    ]


def test_a_report_that_is_corrected_replaces_itself(client: FlaskClient) -> None:
    put(client, statement(checkout="1.0", web="2.0"))

    assert put(client, statement(checkout="1.1")) == {"checkout": "1.1"}
    assert facts(client, "service=checkout") == [("checkout", "1.1", 1)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_revisions_of_one_instant_the_greater_holds(
    client: FlaskClient, order: tuple[int, ...]
) -> None:
    told = [
        {**statement(checkout="1.0", web="2.0"), "config_revision": "a"},
        {**statement(checkout="1.1"), "config_revision": "b"},
    ]
    for number in order:
        now = put(client, told[number])

    assert now == {"checkout": "1.1"}
    assert [each["config_revision"] for each in json_of(client.get(URL))["items"]] == ["b"]


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("own", [{}, {"declared_at": "2026-03-01T12:00:00Z"}])
def test_what_both_of_them_declare_is_declared_by_the_greater(
    sqlite_client: FlaskClient, order: str, own: dict[str, str]
) -> None:
    for revision in order:
        body = statement(2, checkout={"version": "1.0", **own})
        put(sqlite_client, {**body, "config_revision": revision})

    items = json_of(sqlite_client.get(URL))["items"]
    assert [each["config_revision"] for each in items] == ["b"]


def test_only_what_was_read_last_is_replaced(client: FlaskClient) -> None:
    put(client, statement(1, checkout="1.0"))
    seen = client.get(f"{URL}/prod").headers["ETag"]

    assert put(client, statement(2, checkout="1.1"), **{"If-Match": seen})
    again = client.put(f"{URL}/prod", json=statement(3, checkout="1.2"), headers={"If-Match": seen})
    problem(again, 412)
    problem(client.put(f"{URL}/dev", json=statement(), headers={"If-Match": seen}), 412)
    assert versions(json_of(client.get(f"{URL}/prod"))) == {"checkout": "1.1"}
    problem(client.get(f"{URL}/dev"), 404)


def test_the_list_is_narrowed_and_walked_page_by_page(client: FlaskClient) -> None:
    for day in (1, 2, 3):
        put(client, statement(day, checkout=f"1.{day}", web=f"2.{day}"))
        put(client, statement(day, checkout=f"1.{day}"), "dev")

    assert len(facts(client)) == 9
    assert [each[2] for each in facts(client, "service=web&environment=prod")] == [3, 2, 1]
    window = "from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z&environment=dev"
    assert facts(client, window) == [("checkout", "1.2", 2)]
    first = json_of(client.get(f"{URL}?environment=prod&limit=4"))
    cursor = first["next_cursor"]
    rest = json_of(client.get(f"{URL}?environment=prod&limit=4&cursor={cursor}"))
    found = [*first["items"], *rest["items"]]
    problem(client.get(f"{URL}?environment=dev&cursor={cursor}"), 422)
    assert len({each["id"] for each in found}) == len(found) == 6


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"repository": "git@example.com:acme"}, "#/repository"),
        ({"path": "/k8s"}, "#/path"),
        ({"path": "k8s\x00"}, "#/path"),
        ({"config_revision": None}, "#/config_revision"),
        ({"declared_at": "2999-01-01T00:00:00Z"}, "#/declared_at"),
        ({"declared_at": "2026-03-01"}, "#/declared_at"),
        ({"services": []}, "#/services"),
        ({"services": {"checkout": {}}}, "#/services/checkout"),
        ({"services": {"checkout": {"version": None}}}, "#/services/checkout"),
        ({"services": {"checkout": {"tag": "1.0"}}}, "#/services/checkout/tag"),
        ({"services": {"checkout": {"image_digest": "1"}}}, "#/services/checkout/image_digest"),
        ({"services": {"checkout": {"[key]": "1"}}}, "#/services/checkout/%5Bkey%5D"),
        ({"services": {"Checkout": {"version": "1"}}}, "#/services/Checkout"),
        ({"services": {f"s{n}": {"version": "1"} for n in range(1001)}}, "#/services"),
        ({"environment": "dev"}, "#/environment"),
    ],
)
def test_a_fault_is_pointed_at_and_nothing_is_stored(
    client: FlaskClient, changed: dict[str, Any], pointer: str
) -> None:
    body = {**statement(checkout="1.0"), **changed}
    errors = problem(client.put(f"{URL}/prod", json=body), 422)["errors"]

    assert isinstance(errors, list)
    assert [error["pointer"] for error in errors] == [pointer]
    assert facts(client) == []
    problem(client.get(f"{URL}/prod"), 404)


def test_to_declare_needs_the_scope_write(client: FlaskClient, anonymous: FlaskClient) -> None:
    made = json_of(client.post("/api/v1/tokens", json={"name": "viewer", "scopes": ["read"]}))

    for headers, status in (({}, 401), (bearer(made["token"]), 403)):
        problem(anonymous.put(f"{URL}/prod", json=statement(), headers=headers), status)
