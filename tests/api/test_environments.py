"""Environments: guessed from their names, then told, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from api.domain.tiers import Guess, Tier, guess
from tests.api.conftest import Record, json_of, problem

URL = "/api/v1/environments"


def told(client: FlaskClient, name: str) -> tuple[str, int]:
    environment = json_of(client.get(f"{URL}/{name}"))
    return environment["tier"], environment["promotion_order"]


@pytest.mark.parametrize(
    ("name", "tier", "order"),
    [("live", "production", 300), ("uat", "staging", 200), ("anything", "development", 100)],
)
def test_a_name_says_what_an_environment_is_for_at_first(
    client: FlaskClient, record: Record, name: str, tier: str, order: int
) -> None:
    record(environment=name)

    assert told(client, name) == (tier, order)


@pytest.mark.parametrize(
    ("tier", "names"),
    {
        "production": "prod production live prd prod-eu-1 production-us eu-live us.prod prod2",
        "staging": "staging qa uat stage stg preprod pre-prod pre-production qa-live prod-staging",
        "development": "dev test non-prod nonprod prod-test dev-live reproduction delivery eu a-1",
    }.items(),
)
def test_the_words_of_a_name_say_the_tier(tier: str, names: str) -> None:
    assert {name: guess(name) for name in names.split()} == dict.fromkeys(
        names.split(), Guess(Tier(tier), transient=False)
    )


@pytest.mark.parametrize(
    ("names", "transient"),
    [
        ("pr-101 pr101 mr-7 pull-7 preview preview-search review-pr-1 review-prod shop-pr-3", True),
        ("prod pr press-1 previewer spr-1 dev", False),
    ],
)
def test_the_words_of_a_name_say_whether_it_stays(names: str, transient: bool) -> None:
    assert [name for name in names.split() if guess(name).transient is not transient] == []


def test_what_is_told_outweighs_the_name_from_then_on(client: FlaskClient, record: Record) -> None:
    record(environment="prod")
    response = client.put(f"{URL}/prod", json={"tier": "staging", "promotion_order": 250})

    assert response.status_code == 200
    assert client.get(f"{URL}/prod").json == response.json
    record(environment="prod")
    assert told(client, "prod") == ("staging", 250)


@pytest.mark.parametrize(
    ("tier", "order"), [("production", 300), ("staging", 200), ("development", 100)]
)
def test_without_a_promotion_order_it_is_that_of_the_tier(
    client: FlaskClient, tier: str, order: int
) -> None:
    created = client.put(f"{URL}/eu", json={"tier": tier})
    assert created.status_code == 201
    assert created.headers["Location"] == f"{URL}/eu"

    client.put(f"{URL}/eu", json={"tier": tier, "promotion_order": 0})
    assert told(client, "eu") == (tier, 0)
    client.put(f"{URL}/eu", json={"tier": tier})
    assert told(client, "eu") == (tier, order)


def test_who_describes_an_environment_says_whether_it_stays(client: FlaskClient) -> None:
    body = {"tier": "staging", "transient": True}
    made = json_of(client.put(f"{URL}/eu", json=body))
    assert (made["transient"], made["described"]) == (True, True)

    assert json_of(client.put(f"{URL}/eu", json={"tier": "staging"}))["transient"] is False


def test_the_list_is_by_name_and_shows_the_order_of_promotion(
    client: FlaskClient, record: Record
) -> None:
    for name in ("staging", "prod", "dev"):
        record(environment=name)

    items = json_of(client.get(URL))["items"]
    assert [(item["name"], item["promotion_order"]) for item in items] == [
        ("dev", 100),
        ("prod", 300),
        ("staging", 200),
    ]
    cursor = json_of(client.get(f"{URL}?limit=2"))["next_cursor"]
    rest = json_of(client.get(f"{URL}?limit=2&cursor={cursor}"))
    assert [item["name"] for item in rest["items"]] == ["staging"]


def test_an_unknown_environment_is_not_found(client: FlaskClient) -> None:
    problem(client.get(f"{URL}/nowhere"), 404)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/tier"),
        ({"tier": "canary"}, "#/tier"),
        ({"tier": "prod\x00"}, "#/tier"),
        ({"tier": "a" * 65536}, "#/tier"),
        ({"tier": "staging", "promotion_order": -1}, "#/promotion_order"),
        ({"tier": "staging", "promotion_order": 2**31}, "#/promotion_order"),
        ({"tier": "staging", "promotion_order": "1"}, "#/promotion_order"),
        ({"tier": "staging", "promotion_order": True}, "#/promotion_order"),
        ({"tier": "staging", "promotion_order": 1.5}, "#/promotion_order"),
        ({"tier": "staging", "order": 1}, "#/order"),
        ({"tier": "staging", "transient": "yes"}, "#/transient"),
    ],
)
def test_a_fault_is_pointed_at_and_nothing_is_stored(
    client: FlaskClient, body: dict[str, object], pointer: str
) -> None:
    errors = problem(client.put(f"{URL}/eu", json=body), 422)["errors"]

    assert isinstance(errors, list)
    assert [error["pointer"] for error in errors] == [pointer]
    problem(client.get(f"{URL}/eu"), 404)


@pytest.mark.parametrize("name", ["Prod", "%00", "a" * 64])
def test_a_name_that_cannot_be_is_told_so(client: FlaskClient, name: str) -> None:
    problem(client.get(f"{URL}/{name}"), 422)
    problem(client.put(f"{URL}/{name}", json={"tier": "staging"}), 422)


def test_only_what_was_read_last_is_replaced(client: FlaskClient) -> None:
    client.put(f"{URL}/eu", json={"tier": "staging"})
    headers = {"If-Match": client.get(f"{URL}/eu").headers["ETag"]}

    body = {"tier": "production"}
    assert client.put(f"{URL}/eu", json=body, headers=headers).status_code == 200
    problem(client.put(f"{URL}/eu", json=body, headers=headers), 412)
    problem(client.put(f"{URL}/us", json=body, headers=headers), 412)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("tier=staging", "tier"), ("cursor=e30", "cursor"), ("limit=x", "limit")],
)
def test_a_wrong_query_names_the_parameter(client: FlaskClient, query: str, parameter: str) -> None:
    errors = problem(client.get(f"{URL}?{query}"), 422)["errors"]

    assert isinstance(errors, list)
    assert [error["parameter"] for error in errors] == [parameter]
