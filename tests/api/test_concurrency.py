"""Requests at the same time, on PostgreSQL: all are answered, and nothing is lost.

SQLite has one writer at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from api import tables
from api.database import Database
from api.domain import recording
from api.domain.events import retraction
from api.domain.events.cloudevents import BATCH
from api.domain.kit import sql
from api.domain.transfer import inserting
from api.outages import Outage, UnavailableError
from tests.api.conftest import Apps, json_of
from tests.api.events.payloads import CLOUDEVENTS, cdevent
from tests.api.events.test_inbox import items
from tests.postgresql import Lender

URL = "/api/v1/deployments"
THREADS = 8


@pytest.fixture
def app(apps: Apps, postgresql_lender: Lender) -> Iterator[APIFlask]:
    """Return an application on PostgreSQL."""
    with postgresql_lender.lend() as made, apps.lend(made, THREADS=THREADS + 2) as app:
        yield app


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be tried again, so that a deadlock is an answer."""
    monkeypatch.setattr("api.database.ATTEMPTS", 1)


def subscribe(client: FlaskClient) -> str:
    types = ["deployment.finished", "promotion.pending"]
    body = {"url": "https://hooks.example.com/x", "types": types}
    return str(json_of(client.post("/api/v1/subscriptions", json=body))["id"])


