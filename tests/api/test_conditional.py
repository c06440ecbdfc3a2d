"""Conditional requests: what has not changed is not sent again, and not changed by mistake."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.utils import import_string

from tests.api.conftest import NewApp, Record, json_of, problem
from tests.postgresql import Lender, traced


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


@pytest.mark.parametrize(
    "time",
    [
        "yesterday",
        "Mon, 01 Jan 10000 00:00:00 GMT",
        "Mon, 01 Jan 99999999999 00:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "Mon, 01 Jan 2999 00:00:00 GMT",
    ],
)
def test_a_condition_on_a_time_is_ignored(client: FlaskClient, time: str) -> None:
    """No answer has a time of its last modification."""
    for name in ("If-Modified-Since", "If-Unmodified-Since", "If-Range"):
        assert client.get("/api/v1/services", headers={name: time}).status_code == 200


def test_a_read_with_another_etag_is_refused(client: FlaskClient) -> None:
    for path in ("/api/v1/services", "/", "/healthz"):
        told = problem(client.get(path, headers={"If-Match": '"another"'}), 412)
        assert "has changed" in str(told["detail"])
        etag = client.get(path).headers["ETag"]
        assert client.get(path, headers={"If-Match": etag}).status_code == 200


def test_any_state_will_do_for_a_star(client: FlaskClient, record: Record) -> None:
    url = f"/api/v1/deployments/{record()['id']}"

    assert client.patch(url, json={"actor": "ada"}, headers={"If-Match": "*"}).status_code == 200
    for path in (url, "/api/v1/deployments", "/", "/healthz"):
        assert client.get(path, headers={"If-Match": "*"}).status_code == 200
        assert client.head(path, headers={"If-Match": " * "}).status_code == 200
    seen = {"If-Match": "*", "If-None-Match": client.get(url).headers["ETag"]}
    assert client.get(url, headers=seen).status_code == 304


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("services/web", {}),
        ("environments/prod", {"tier": "production"}),
        (
            "declarations/prod",
            {
                "services": {"web": {"version": "1.0"}},
                "repository": "https://example.com/x",
                "config_revision": "1",
                "declared_at": "2026-03-01T12:00:00Z",
            },
        ),
    ],
)
def test_what_exists_is_not_replaced_by_what_must_be_new(
    client: FlaskClient, path: str, body: dict[str, object]
) -> None:
    url, new = f"/api/v1/{path}", {"If-None-Match": "*"}
    assert client.put(url, json=body, headers=new).status_code == 201
    etag = client.get(url).headers["ETag"]

    for condition in (new, {"If-None-Match": etag}, {"If-None-Match": f'"x", W/{etag}'}):
        problem(client.put(url, json=body, headers=condition), 412)
    assert client.get(url).headers["ETag"] == etag
    assert client.put(url, json=body, headers={"If-None-Match": '"x"'}).status_code == 200


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("services/web", "api.routes.services.SERVICES", {"owner": "late"}),
        ("environments/prod", "api.routes.environments.ENVIRONMENTS", {"tier": "staging"}),
    ],
)
def test_of_two_that_create_at_once_one_is_refused(
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    kind: str,
    body: dict[str, object],
) -> None:
    url, real, looked = f"/api/v1/{path}", import_string(kind), []

    def unseen_at_first(*arguments: object) -> object:
        looked.append(arguments)
        return None if len(looked) == 1 else real.find(*arguments)

    first = json_of(client.put(url, json={"tier": "production"} if "prod" in path else {}))
    monkeypatch.setattr(kind, real._replace(find=unseen_at_first))
    problem(client.put(url, json=body, headers={"If-None-Match": "*"}), 412)

    assert json_of(client.get(url)) == first


def test_a_parameter_twice_is_refused(client: FlaskClient) -> None:
    errors = problem(client.get("/api/v1/deployments?limit=1&limit=2"), 422)["errors"]

    assert errors == [{"parameter": "limit", "detail": "is repeated"}]


DEPLOYMENT = {"service": "web", "environment": "prod", "version": "1.0", "external_id": "1"}
DECLARED = {
    "services": {"web": {"version": "1.1"}},
    "repository": "https://example.com/x",
    "config_revision": "2",
    "declared_at": "2026-03-01T12:00:00Z",
}
# What others write, beginning with what changes all that is read.
WRITES: list[tuple[str, str, dict[str, Any]]] = [
    ("PATCH", "deployments/{id}", {"status": "running"}),
    ("POST", "deployments", {**DEPLOYMENT, "status": "succeeded", "source": "ci"}),
    ("POST", "deployments", {**DEPLOYMENT, "version": "1.1", "external_id": "2"}),
    ("PUT", "declarations/prod", DECLARED),
    ("PUT", "environments/prod", {"tier": "production"}),
    ("PUT", "services/web", {"owner": "ada"}),
    ("POST", "incidents", {"service": "web", "environment": "prod", "title": "It is down"}),
    ("DELETE", "deployments/{id}", {}),
]


def test_an_answer_is_the_same_only_until_something_is_written(
    new_app: NewApp, migrated_database: dict[str, object]
) -> None:
    ours, others = (new_app(**migrated_database).test_client() for _ in range(2))
    started = others.post("/api/v1/deployments", json={**DEPLOYMENT, "status": "pending"})
    identity = json_of(started)["id"]
    paths = [
        "/api/v1/deployments",
        "/api/v1/deployments?limit=1",
        f"/api/v1/deployments/{identity}",
        "/api/v1/matrix",
        "/api/v1/matrix?owner=ada",
    ]
    etags = {path: ours.get(path).headers["ETag"] for path in paths}
    for method, path, body in WRITES:
        written = others.open(f"/api/v1/{path.format(id=identity)}", method=method, json=body)
        assert written.status_code < 300, written.text
        for read in paths:
            # The first time it is made, and the second time it is remembered.
            for _ in range(2):
                answer = ours.get(read, headers={"If-None-Match": etags[read]})
                fresh = others.get(read)
                etag = fresh.headers.get("ETag")
                status = 304 if etag == etags[read] else fresh.status_code
                assert (answer.status_code, answer.headers.get("ETag")) == (status, etag)
            etags[read] = fresh.headers.get("ETag", etags[read])


def test_what_is_remembered_takes_one_statement(new_app: NewApp, postgresql_lender: Lender) -> None:
    with postgresql_lender.lend() as made:
        app = new_app(**made, THREADS=1)
        client = app.test_client()
        identity = json_of(client.post("/api/v1/deployments", json=DEPLOYMENT))["id"]
        for path in ("deployments?limit=20", "matrix", f"deployments/{identity}"):
            seen = {"If-None-Match": client.get(f"/api/v1/{path}").headers["ETag"]}
            for _ in range(6):  # until the statement is prepared, which takes one more
                assert client.get(f"/api/v1/{path}", headers=seen).status_code == 304
            with traced(app.extensions["database"].engine) as count:
                assert client.get(f"/api/v1/{path}", headers=seen).status_code == 304
                assert count() == 1, path


def test_who_may_not_read_is_not_told_that_nothing_changed(
    client: FlaskClient, anonymous: FlaskClient
) -> None:
    seen = {"If-None-Match": client.get("/api/v1/matrix").headers["ETag"]}
    for _ in range(2):
        assert client.get("/api/v1/matrix", headers=seen).status_code == 304

    assert anonymous.get("/api/v1/matrix", headers=seen).status_code == 401


def test_the_application_leaves_the_date_to_the_server(client: FlaskClient) -> None:
    etag = client.get("/api/v1/matrix").headers["ETag"]

    for headers in ({}, {"If-None-Match": etag}, {"If-Match": etag}):
        assert "Date" not in client.get("/api/v1/matrix", headers=headers).headers
