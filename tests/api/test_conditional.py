"""Conditional requests: what has not changed is not sent again, and not changed by mistake."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import Record, json_of, problem

PATHS = ["/", "/openapi.json", "/api/v1/matrix", "/api/v1/deployments"]


@pytest.mark.parametrize("path", PATHS)
def test_what_is_the_same_is_not_sent_again(client: FlaskClient, record: Record, path: str) -> None:
    record()
    first = client.get(path)

    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})

    assert again.status_code == 304
    assert again.data == b""
    assert again.headers["ETag"] == first.headers["ETag"]
    assert "no-cache" in first.headers["Cache-Control"]


def test_what_changed_is_sent(client: FlaskClient, record: Record) -> None:
    record()
    etag = client.get("/api/v1/deployments").headers["ETag"]
    record()

    assert client.get("/api/v1/deployments", headers={"If-None-Match": etag}).status_code == 200


def test_a_change_of_what_was_read_is_made_once(client: FlaskClient, record: Record) -> None:
    url = f"/api/v1/deployments/{record(status='running')['id']}"
    seen = {"If-Match": client.get(url).headers["ETag"]}

    changed = client.patch(url, json={"actor": "ada"}, headers=seen)
    too_late = client.patch(url, json={"actor": "bob"}, headers=seen)

    assert json_of(changed)["actor"] == "ada"
    assert "has changed" in str(problem(too_late, 412)["detail"])
    assert json_of(client.get(url))["actor"] == "ada"


def test_any_state_will_do_for_a_star(client: FlaskClient, record: Record) -> None:
    url = f"/api/v1/deployments/{record()['id']}"

    assert client.patch(url, json={"actor": "ada"}, headers={"If-Match": "*"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/matrix", "/openapi.json"])
def test_a_parameter_that_a_route_does_not_know_is_refused(client: FlaskClient, path: str) -> None:
    errors = problem(client.get(f"{path}?page=2"), 422)["errors"]

    assert [error["parameter"] for error in errors] == ["page"]  # type: ignore[attr-defined]


def test_a_parameter_twice_is_refused(client: FlaskClient) -> None:
    errors = problem(client.get("/api/v1/deployments?limit=1&limit=2"), 422)["errors"]

    assert errors == [{"parameter": "limit", "detail": "is there twice"}]
