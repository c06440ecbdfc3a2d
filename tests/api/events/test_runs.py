"""What Flux says again and again is one deployment, in whatever order it comes."""

from __future__ import annotations

import json
import os
import random
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select, update

from api.database import Database
from api.domain.events import inbox
from api.domain.events.adapters.flux import FLUX
from api.domain.events.signatures import sign
from api.domain.kit.times import now
from api.domain.transfer import exporting
from api.engine import let_write
from api.tables import events
from tests.api.conftest import NewApp, json_of, problem
from tests.api.events.orders import tries
from tests.api.events.payloads import OLD_SECRET, SECRET, flux
from tests.api.events.samples import sample
from tests.api.events.test_evidence import export, told
from tests.api.events.test_inbox import items

URL = "/api/v1/webhooks/flux"
ORDERS = 1000 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 16
A, B = f"1.0.0@sha256:{'a' * 64}", f"2.0.0@sha256:{'b' * 64}"
SUCCEEDED, FAILED = "ReconciliationSucceeded", "HealthCheckFailed"
HELM: dict[str, Any] = {"kind": "HelmRelease", "revision": "6.5.4"}
HISTORY = [
    flux(FAILED, 0, A),
    flux(FAILED, 1, A),
    flux(SUCCEEDED, 2, A),
    flux(SUCCEEDED, 12, A),
    flux(FAILED, 22, A),
    flux(SUCCEEDED, 32, A),
    flux(FAILED, 42, B),
    flux(FAILED, 43, B),
    flux(SUCCEEDED, 44, A),
    flux(SUCCEEDED, 54, A),
    flux(SUCCEEDED, 55, B),
    flux(SUCCEEDED, 12, A, environment="staging"),
    flux("UpgradeSucceeded", 3, **HELM, environment="dev"),
    flux("UpgradeSucceeded", 4, **HELM, environment="dev"),
    flux("UpgradeFailed", 5, **HELM, environment="dev"),
    flux("UpgradeFailed", 6, **HELM, environment="dev"),
    flux("UpgradeFailed", 57, **HELM, environment="dev"),
    flux("UpgradeFailed", 118, **HELM, environment="dev"),
    flux("UpgradeFailed", 122, **HELM, environment="dev"),
    flux("RollbackSucceeded", 7, **HELM, environment="dev"),
    flux("TestFailed", 11, **HELM, environment="test"),
    flux("UpgradeSucceeded", 20, **HELM, environment="test", **{"app-version": "1.4.2"}),
    flux("TestFailed", 21, **HELM, environment="test"),
    flux("TestFailed", 22, **HELM, environment="test"),
    flux("RollbackSucceeded", 23, **HELM, environment="test", **{"app-version": "1.4.1"}),
    # All in one second.
    flux("UpgradeSucceeded", 30, **HELM, environment="test", **{"app-version": "1.4.3"}),
    flux("TestFailed", 30, **HELM, environment="test"),
    flux("UpgradeFailed", 40, **HELM, environment="test", **{"app-version": "1.4.4"}),
    flux("RollbackSucceeded", 40, **HELM, environment="test", **{"app-version": "1.4.1"}),
    flux("TestFailed", 41, **HELM, environment="test"),
    flux(FAILED, 20, A, environment="staging"),
    flux(SUCCEEDED, 20, B, environment="staging"),
    flux(SUCCEEDED, 21, B, environment="staging"),
]


def rows(found: list[dict[str, Any]], environment: str) -> list[tuple[str, str, str]]:
    return [
        (each["version"], each["status"], f"{each['finished_at']:%H:%M}")
        for each in sorted(found, key=lambda each: each["finished_at"])
        if each["environment"] == environment
    ]


