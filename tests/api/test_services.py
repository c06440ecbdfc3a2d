"""Services: described by their people, listed by name, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from api.database import Database
from api.domain.kit import cursor as cursors
from tests.api.conftest import Record, json_of, problem

URL = "/api/v1/services"
COMPLETE = {
    "owner": "payments",
    "repository": "https://github.com/acme/checkout",
    "image": "ghcr.io/acme/checkout",
}


def names(client: FlaskClient) -> list[str]:
    return [item["name"] for item in json_of(client.get(URL))["items"]]


def test_a_service_is_created_and_read_back_as_it_was_described(client: FlaskClient) -> None:
    created = client.put(f"{URL}/checkout", json=COMPLETE)

    assert created.status_code == 201
    read = client.get(created.headers["Location"])
    assert read.json == created.json
    assert json_of(read) == {
        "name": "checkout",
        **COMPLETE,
        "created_at": json_of(read)["created_at"],
    }


def test_a_description_replaces_the_one_before(client: FlaskClient) -> None:
    first = json_of(client.put(f"{URL}/checkout", json=COMPLETE))
    second = client.put(f"{URL}/checkout", json={"owner": "web"})

    assert second.status_code == 200
    assert json_of(second) == {**first, "owner": "web", "repository": None, "image": None}
    assert client.get(f"{URL}/checkout").json == second.json


def test_a_service_that_was_deployed_is_known_and_can_be_described(
    client: FlaskClient, record: Record
) -> None:
    record(service="web")

    assert json_of(client.get(f"{URL}/web"))["owner"] is None
    assert client.put(f"{URL}/web", json=COMPLETE).status_code == 200
    record(service="web")
    assert json_of(client.get(f"{URL}/web"))["owner"] == "payments"


def test_an_unknown_service_is_not_found(client: FlaskClient) -> None:
    assert "nobody" in str(problem(client.get(f"{URL}/nobody"), 404)["detail"])


@pytest.mark.parametrize("name", ["Check%20Out", "%00", "caf%C3%A9", "a" * 64, "-a"])
def test_a_name_that_cannot_be_is_told_so(client: FlaskClient, name: str) -> None:
    for response in (client.get(f"{URL}/{name}"), client.put(f"{URL}/{name}", json={})):
        errors = problem(response, 422)["errors"]
        assert isinstance(errors, list)
        assert [error["parameter"] for error in errors] == ["name"]
    assert names(client) == []


@pytest.mark.parametrize("image", ["checkout", "localhost:5000/a", "r.example.com/a_b/c--d.e"])
def test_an_image_name_is_taken(client: FlaskClient, image: str) -> None:
    assert json_of(client.put(f"{URL}/checkout", json={"image": image}))["image"] == image


@pytest.mark.parametrize(
    ("fault", "pointer"),
    [
        ({"owner": ""}, "#/owner"),
        ({"owner": "nul\x00"}, "#/owner"),
        ({"owner": "a" * 65536}, "#/owner"),
        ({"owner": 7}, "#/owner"),
        ({"repository": "git@github.com:acme/checkout"}, "#/repository"),
        ({"repository": "javascript:alert(1)"}, "#/repository"),
        ({"repository": "https://example.com/" + "a" * 512}, "#/repository"),
        ({"image": "checkout:1.0"}, "#/image"),
        ({"image": "checkout@sha256:" + "0" * 64}, "#/image"),
        ({"image": "Checkout"}, "#/image"),
        ({"image": "/checkout"}, "#/image"),
        ({"name": "web"}, "#/name"),
    ],
)
def test_a_fault_is_pointed_at_and_nothing_changes(
    client: FlaskClient, fault: dict[str, object], pointer: str
) -> None:
    before = json_of(client.put(f"{URL}/checkout", json=COMPLETE))
    document = problem(client.put(f"{URL}/checkout", json={**COMPLETE, **fault}), 422)

    errors = document["errors"]
    assert isinstance(errors, list)
    assert [error["pointer"] for error in errors] == [pointer]
    assert client.get(f"{URL}/checkout").json == before


def test_only_what_was_read_last_is_replaced(client: FlaskClient) -> None:
    client.put(f"{URL}/checkout", json=COMPLETE)
    etag = client.get(f"{URL}/checkout").headers["ETag"]

    def put(owner: str) -> int:
        body = {"owner": owner}
        return client.put(f"{URL}/checkout", json=body, headers={"If-Match": etag}).status_code

    assert put("web") == 200
    assert put("search") == 412
    assert json_of(client.get(f"{URL}/checkout"))["owner"] == "web"


@pytest.mark.parametrize("condition", ["*", '"anything"'])
def test_no_condition_is_met_by_what_is_not_there(client: FlaskClient, condition: str) -> None:
    problem(client.put(f"{URL}/checkout", json={}, headers={"If-Match": condition}), 412)
    assert names(client) == []


def test_the_list_is_by_name_and_in_pages(client: FlaskClient) -> None:
    for name in ("web", "catalog", "search", "checkout", "identity"):
        client.put(f"{URL}/{name}", json={})

    first = client.get(f"{URL}?limit=2")
    link = first.headers["Link"].partition(">")[0].removeprefix("<")
    second = json_of(client.get(link))
    third = json_of(client.get(f"{URL}?limit=2&cursor={second['next_cursor']}"))

    pages = [json_of(first), second, third]
    assert [[item["name"] for item in page["items"]] for page in pages] == [
        ["catalog", "checkout"],
        ["identity", "search"],
        ["web"],
    ]
    assert third["next_cursor"] is None


def test_the_list_is_sorted_alike_in_whatever_language_the_database_sorts(
    client: FlaskClient, database: Database
) -> None:
    if database.engine.dialect.name == "postgresql":
        with database.write() as connection:
            alter = 'ALTER TABLE services ALTER name TYPE varchar(63) COLLATE "en-x-icu"'
            connection.execute(text(alter))
    for name in ("a_b", "a1", "ab", "a-b", "a.b"):
        client.put(f"{URL}/{name}", json={})

    assert names(client) == ["a-b", "a.b", "a1", "a_b", "ab"]
    cursor = json_of(client.get(f"{URL}?limit=3"))["next_cursor"]
    rest = json_of(client.get(f"{URL}?cursor={cursor}"))["items"]
    assert [item["name"] for item in rest] == ["a_b", "ab"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("owner=web", "owner"),
        ("cursor=made-up", "cursor"),
        ("cursor=WyI5Zjk5OTk5OSIsICJhIl0", "cursor"),
    ],
)
def test_a_wrong_query_names_the_parameter(client: FlaskClient, query: str, parameter: str) -> None:
    errors = problem(client.get(f"{URL}?{query}"), 422)["errors"]

    assert isinstance(errors, list)
    assert [error["parameter"] for error in errors] == [parameter]


@pytest.mark.parametrize("name", ["\ud800", "\x00", "café"])
def test_a_forged_cursor_is_refused(client: FlaskClient, name: str) -> None:
    cursor = cursors.encode((name,), "services.list_services {}")

    problem(client.get(f"{URL}?cursor={cursor}"), 422)


def test_a_cursor_of_another_list_is_refused(client: FlaskClient) -> None:
    for name in ("a", "b"):
        client.put(f"{URL}/{name}", json={})
    cursor = json_of(client.get(f"{URL}?limit=1"))["next_cursor"]

    problem(client.get(f"/api/v1/environments?cursor={cursor}"), 422)
