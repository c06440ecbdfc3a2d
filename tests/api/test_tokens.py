"""Making, listing and revoking tokens over HTTP."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from api.database import Database
from api.domain.kit.times import now
from api.tables import tokens
from tests.api.conftest import bearer, json_of, problem

URL = "/api/v1/tokens"


def test_a_token_is_shown_once_and_works(client: FlaskClient) -> None:
    response = client.post(URL, json={"name": "ci", "scopes": ["write", "read", "write"]})

    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    created = json_of(response)
    token = created.pop("token")
    assert re.fullmatch(r"slw_[0-9a-f]{32}_[A-Za-z0-9_-]{43}", token)
    assert token.split("_")[1] == created["id"].replace("-", "")
    assert created["scopes"] == ["read", "write"]
    assert json_of(client.get(response.headers["Location"])) == created
    assert client.get("/api/v1/matrix", headers=bearer(token)).status_code == 200


def test_only_a_hash_is_kept(client: FlaskClient, database: Database) -> None:
    token = json_of(client.post(URL, json={"name": "ci", "scopes": ["read"]}))["token"]

    with database.read() as connection:
        kept = repr(connection.execute(select(tokens)).one())
    assert token[-43:] not in kept


def test_several_tokens_may_have_one_name(client: FlaskClient) -> None:
    """While one replaces the other, both are good."""
    old, new = (
        json_of(client.post(URL, json={"name": "ci", "scopes": ["read"]})) for _ in range(2)
    )
    for each in (old, new):
        assert client.get("/api/v1/matrix", headers=bearer(each["token"])).status_code == 200

    assert client.delete(f"{URL}/{old['id']}").status_code == 204
    problem(client.get("/api/v1/matrix", headers=bearer(old["token"])), 401)
    assert client.get("/api/v1/matrix", headers=bearer(new["token"])).status_code == 200


def test_an_expiry_is_told_in_utc(client: FlaskClient) -> None:
    body = {"name": "ci", "scopes": ["read"], "expires_at": "2999-03-01T14:00:00+02:00"}

    assert json_of(client.post(URL, json=body))["expires_at"] == "2999-03-01T12:00:00Z"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": "C I"}, "#/name"),
        ({"name": None}, "#/name"),
        ({"scopes": []}, "#/scopes"),
        ({"scopes": "read"}, "#/scopes"),
        ({"scopes": ["read", "root"]}, "#/scopes/1"),
        ({"scopes": ["ingest:"]}, "#/scopes/0"),
        ({"scopes": ["ingest:Git Hub"]}, "#/scopes/0"),
        ({"scopes": ["read\n"]}, "#/scopes/0"),
        ({"scopes": ["ingest:argo-cd"]}, "#/scopes"),
        ({"scopes": ["read"] * 21}, "#/scopes"),
        ({"expires_at": (now() - timedelta(seconds=1)).isoformat()}, "#/expires_at"),
        ({"expires_at": "soon"}, "#/expires_at"),
        ({"secret": "mine"}, "#/secret"),
    ],
)
def test_a_fault_is_pointed_at_and_nothing_is_stored(
    client: FlaskClient, database: Database, change: dict[str, object], pointer: str
) -> None:
    document = problem(client.post(URL, json={"name": "ci", "scopes": ["read"], **change}), 422)

    errors = document["errors"]
    assert isinstance(errors, list)
    assert [error["pointer"] for error in errors] == [pointer]
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(tokens)) == 0


def test_an_unknown_source_is_told_the_known_ones(client: FlaskClient) -> None:
    body = {"name": "ci", "scopes": ["ingest:flux", "ingest:argo-cd"]}
    errors = problem(client.post(URL, json=body), 422)["errors"]

    sources = "argocd, argorollouts, cloudevents, flagger, flux, github, gitlab"
    detail = f"ingest:argo-cd is for no source; the sources are {sources}"
    assert errors == [{"pointer": "#/scopes", "detail": detail}]


def test_the_list_has_pages_and_no_secret(client: FlaskClient) -> None:
    made = [
        json_of(client.post(URL, json={"name": f"ci{n}", "scopes": ["read"]})) for n in range(3)
    ]
    first = client.get(f"{URL}?limit=2")
    page = json_of(first)
    rest = json_of(client.get(f"{URL}?limit=2&cursor={page['next_cursor']}"))

    assert [each["name"] for each in page["items"] + rest["items"]] == ["ci2", "ci1", "ci0"]
    assert rest["next_cursor"] is None
    assert 'rel="next"' in first.headers["Link"]
    assert "token" not in page["items"][0]
    assert not any(each["token"][-43:] in first.text for each in made)


def test_a_revocation_can_be_repeated_and_keeps_its_time(client: FlaskClient) -> None:
    location = client.post(URL, json={"name": "ci", "scopes": ["read"]}).headers["Location"]

    answers = [client.delete(location) for _ in range(2)]
    assert [(each.status_code, each.data) for each in answers] == [(204, b"")] * 2
    first = json_of(client.get(location))["revoked_at"]
    client.delete(location)
    assert json_of(client.get(location))["revoked_at"] == first is not None


def test_an_unknown_token_is_not_found(client: FlaskClient) -> None:
    unknown = f"{URL}/{uuid4()}"

    problem(client.get(unknown), 404)
    problem(client.delete(unknown), 404)
