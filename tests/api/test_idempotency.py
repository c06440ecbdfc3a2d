"""`Idempotency-Key`: a POST that is sent again changes nothing and gets the answer it had."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, func, insert, select, update
from werkzeug.test import TestResponse

from api.database import Database
from api.domain import answers as domain
from api.domain.deployments import reports
from api.domain.kit.times import now
from api.outages import Outage, UnavailableError
from api.tables import answers, deployments, events, services
from tests.api.conftest import NewApp, Record, json_of, problem

URL = "/api/v1/deployments"
TOKENS = "/api/v1/tokens"
BODY = {"service": "checkout", "environment": "dev", "version": "1.0"}


def send(
    client: FlaskClient, key: str, body: dict[str, Any] | None = None, **headers: str
) -> TestResponse:
    return client.post(URL, json=body or BODY, headers={"Idempotency-Key": key, **headers})


def count(database: Database, table: Table = deployments) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def replayed(response: TestResponse) -> bool:
    return response.headers.get("Idempotency-Replayed") == "true"


def test_the_same_request_again_gets_the_same_answer(
    client: FlaskClient, database: Database
) -> None:
    first = send(client, "a")
    again = send(client, "a")

    assert first.status_code == again.status_code == 201
    assert first.data == again.data
    for name in ("Location", "Content-Type", "Content-Length"):
        assert first.headers[name] == again.headers[name]
    assert (replayed(first), replayed(again)) == (False, True)
    assert first.headers["X-Request-ID"] != again.headers["X-Request-ID"]
    assert count(database) == 1


def test_a_key_is_about_one_path(client: FlaskClient) -> None:
    incident = {"service": "checkout", "environment": "dev", "title": "It is slow"}
    send(client, "a")
    other = client.post("/api/v1/incidents", json=incident, headers={"Idempotency-Key": "a"})

    assert json_of(other)["title"] == "It is slow"


def test_without_a_key_nothing_is_kept(client: FlaskClient, database: Database) -> None:
    ids = {json_of(client.post(URL, json=BODY))["id"] for _ in range(2)}

    assert len(ids) == 2
    assert count(database, answers) == 0


def test_the_answer_is_that_of_the_time_it_was_given(client: FlaskClient) -> None:
    body = {**BODY, "status": "running"}
    first = send(client, "a", body)
    client.patch(first.headers["Location"], json={"status": "failed"})

    assert json_of(send(client, "a", body))["status"] == "running"


def test_another_request_with_the_same_key_is_refused(
    client: FlaskClient, database: Database
) -> None:
    send(client, "a")

    refused = problem(send(client, "a", {**BODY, "version": "2.0"}), 422)

    detail = "was used for a different request; use a new one"
    assert refused["errors"] == [{"header": "Idempotency-Key", "detail": detail}]
    assert count(database) == 1


@pytest.mark.parametrize("key", ["", " \t", "x" * 256, "x" * 10 * 1024, "clé", "a\tb"])
def test_a_key_is_up_to_255_printable_characters(
    client: FlaskClient, database: Database, key: str
) -> None:
    refused = problem(send(client, key), 422)

    detail = "must be 1 to 255 printable ASCII characters"
    assert refused["errors"] == [{"header": "Idempotency-Key", "detail": detail}]
    assert count(database) == 0
    assert send(client, "x" * 255).status_code == 201


def cloud_event(client: FlaskClient, path: str = "", **attributes: str) -> TestResponse:
    told = {"specversion": "1.0", "id": "1", "source": "/ci", "type": "com.example", **attributes}
    headers = {f"ce-{name}": value for name, value in told.items()}
    url = f"/api/v1/cloudevents{path}"
    return client.post(url, json={}, headers={"Idempotency-Key": "a", **headers})


def test_another_event_in_the_headers_is_another_request(
    client: FlaskClient, database: Database
) -> None:
    github = {"Idempotency-Key": "a", "X-GitHub-Delivery": "1"}
    for other in ({"id": "2"}, {"type": "com.example.other"}, {"extension": "x"}):
        assert cloud_event(client).status_code == 204
        problem(cloud_event(client, **other), 422)
    for agent in ("one", "another"):
        sent = {**github, "User-Agent": agent}
        assert client.post("/api/v1/webhooks/github", json={}, headers=sent).status_code == 204
    sent = {**github, "X-GitHub-Delivery": "2"}
    problem(client.post("/api/v1/webhooks/github", json={}, headers=sent), 422)

    assert count(database, events) == 2


def test_a_dry_run_stores_nothing(client: FlaskClient, database: Database) -> None:
    for identifier in ("1", "2"):
        assert not replayed(cloud_event(client, "/dry-run", id=identifier))

    assert count(database, answers) == 0
    problem(client.post("/api/v1/cloudevents/dry-run", headers={"Idempotency-Key": ""}), 422)


def new_token(client: FlaskClient, name: str) -> str:
    """Return a new token that may write."""
    made = json_of(client.post(TOKENS, json={"name": name, "scopes": ["write"]}))
    return str(made["token"])


def test_a_token_is_not_told_twice(client: FlaskClient) -> None:
    body = {"name": "one", "scopes": ["read"]}
    first, second = (
        client.post(TOKENS, json=body, headers={"Idempotency-Key": "a"}) for _ in range(2)
    )

    assert json_of(first)["id"] != json_of(second)["id"]


def test_each_caller_has_keys_of_its_own(client: FlaskClient, database: Database) -> None:
    writers = [new_token(client, name) for name in ("one", "two")]
    for token in (*writers, writers[0]):
        assert send(client, "a", Authorization=f"Bearer {token}").status_code == 201

    assert count(database) == 2


def test_neither_keys_nor_callers_nor_bodies_are_kept(
    client: FlaskClient, database: Database
) -> None:
    token = new_token(client, "one")
    send(client, "my-key", Authorization=f"Bearer {token}")

    with database.read() as connection:
        stored = str(connection.execute(select(answers)).mappings().one())
    assert "my-key" not in stored
    assert token not in stored


@pytest.mark.parametrize(
    ("body", "status"), [({**BODY, "version": "no version"}, 422), ({**BODY, "wrong": 1}, 422)]
)
def test_an_error_leaves_the_key_free(
    client: FlaskClient, database: Database, body: dict[str, Any], status: int
) -> None:
    problem(send(client, "a", body), status)

    assert count(database, answers) == 0
    assert send(client, "a").status_code == 201


def test_a_conflict_leaves_nothing_behind(client: FlaskClient, database: Database) -> None:
    known = {**BODY, "external_id": "1"}
    send(client, "a", known)

    problem(send(client, "b", {**known, "service": "other"}), 409)

    assert count(database, services) == 1
    assert count(database, answers) == 1


def test_a_crash_after_the_write_leaves_nothing_behind(
    client: FlaskClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = reports.record_all

    def crash(*arguments: Any) -> Any:
        record(*arguments)
        raise RuntimeError

    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    with monkeypatch.context() as broken:
        broken.setattr(reports, "record_all", crash)
        problem(send(client, "a"), 500)

    assert (count(database), count(database, answers)) == (0, 0)
    assert send(client, "a").status_code == 201


def test_a_crash_while_the_answer_is_stored_undoes_the_write(
    client: FlaskClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> None:
        raise UnavailableError(Outage.SILENT, "the server closed the connection")

    with monkeypatch.context() as broken:
        broken.setattr(domain, "store", crash)
        problem(send(client, "a"), 503)

    assert count(database) == 0
    assert not replayed(send(client, "a"))


def test_of_several_at_once_one_is_recorded(client: FlaskClient, database: Database) -> None:
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda _: send(client.application.test_client(), "a"), range(24)))

    created = [each for each in told if each.status_code == 201]
    assert len([each for each in created if not replayed(each)]) == 1
    assert len({each.data for each in created}) == 1
    for each in told:
        if each.status_code != 201:
            problem(each, 409)
            assert each.headers["Retry-After"] == "1"
    assert count(database) == 1


@contextmanager
def under_way(app: APIFlask, monkeypatch: pytest.MonkeyPatch, key: str) -> Iterator[None]:
    """Keep a request with that key from ending."""
    started, finish = threading.Event(), threading.Event()
    record = reports.record_all

    def slowly(*arguments: Any) -> Any:
        recorded = record(*arguments)
        started.set()
        assert finish.wait(10)
        return recorded

    with ThreadPoolExecutor(1) as thread:
        with monkeypatch.context() as slow:
            slow.setattr(reports, "record_all", slowly)
            first = thread.submit(send, app.test_client(), key)
            assert started.wait(10)
        try:
            yield
        finally:
            finish.set()
        assert first.result().status_code == 201


def test_a_key_in_flight_is_refused_and_then_replayed(
    app: APIFlask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with under_way(app, monkeypatch, "a"):
        refused = send(client, "a")

    assert "in progress" in str(problem(refused, 409)["detail"])
    assert refused.headers["Retry-After"] == "1"
    assert replayed(send(client, "a"))


def test_a_key_in_flight_in_another_process_is_refused(
    app: APIFlask,
    new_app: NewApp,
    migrated_database: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "DATABASE_HOST" not in migrated_database:
        pytest.skip("an embedded database belongs to one process")
    other = new_app(**migrated_database).test_client()

    with under_way(app, monkeypatch, "a"):
        problem(send(other, "a"), 409)
        elsewhere = {**BODY, "service": "search", "environment": "prod"}
        assert send(other, "b", elsewhere).status_code == 201

    assert replayed(send(other, "a"))


def test_an_answer_is_kept_for_a_day(client: FlaskClient, database: Database) -> None:
    send(client, "a")

    _age(database, timedelta(hours=23, minutes=59))
    assert replayed(send(client, "a"))
    _age(database, timedelta(hours=24))
    assert not replayed(send(client, "a"))
    assert count(database) == 2
    assert count(database, answers) == 1


def test_expired_answers_are_forgotten_a_few_at_a_time(
    client: FlaskClient, database: Database
) -> None:
    row = {"body_hash": "", "status": 200, "headers": [], "body": ""}
    old, fresh = now() - timedelta(hours=25), now() - timedelta(hours=1)
    rows = [{**row, "key_hash": f"old {n}", "created_at": old} for n in range(15)]
    with database.write() as connection:
        connection.execute(insert(answers), rows)
        connection.execute(insert(answers), {**row, "key_hash": "fresh", "created_at": fresh})

    send(client, "a")
    assert count(database, answers) == 15 - domain.FORGOTTEN_AT_ONCE + 2
    send(client, "b")
    assert count(database, answers) == 3


def _age(database: Database, age: timedelta) -> None:
    with database.write() as connection:
        connection.execute(update(answers).values(created_at=now() - age))


@settings(
    max_examples=15,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sent=st.lists(st.integers(0, 4), max_size=20))
def test_retries_in_any_order_store_each_request_once(
    client: FlaskClient, database: Database, sent: list[int]
) -> None:
    before, example = count(database), uuid4()
    told: dict[int, set[bytes]] = {number: set() for number in sent}

    for number in sent:
        body = {**BODY, "version": f"1.{number}"}
        told[number].add(send(client, f"{example} {number}", body).data)

    assert all(len(answer) == 1 for answer in told.values())
    assert count(database) - before == len(told)


def test_a_part_that_fails_is_undone_alone(database: Database, record: Record) -> None:
    def name_it(name: str) -> None:
        with database.write() as connection:
            connection.execute(update(services).values(name=name))
            if name == "wrong":
                raise KeyError(name)

    def name() -> str:
        with database.read() as connection:
            return str(connection.execute(select(services.c.name)).scalar_one())

    record()
    with database.write():
        name_it("right")
        with pytest.raises(KeyError):
            name_it("wrong")
        assert name() == "right"
    assert name() == "right"


def test_every_post_below_the_api_describes_it(sqlite_client: FlaskClient) -> None:
    paths = json_of(sqlite_client.get("/openapi.json"))["paths"]
    takes = {
        (path, method)
        for path, operations in paths.items()
        for method, operation in operations.items()
        if "Idempotency-Key" in [each["name"] for each in operation["parameters"]]
    }

    # A secret is told once: its answer is not stored.
    secret = {(TOKENS, "post"), ("/api/v1/subscriptions", "post")}
    posts = {(path, "post") for path in paths if "post" in paths[path]}
    assert takes == posts - secret
    for path, method in takes:
        responses = paths[path][method]["responses"]
        assert "Idempotency-Key" in responses["409"]["description"]
        assert "Idempotency-Key" in responses["422"]["description"]
