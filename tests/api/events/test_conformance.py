"""Real events of GitHub, and ours of the same shape, repeated and in any order."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.database import Database
from api.domain.events import inbox
from api.domain.events.adapters.github import GITHUB
from tests.api.conftest import NewApp
from tests.api.events.payloads import event_of, github
from tests.api.events.test_evidence import told

SAMPLES = Path(__file__).parents[4] / "shared/payloads"
SECRET = "It's a Secret to Everybody"
SIGNATURE = "sha256=efe7586dcc11d04e2fede9b6d439cbf70ed76da9ec3478dc184eac26f89471f1"
ORDERS = 1000 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 60
STATES = [None, "queued", "in_progress", "failure", "in_progress", "success", "inactive"]
OURS = [
    github(state, number, id=deployment, created_at=f"2026-03-01T{hour}:00:00Z")
    for deployment, hour in ((71, 11), (72, 12))
    for number, state in enumerate(STATES[deployment - 71 :])
]


def sample() -> bytes:
    file = SAMPLES / "github-deployment_status-success.json"
    if not file.is_file():
        pytest.skip(f"no samples of real events at {SAMPLES}")
    return file.read_bytes()


def test_the_real_event_is_taken_with_its_signature(new_app: NewApp, tmp_path: Path) -> None:
    raw = sample()
    file = tmp_path / "secret"
    file.write_text(SECRET)
    app = new_app(DATA_DIR=tmp_path, WEBHOOK_GITHUB_SECRET_FILE=file)
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "deployment_status",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-Hub-Signature-256": SIGNATURE,
    }
    anonymous = FlaskClient(app, app.response_class)
    answers = [
        anonymous.post("/api/v1/webhooks/github", data=raw, headers=headers).status_code
        for _ in range(2)
    ]

    assert answers == [202, 200]
    (deployment,) = app.test_client().get("/api/v1/deployments").json["items"]  # type: ignore[index]
    assert deployment["service"] == "hello-world"
    assert deployment["environment"] == "production"
    assert deployment["commit"] == "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"
    assert deployment["finished_at"] == "2019-05-15T15:20:55Z"


def test_real_events_in_any_order(database: Database) -> None:
    check_orders(
        database, [json.loads(sample()), real_status(1, "failure"), real_status(2, "error")]
    )


def real_status(earlier: int, state: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(sample())
    body["deployment_status"]["id"] -= earlier
    body["deployment_status"]["state"] = state
    return body


def test_ours_in_any_order(database: Database) -> None:
    check_orders(database, OURS)


def check_orders(database: Database, bodies: list[dict[str, Any]]) -> None:
    """Deliver events in many orders, each at least once, and some again under other ids."""
    expected = ledger_of(database, list(enumerate(bodies)))
    chance = random.Random(len(bodies))  # noqa: S311
    for _ in range(ORDERS):
        deliveries = list(enumerate(bodies))
        deliveries += chance.choices(deliveries, k=len(bodies) // 2)
        deliveries += [(100 + n, body) for n, body in chance.choices(deliveries, k=2)]
        chance.shuffle(deliveries)
        assert ledger_of(database, deliveries) == expected


def ledger_of(
    database: Database, deliveries: list[tuple[int, dict[str, Any]]]
) -> list[dict[str, Any]]:
    with database.engine.connect() as connection:
        connection.execution_options(writes=True)
        for number, body in deliveries:
            headers = {"X-GitHub-Event": event_of(body), "X-GitHub-Delivery": str(number)}
            came = inbox.received(GITHUB, headers, body, json.dumps(body).encode())
            inbox.receive(connection, GITHUB, came, {"github": GITHUB.rules})
        found = told(connection)
        connection.rollback()
    return found
