"""Who asks too often is told when to come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.domain import recording
from api.outages import Outage, UnavailableError
from tests.api.conftest import ADMIN_TOKEN, NewApp, bearer, json_of, problem

MATRIX = "/api/v1/matrix"
THERE = {"REMOTE_ADDR": "192.0.2.7"}


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, object]:
    return {"DATA_DIR": tmp_path, "RATE_LIMIT": "3 per minute", "AUTH_FAILURE_LIMIT": "2 per hour"}


def test_beyond_the_limit_is_a_problem_that_says_when_to_come_back(
    new_app: NewApp, settings: dict[str, object]
) -> None:
    client = new_app(**settings).test_client()
    assert [client.get(MATRIX).status_code for _ in range(3)] == [200] * 3

    response = client.post("/api/v1/deployments", json={})

    assert "3 per 1 minute" in str(problem(response, 429)["detail"])
    assert 1 <= int(response.headers["Retry-After"]) <= 60


def test_each_token_and_each_address_counts_for_itself(
    new_app: NewApp, settings: dict[str, object]
) -> None:
    client = new_app(**settings, PUBLIC_READ=True).test_client()
    body = {"name": "ci", "scopes": ["read"]}
    token = bearer(json_of(client.post("/api/v1/tokens", json=body))["token"])
    while client.get(MATRIX).status_code == 200:
        pass

    assert client.get(MATRIX, environ_overrides=THERE).status_code == 200
    assert client.get(MATRIX, headers=token).status_code == 200
    assert client.get(MATRIX, headers={"Authorization": ""}).status_code == 200
    problem(client.get(MATRIX), 429)


def test_probes_and_scrapes_are_never_too_many(
    new_app: NewApp, settings: dict[str, object]
) -> None:
    client = new_app(**settings).test_client()

    for path in ("/healthz", "/readyz", "/metrics"):
        assert {client.get(path).status_code for _ in range(9)} == {200}


def test_guessing_is_slow_from_one_address_and_harms_no_other(
    new_app: NewApp, settings: dict[str, object]
) -> None:
    client = new_app(**settings, PUBLIC_READ=True).test_client()
    for _ in range(2):
        problem(client.get(MATRIX, headers=bearer("a-guess")), 401)

    # Not even the right one is looked at now, or guessing could go on.
    for token in ("a-guess", ADMIN_TOKEN):
        response = client.get(MATRIX, headers=bearer(token))
        problem(response, 429)
        assert int(response.headers["Retry-After"]) > 60
    assert client.get(MATRIX, environ_overrides=THERE).status_code == 200
    assert client.get(MATRIX, headers={"Authorization": ""}).status_code == 200


def test_who_lacks_a_scope_or_a_token_guesses_nothing(
    new_app: NewApp, settings: dict[str, object]
) -> None:
    client = new_app(**{**settings, "RATE_LIMIT": "99 per minute"}).test_client()
    body = {"name": "ci", "scopes": ["read"]}
    token = bearer(json_of(client.post("/api/v1/tokens", json=body))["token"])

    for _ in range(5):
        problem(client.post("/api/v1/deployments", json={}, headers=token), 403)
        problem(client.get(MATRIX, headers={"Authorization": ""}), 401)
    assert client.get(MATRIX).status_code == 200


@pytest.mark.parametrize(
    ("proxies", "address"), [(0, "127.0.0.1"), (1, "203.0.113.9"), (2, "198.51.100.1")]
)
def test_the_address_is_what_the_trusted_proxies_tell(
    new_app: NewApp,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    proxies: int,
    address: str,
) -> None:
    app = new_app(DATA_DIR=tmp_path, TRUSTED_PROXIES=proxies, LOG_FORMAT="json")
    capsys.readouterr()
    FlaskClient(app).get("/", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})

    assert f'"remote_addr": "{address}"' in capsys.readouterr().out


def test_a_list_counts_as_one_request_for_every_twenty_of_its_reports(
    new_app: NewApp, settings: dict[str, object]
) -> None:
    client = new_app(**settings).test_client()
    report = {"service": "checkout", "environment": "dev", "version": "1.0"}

    # One, and two more: the third is still allowed, and the fourth is not.
    statuses = [
        client.post("/api/v1/deployments", json=[report] * number).status_code
        for number in (20, 21, 1)
    ]

    assert statuses == [201, 201, 429]


def test_a_list_counts_once_however_often_it_is_tried(
    new_app: NewApp, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = new_app(**settings).test_client()
    report = {"service": "checkout", "environment": "dev", "version": "1.0"}
    conflicts = [UnavailableError(Outage.CONFLICT, "others write")]
    record = recording.report_deployments

    def try_to_record(*told: Any) -> Any:
        if conflicts:
            raise conflicts.pop()
        return record(*told)

    monkeypatch.setattr(recording, "report_deployments", try_to_record)
    statuses = [
        client.post("/api/v1/deployments", json=[report] * number).status_code for number in (21, 1)
    ]

    assert statuses == [201, 201]