@pytest.mark.usefixtures("once")
def test_a_subscription_is_deleted_beside_reports_and_none_is_lost(app: APIFlask) -> None:
    names = [f"s-{number}" for number in range(4)]
    stopped = Event()

    def report(thread: int) -> list[int]:
        client = app.test_client()
        answers: list[int] = []
        while not stopped.is_set():
            number = len(answers)
            if thread % 2:
                answer = send(client, events(names, thread * 1000 + number))
            else:
                body = {"service": names[thread // 2], "environment": "prod", "version": "1"}
                answer = client.post(URL, json=body)
            answers.append(answer.status_code)
        return answers

    client = app.test_client()
    with ThreadPoolExecutor(THREADS) as pool:
        reporting = [pool.submit(report, thread) for thread in range(THREADS)]
        try:
            deleted = [
                client.delete(f"/api/v1/subscriptions/{subscribe(client)}").status_code
                for _ in range(10)
            ]
        finally:
            stopped.set()
        answers = [status for each in reporting for status in each.result()]

    assert deleted == [204] * 10
    assert set(answers) == {201, 202}


@pytest.mark.parametrize("path", ["services/web", "environments/dev"])
def test_what_reports_are_about_is_deleted_beside_them(app: APIFlask, path: str) -> None:
    stopped = Event()

    def report(thread: int) -> list[int]:
        client = app.test_client()
        answers: list[int] = []
        while not stopped.is_set():
            number = f"{thread}-{len(answers)}"
            body = {"service": "web", "environment": "dev", "version": number}
            answers.append(client.post(URL, json=body).status_code)
            event = cdevent(id=number, subject="web", environment={"id": "dev"})
            media_type = {"Content-Type": "application/cloudevents+json"}
            answers.append(client.post(CLOUDEVENTS, json=event, headers=media_type).status_code)
        return answers

    client = app.test_client()
    with ThreadPoolExecutor(4) as pool:
        reporting = [pool.submit(report, thread) for thread in range(4)]
        try:
            deleted = [client.delete(f"/api/v1/{path}").status_code for _ in range(20)]
        finally:
            stopped.set()
        answers = [status for each in reporting for status in each.result()]

    assert set(deleted) <= {204, 404}
    assert 204 in deleted
    assert set(answers) == {201, 202}


def changes(names: list[str], round_: int) -> tuple[str, str, Any]:
    batch = [
        {"service": name, "commit": f"{round_:07x}", "committed_at": "2026-11-01T10:00:00Z"}
        for name in names
    ]
    return "POST", "/api/v1/changes", {"changes": batch}


def declarations(names: list[str], round_: int) -> tuple[str, str, Any]:
    services = {name: {"version": str(round_)} for name in names}
    body = {
        "services": services,
        "config_revision": str(round_),
        "repository": "https://github.com/acme/config",
        "path": names[0],
    }
    return "PUT", f"/api/v1/declarations/dev-{round_}", body


def events(names: list[str], round_: int) -> tuple[str, str, Any]:
    batch = [cdevent(id=f"{round_}-{name}", subject=name) for name in names]
    return "POST", CLOUDEVENTS, batch


Batch = Callable[[list[str], int], tuple[str, str, Any]]


def send(client: FlaskClient, batch: tuple[str, str, Any]) -> TestResponse:
    method, path, body = batch
    media_type = BATCH if path == CLOUDEVENTS else "application/json"
    data = json.dumps(body)
    return client.open(path, method=method, data=data, content_type=media_type)


@pytest.mark.usefixtures("once")
@pytest.mark.parametrize("batch", [changes, declarations, events])
def test_batches_in_opposite_orders_do_not_wait_for_each_other(app: APIFlask, batch: Batch) -> None:
    names = [f"s-{number}" for number in range(8)]
    subscribe(app.test_client())

    def answers(names: list[str]) -> set[int]:
        client = app.test_client()
        return {send(client, batch(names, round_)).status_code for round_ in range(3)}

    with ThreadPoolExecutor(4) as pool:
        orders = [names, names[::-1], names[4:] + names[:4], names[1::2] + names[::2]]
        found = set[int]().union(*pool.map(answers, orders))

    assert found <= {200, 201, 202}


@pytest.mark.parametrize("again", ["replay", "rebuild"])
def test_who_refers_to_an_event_does_not_wait_while_it_is_projected_again(
    app: APIFlask, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    """They may hold the cell that is needed for it."""
    database: Database = app.extensions["database"]
    client, retract = app.test_client(), retraction.retract
    send(client, events(["checkout"], 1))
    (stored,) = items(client, "events")
    referred = select(tables.events.c.id).with_for_update(read=True, key_share=True, nowait=True)

    def retract_and_refer(*arguments: Any) -> Any:
        with database.engine.begin() as other:
            assert len(other.execute(referred).all()) == 1
        return retract(*arguments)

    monkeypatch.setattr(retraction, "retract", retract_and_refer)
    if again == "replay":
        assert client.post(f"/api/v1/events/{stored['id']}/replay").status_code == 202
    else:
        assert app.test_cli_runner().invoke(args=["ledger", "rebuild"]).exit_code == 0


@pytest.mark.usefixtures("once")
def test_what_is_being_changed_is_deleted_after_that(
    app: APIFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    database: Database = app.extensions["database"]
    client, change = app.test_client(), recording.change_deployment
    body = {"service": "checkout", "environment": "dev", "version": "1", "status": "running"}
    made = json_of(client.post(URL, json=body))
    waiting = text(
        "SELECT 1 FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )

    def delete() -> int:
        return app.test_client().delete("/api/v1/services/checkout").status_code

    with ThreadPoolExecutor(1) as pool:
        deleting: list[Future[int]] = []

        def delete_and_change(*arguments: Any) -> None:
            deleting.append(pool.submit(delete))
            with database.engine.connect() as other:
                while not deleting[0].done() and not other.execute(waiting).first():
                    other.rollback()
            change(*arguments)

        monkeypatch.setattr(recording, "change_deployment", delete_and_change)
        answer = client.patch(f"{URL}/{made['id']}", json={"status": "succeeded"})
        (deleted,) = deleting

    assert (answer.status_code, deleted.result()) == (200, 204)


def test_one_of_two_that_wait_for_each_other_is_tried_again(app: APIFlask) -> None:
    database: Database = app.extensions["database"]
    both = Barrier(2)

    def lock(first: int, second: int) -> int:
        tries = 0

        def use_case() -> int:
            nonlocal tries
            tries += 1
            with database.write() as connection:
                sql.lock(connection, first)
                if tries == 1:
                    both.wait(timeout=10)
                sql.lock(connection, second)
            return tries

        return database.retrying(use_case)

    with ThreadPoolExecutor(2) as pool:
        tries = list(pool.map(lock, (1, 2), (2, 1)))

    assert sorted(tries) == [1, 2]


def test_an_import_goes_on_after_a_conflict(
    app: APIFlask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert_all, calls = inserting.insert_all, []

    def insert_and_fail(*arguments: Any) -> int:
        calls.append(1)
        done = insert_all(*arguments)
        if len(calls) == 1:
            raise UnavailableError(Outage.CONFLICT, "deadlock detected")
        return done

    monkeypatch.setattr("api.domain.transfer.importing.insert_all", insert_and_fail)
    file = tmp_path / "lines"
    file.write_text(json.dumps({"type": "service", "name": "checkout"}) + "\n")
    done = app.test_cli_runner().invoke(args=["ledger", "import", str(file)])

    assert (done.exit_code, len(calls)) == (0, 2), done.output
    assert "added: 1 service;" in done.output


def test_what_is_tried_again_is_recorded_and_announced_once(
    app: APIFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, calls = recording.report_deployments, []

    def report_and_fail(*arguments: Any) -> Any:
        calls.append(1)
        done = report(*arguments)
        if len(calls) == 1:
            raise UnavailableError(Outage.CONFLICT, "deadlock detected")
        return done

    monkeypatch.setattr(recording, "report_deployments", report_and_fail)
    client = app.test_client()
    subscribe(client)
    body = {"service": "checkout", "environment": "dev", "version": "1"}
    answer = client.post(URL, json=body, headers={"Idempotency-Key": "a"})

    assert answer.status_code == 201
    assert len(calls) == 2
    assert [each["id"] for each in items(client, "deployments")] == [json_of(answer)["id"]]
    assert len(items(client, "deliveries")) == 1
