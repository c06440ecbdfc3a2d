"""Who may send events, and what is kept of what they send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from api import settings
from api.database import Database
from api.domain.events import signatures
from api.domain.events.cloudevents import STRUCTURED
from api.domain.events.redaction import REDACTED, redacted
from api.settings import SettingsError
from api.tables import events
from tests.api.conftest import NewApp, bearer, json_of, problem
from tests.api.events.payloads import CLOUDEVENTS, GITHUB, OLD_SECRET, SECRET, cdevent, github
from tests.api.test_metrics import samples

RAW = json.dumps(github()).encode()
HEADERS = {"Content-Type": "application/json", "X-GitHub-Event": "deployment_status"}
# Apart from what stands around it, or this file would be taken for one that holds a key.
PRIVATE_KEY = "PRIVATE KEY"


def send(client: FlaskClient, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(GITHUB, data=RAW, headers={**HEADERS, **named})


def signed(secret: str, raw: bytes = RAW) -> str:
    return f"sha256={signatures.sign(secret, raw)}"


def test_either_secret_signs(anonymous: FlaskClient) -> None:
    assert send(anonymous, X_Hub_Signature_256=signed(SECRET)).status_code == 202
    assert send(anonymous, X_Hub_Signature_256=signed(OLD_SECRET)).status_code == 200


@pytest.mark.parametrize(
    "signature",
    [
        signed("another secret altogether"),
        signed(SECRET, RAW + b" "),
        signed(SECRET).removeprefix("sha256="),
        signed(SECRET)[:-1],
        signed(SECRET).replace("sha256", "sha1"),
        "",
        "sha256=",
        "sha256=ü",
    ],
)
def test_any_other_signature_is_refused_and_counted(
    anonymous: FlaskClient, signature: str, caplog: pytest.LogCaptureFixture
) -> None:
    counter = ("slipway_auth_failures_total", ("wrong_signature",))
    before = samples(anonymous).get(counter, 0)
    problem(send(anonymous, X_Hub_Signature_256=signature), 401)

    assert samples(anonymous)[counter] == before + 1
    assert SECRET not in caplog.text
    assert len(signature) < 10 or signature not in caplog.text


def test_without_a_secret_it_is_closed(new_app: NewApp, tmp_path: Path, secret_file: Path) -> None:
    app = new_app(DATA_DIR=tmp_path, WEBHOOK_GITHUB_SECRET_FILE=tmp_path / "none")
    client = FlaskClient(app, app.response_class)
    for signature in (signed(SECRET), signed("")):
        problem(send(client, X_Hub_Signature_256=signature), 401)

    secret_file.rename(tmp_path / "none")
    assert send(client, X_Hub_Signature_256=signed(SECRET)).status_code == 202


def test_secrets_that_cannot_be_read_any_more_lose_no_event(
    anonymous: FlaskClient, secret_file: Path
) -> None:
    secrets = secret_file.read_bytes()
    secret_file.write_bytes(b"\xff")
    response = send(anonymous, X_Hub_Signature_256=signed(SECRET))
    secret_file.write_bytes(secrets)

    problem(response, 503)
    assert response.headers["Retry-After"] == "5"
    assert send(anonymous, X_Hub_Signature_256=signed(SECRET)).status_code == 202


def test_guessing_gets_slow(new_app: NewApp, tmp_path: Path, secret_file: Path) -> None:
    app = new_app(
        DATA_DIR=tmp_path,
        WEBHOOK_GITHUB_SECRET_FILE=secret_file,
        AUTH_FAILURE_LIMIT="2 per minute",
    )
    client = FlaskClient(app, app.response_class)
    for _ in range(2):
        problem(send(client, X_Hub_Signature_256="sha256=00"), 401)

    problem(send(client, X_Hub_Signature_256=signed(SECRET)), 429)


def test_a_token_for_the_source_does_as_well(client: FlaskClient, anonymous: FlaskClient) -> None:
    def token(*scopes: str) -> dict[str, str]:
        made = client.post("/api/v1/tokens", json={"name": "hook", "scopes": scopes})
        return bearer(str(json_of(made)["token"]))

    assert send(anonymous, **token("ingest:github")).status_code == 202
    problem(send(anonymous, **token("ingest:flux")), 403)
    problem(send(anonymous, **token("write")), 403)
    problem(send(anonymous), 401)


def test_a_secret_that_is_short_stops_the_service(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("short\n")
    with pytest.raises(SettingsError, match="fewer than 16 characters"):
        settings.load({"WEBHOOK_GITHUB_SECRET_FILE": file})


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"token": "abc", "api_key": "x", "accessToken": "y"}, {"token": REDACTED}),
        ({"client_secret": "x", "X-Signature": "sha256=00"}, {"client_secret": REDACTED}),
        ({"a": ["https://me:pass@example.com/x"]}, {"a": [f"https://{REDACTED}@example.com/x"]}),
        ({"a": "Authorization: Bearer abcdefghijkl"}, {"a": f"Authorization: Bearer {REDACTED}"}),
        ({"a": "ghp_" + "x" * 36}, {"a": REDACTED}),
        ({"tokens": 5, "sha": "00ff"}, {"tokens": 5, "sha": "00ff"}),
        (
            {"tokens": ["x", {"id": 5, "of": "y"}]},
            {"tokens": [REDACTED, {"id": 5, "of": REDACTED}]},
        ),
        ({"a": "https://h/?access_token=x&b=1"}, {"a": f"https://h/?access_token={REDACTED}&b=1"}),
        ({"a": "deploy --password='x y' now"}, {"a": f"deploy --password={REDACTED} now"}),
        ({"a": '{"apiKey": "x", "b": 1}'}, {"a": f'{{"apiKey": {REDACTED}, "b": 1}}'}),
        ({"a": "Basic dXNlcjpwYXNzd29yZA=="}, {"a": f"Basic {REDACTED}"}),
        ({"a": "bearer 9f8e7d6c5b"}, {"a": f"bearer {REDACTED}"}),
        ({"a": "eyJhbGciOiJI.eyJzdWIiOiIx.c2ln!"}, {"a": f"{REDACTED}!"}),
        ({"a": "https://me:p@ss@example.com/x"}, {"a": f"https://{REDACTED}@example.com/x"}),
        (
            {"a": f"-----BEGIN RSA {PRIVATE_KEY}-----\nMII\n-----END RSA {PRIVATE_KEY}-----\n"},
            {"a": f"{REDACTED}\n"},
        ),
        ({"name": "DB_PASSWORD", "value": "x"}, {"name": "DB_PASSWORD", "value": REDACTED}),
    ],
)
def test_secrets_are_taken_out(value: dict[str, Any], kept: dict[str, Any]) -> None:
    found = redacted(value)
    assert found | kept == found
    assert {"y", "x", "sha256=00"}.isdisjoint(map(str, found.values()))


@pytest.mark.parametrize(
    "name",
    [
        *("tokens", "secretKey", "aws_secret_access_key", "accessKey", "AccessKeys", "pwd"),
        *("passphrase", "passwords", "PASSWORD_2", "dbPass", "db-pass", "clientSecretValue"),
        *("credentials", "AUTH", "basicAuth", "sshKey", "cookie", "params[token]"),
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert redacted({name: "x"}) == {name: REDACTED}


@pytest.mark.parametrize(
    "name", ["tokenId", "secretName", "author", "compass", "design", "public_key", "key", "passed"]
)
def test_names_of_what_is_no_secret(name: str) -> None:
    assert redacted({name: "x"}) == {name: "x"}


@pytest.mark.parametrize(
    "title",
    [
        "Basic checkout is broken",
        "Basic authentication fails",
        "Bearer authentication-service is down",
        "token expired, secret not found: wrong password",
    ],
)
def test_a_sentence_is_no_credential(client: FlaskClient, title: str) -> None:
    event = cdevent("incident.detected", description=title, service={"id": "shop"})
    answer = client.post(f"{CLOUDEVENTS}/dry-run", json=event, headers={"Content-Type": STRUCTURED})

    assert json_of(answer)["incidents"][0]["title"] == title


def test_what_is_stored_has_no_secret(client: FlaskClient, database: Database) -> None:
    secret = "ghs_" + "S" * 36
    body = github() | {"token": "hunter2hunter2", "note": f"see https://u:pw@h/{secret}"}
    answer = client.post(
        GITHUB,
        json=body,
        headers={"X-GitHub-Event": "deployment_status", "X-Hub-Signature-256": "sha256=00"},
    )
    assert answer.status_code == 202
    with database.read() as connection:
        row = connection.execute(select(events)).one()

    assert row.headers == {
        "user-agent": row.headers["user-agent"],
        "x-github-event": "deployment_status",
    }
    for text in ("hunter2", "u:pw", secret, "sha256=00", "admin-token"):
        assert text not in row.body + json.dumps(row.headers)