def ledger_of(database: Database, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with database.engine.connect() as connection:
        let_write(connection)
        for body in bodies:
            came = inbox.received(FLUX, {}, body, json.dumps(body).encode())
            inbox.receive(connection, FLUX, came, {"flux": FLUX.rules})
        found = told(connection)
        connection.rollback()
    return found


def test_a_run_is_one_deployment_and_a_revision_that_returns_another_one(
    database: Database,
) -> None:
    found = ledger_of(database, HISTORY)

    assert rows(found, "prod") == [
        ("1.0.0", "succeeded", "12:02"),  # failed at first; what fails later is no deployment
        ("2.0.0", "failed", "12:42"),
        ("1.0.0", "succeeded", "12:44"),
        ("2.0.0", "succeeded", "12:55"),
    ]
    assert rows(found, "staging") == [
        ("1.0.0", "succeeded", "12:12"),
        ("2.0.0", "succeeded", "12:20"),
    ]
    assert rows(found, "dev") == [
        ("6.5.4", "succeeded", "12:03"),
        ("6.5.4", "succeeded", "12:04"),
        ("6.5.4", "failed", "12:05"),
        ("6.5.4", "succeeded", "12:07"),
        ("6.5.4", "failed", "12:57"),
        ("6.5.4", "failed", "13:58"),  # not a retry: too late for one
    ]
    assert rows(found, "test") == [
        ("6.5.4", "failed", "12:11"),  # what succeeded before was lost
        ("1.4.2", "failed", "12:21"),
        ("1.4.1", "succeeded", "12:23"),
        ("1.4.3", "failed", "12:30"),
        ("1.4.4", "failed", "12:40"),
        ("1.4.1", "failed", "12:41"),
    ]
    kinds = [each["kind"] for each in found if f"{each['finished_at']:%H:%M}" in ("12:40", "12:41")]
    assert sorted(kinds) == ["rollback", "rollout"]


def test_a_rollback_comes_after_the_failure_of_the_same_second(database: Database) -> None:
    story = [
        flux("InstallSucceeded", 0, **HELM),
        flux("UpgradeFailed", 20, **HELM),
        flux("RollbackSucceeded", 20, **HELM),
    ]
    for order in permutations(story):
        found = sorted(ledger_of(database, list(order)), key=lambda each: each["finished_at"])
        assert [each["status"] for each in found] == ["succeeded", "failed", "succeeded"]
        assert found[1]["finished_at"] < found[2]["finished_at"]
        assert [each["kind"] for each in found] == ["rollout", "rollout", "rollback"]


def test_the_order_leaves_no_trace(database: Database) -> None:
    expected = ledger_of(database, HISTORY)
    chance = random.Random(20260301)  # noqa: S311
    for _ in range(tries(database, ORDERS)):
        bodies = HISTORY + chance.choices(HISTORY, k=5)
        chance.shuffle(bodies)
        assert ledger_of(database, bodies) == expected


def deliver(client: FlaskClient, body: Any, secret: str = SECRET, by: str = "sha256") -> Any:
    raw = json.dumps(body).encode()
    signature = f"{by}={sign(secret, raw, by)}"
    headers = {"Content-Type": "application/json", "X-Signature": signature}
    return client.post(URL, data=raw, headers=headers | {"Authorization": ""})


def test_it_is_stored_once_said_again_and_the_same_after_a_rebuild(
    app: APIFlask, client: FlaskClient
) -> None:
    chance = random.Random(7)  # noqa: S311
    for body in chance.sample(HISTORY, len(HISTORY)):
        assert deliver(client, body).status_code in (202, 204)
        assert deliver(client, body).status_code == 200
    assert deliver(client, flux("Progressing", 1)).status_code == 204
    staging = next(e for e in items(client, "deployments") if e["environment"] == "staging")
    client.patch(f"/api/v1/deployments/{staging['id']}", json={"actor": "grace"})
    before = export(app)

    result = app.test_cli_runner().invoke(args=["ledger", "rebuild"])
    assert result.exit_code == 0, result.output
    assert export(app) == before


@pytest.mark.parametrize("by", ["sha224", "sha256", "sha384", "sha512"])
def test_either_secret_signs_by_any_of_the_hashes(client: FlaskClient, by: str) -> None:
    assert deliver(client, flux(), SECRET, by).status_code == 202
    assert deliver(client, flux(), OLD_SECRET, by).status_code == 200
    problem(deliver(client, flux(), "another secret altogether", by), 401)


def test_sha1_signs_nothing(client: FlaskClient) -> None:
    problem(deliver(client, flux(), by="sha1"), 401)


def test_the_real_signature_is_taken(new_app: NewApp, tmp_path: Path) -> None:
    raw = sample("flux-generic-hmac-vector.json")
    file = tmp_path / "secret"
    file.write_text("7152fed34dd6149a7c75a276c510da27cb6f82b0")
    app = new_app(DATA_DIR=tmp_path, WEBHOOK_FLUX_SECRET_FILE=file)
    signature = "sha256=65b018549b1254e7226d1c08f9567ee45bc9de0fc4e7b1a40253f9a018b08be7"
    headers = {"Content-Type": "application/json", "X-Signature": signature}
    anonymous = FlaskClient(app, app.response_class)

    # It is about a GitRepository, which is not ours.
    assert anonymous.post(URL, data=raw, headers=headers).status_code == 204
    assert anonymous.post(URL, data=raw, headers=headers).status_code == 200
    problem(anonymous.post(URL, data=raw + b"\n", headers=headers), 401)


def test_a_real_failure_is_mapped_by_rules(database: Database) -> None:
    raw = sample("flux-generic-kustomization-validationfailed.json")
    body = json.loads(raw)
    rules = FLUX.rules.model_copy(
        update={"service": "{involvedObject.name}", "environment": "{involvedObject.namespace}"}
    )
    with database.engine.connect() as connection:
        let_write(connection)
        came = inbox.received(FLUX, {"Gotk-Component": "kustomize-controller"}, body, raw)
        assert inbox.receive(connection, FLUX, came, {"flux": FLUX.rules}).outcome == "unmapped"
        connection.rollback()
        assert inbox.receive(connection, FLUX, came, {"flux": rules}).outcome == "projected"
        (found,) = told(connection)
        connection.rollback()

    assert (found["service"], found["environment"]) == ("webapp", "apps")
    (revision,) = body["metadata"].values()
    assert (found["status"], found["version"]) == ("failed", revision.removeprefix("main/"))


TELLING = st.builds(
    lambda reason, minute, revision, environment: flux(
        reason, minute, revision, environment=environment
    ),
    st.sampled_from([SUCCEEDED, FAILED]),
    st.integers(0, 12),
    st.sampled_from([A, B]),
    st.sampled_from(["prod", "staging"]),
)
ACTING = st.builds(
    lambda reason, minute: flux(reason, minute, **HELM),
    st.sampled_from(["UpgradeSucceeded", "UpgradeFailed", "TestFailed", "RollbackSucceeded"]),
    st.sampled_from([0, 1, 30, 59, 61, 100, 130]),
)


@given(bodies=st.lists(TELLING | ACTING, min_size=2, max_size=12))
def test_a_rebuild_leaves_the_same_export_whatever_came_in_whatever_order(
    sqlite_client: FlaskClient, bodies: list[dict[str, Any]]
) -> None:
    database: Database = sqlite_client.application.extensions["database"]
    with database.engine.connect() as connection:
        let_write(connection)
        for body in bodies:
            came = inbox.received(FLUX, {}, body, json.dumps(body).encode())
            inbox.receive(connection, FLUX, came, {"flux": FLUX.rules})
        before = lines(connection)
        inbox.rebuild(connection, {"flux": FLUX.rules})
        after = lines(connection)
        connection.rollback()

    assert after == before


def lines(connection: Connection) -> list[bytes]:
    """Return what would be exported, without the header."""
    return list(exporting.lines(connection, {}, "", now()))[1:]


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ({"body": "[1]"}, "Its body is no JSON object."),
        ({"body": "[" * 100_000}, "Its body is no JSON object."),
        ({"source": "jenkins"}, "This version of the ledger reads no events of jenkins."),
    ],
)
def test_an_event_that_cannot_be_read_is_told_and_does_not_stop_a_rebuild(
    sqlite_client: FlaskClient, stored: dict[str, Any], reason: str
) -> None:
    database: Database = sqlite_client.application.extensions["database"]
    rules = {"flux": FLUX.rules}
    with database.write() as connection:
        for number, body in enumerate((flux(SUCCEEDED, 0, A), flux(SUCCEEDED, 1, B))):
            came = inbox.received(FLUX, {}, body, json.dumps(body).encode())
            event = inbox.receive(connection, FLUX, came, rules)
            if number == 0:
                first = event.id
                changed = update(events).where(events.c.id == event.id)
                connection.execute(changed.values(stored))
        assert inbox.rebuild(connection, rules) == {"failed": 1, "projected": 1}
        told = connection.execute(select(events.c.reason).order_by(events.c.id)).scalars().all()

    assert told == [reason, None]
    url = f"/api/v1/events/{first}"
    assert json_of(sqlite_client.get(url))["reason"] == reason
    assert sqlite_client.post(f"{url}/replay").status_code == 202


def test_what_an_earlier_version_took_however_deep_is_told_without_its_body(
    sqlite_client: FlaskClient,
) -> None:
    database: Database = sqlite_client.application.extensions["database"]
    deep = '{"a":' * 256 + "1" + "}" * 256
    with database.write() as connection:
        came = inbox.received(FLUX, {}, flux(SUCCEEDED, 0, A), b"")
        event = inbox.receive(connection, FLUX, came, {"flux": FLUX.rules})
        connection.execute(update(events).where(events.c.id == event.id).values(body=deep))

    url = f"/api/v1/events/{event.id}"
    assert json_of(sqlite_client.get(url))["body"] is None
    assert sqlite_client.post(f"{url}/replay").status_code == 202
