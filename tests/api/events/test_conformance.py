"""Real events, and ours of the same shapes, repeated and in any order."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from api.database import Database
from api.domain.events import inbox
from api.domain.events.adapter import Adapter
from api.domain.events.adapters import ADAPTERS
from api.domain.events.adapters.argocd import ARGOCD
from api.domain.events.adapters.github import GITHUB
from api.engine import let_write
from tests.api.conftest import NewApp
from tests.api.events.orders import tries
from tests.api.events.payloads import DIGEST, argocd, event_of, github, healing
from tests.api.events.samples import sample
from tests.api.events.test_evidence import told

STATUS = "github-deployment_status-success.json"
SECRET = "It's a Secret to Everybody"
SIGNATURE = "sha256=efe7586dcc11d04e2fede9b6d439cbf70ed76da9ec3478dc184eac26f89471f1"
ORDERS = 1000 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 12
RULES = {source: adapter.rules for source, adapter in ADAPTERS.items()}
STATES = [None, "queued", "in_progress", "failure", "in_progress", "success", "inactive"]
OURS = [
    github(state, number, id=deployment, created_at=f"2026-03-01T{hour}:00:00Z")
    for deployment, hour in ((71, 11), (72, 12))
    for number, state in enumerate(STATES[deployment - 71 :])
]

NEWER = [f"ghcr.io/acme/checkout:1.4.3@sha256:{'5e' * 32}", f"redis:7@{DIGEST}"]
SYNCS = [
    argocd("Running"),
    argocd(health="Progressing"),
    argocd(),
    argocd("Running", minute=10, images=NEWER),
    argocd(minute=10, images=NEWER, status={"reconciledAt": "2026-03-01T12:10:29Z"}),
    argocd(health="Degraded", minute=10, images=NEWER),
    argocd("Failed", minute=15, images=NEWER),
    argocd("Running", minute=20),
    argocd(minute=20, operation={"initiatedBy": {"username": "ada"}}),
    argocd(minute=30),
    healing(),
    # Two days later.
    *(
        argocd(minute=30, status={"health": {"status": health, "lastTransitionTime": changed_at}})
        for health, changed_at in (
            ("Degraded", "2026-03-03T12:00:00Z"),
            ("Healthy", "2026-03-03T12:10:00Z"),
        )
    ),
    # Without the time of its health.
    *(
        argocd(minute=40, status={"health": {"status": health}})
        for health in ("Healthy", "Degraded")
    ),
    # A canary that was aborted.
    *(
        argocd(minute=50, status={"health": {"status": health, "lastTransitionTime": changed_at}})
        for health, changed_at in (
            ("Suspended", "2026-03-01T12:50:40Z"),
            ("Degraded", "2026-03-01T14:20:00Z"),
        )
    ),
    # Within a second.
    argocd(health="Degraded", minute=30, resource_version="8"),
    argocd(minute=30, resource_version="9"),
]


def test_the_real_event_is_taken_with_its_signature(new_app: NewApp, tmp_path: Path) -> None:
    raw = sample(STATUS)
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
        database, [json.loads(sample(STATUS)), real_status(1, "failure"), real_status(2, "error")]
    )


def real_status(earlier: int, state: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(sample(STATUS))
    body["deployment_status"]["id"] -= earlier
    body["deployment_status"]["state"] = state
    return body


def test_ours_in_any_order(database: Database) -> None:
    check_orders(database, OURS)


def test_the_real_application_is_taken(new_app: NewApp, tmp_path: Path) -> None:
    client = new_app(DATA_DIR=tmp_path).test_client()
    raw = sample("argocd-datadog-template-app.json")
    answers = [
        client.post("/api/v1/webhooks/argocd", data=raw, content_type="application/json")
        for _ in range(2)
    ]

    assert [each.status_code for each in answers] == [202, 200]
    (deployment,) = client.get("/api/v1/deployments").json["items"]  # type: ignore[index]
    assert (deployment["service"], deployment["environment"]) == (
        "nginx",
        "test-lla-gke-alpha-01-europe-west1",
    )
    assert (deployment["version"], deployment["image_digest"]) == ("latest", None)
    # Not `status.sync.revision`, which is rev1.
    assert deployment["config_revision"] == "ea8759964626a583667a2bfd08f334ec2070040a"
    assert (deployment["commit"], deployment["actor"]) == (None, "foo@example.com")
    assert (deployment["status"], deployment["kind"]) == ("succeeded", "rollout")
    assert deployment["started_at"] == "2024-03-05T07:33:03Z"
    assert deployment["finished_at"] == "2024-03-05T07:33:04Z"
    key = "94978696-4fd4-40b3-a1de-38d9df9e9316/2024-03-05T07:33:03Z/nginx"
    assert (deployment["source"], deployment["external_id"]) == ("argocd", key)


def test_real_applications_in_any_order(database: Database) -> None:
    check_orders(
        database,
        [
            real_application(phase="Running", finishedAt=None),
            real_application(),
            real_application(startedAt="2024-03-05T08:33:03Z", finishedAt="2024-03-05T08:33:04Z"),
            real_application(phase="Failed", startedAt="2024-03-05T07:00:00Z"),
        ],
        ARGOCD,
    )


def real_application(**operation: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(sample("argocd-datadog-template-app.json"))
    body["app"]["status"]["operationState"] |= operation
    return body


def test_our_syncs_in_any_order(database: Database) -> None:
    check_orders(database, SYNCS, ARGOCD)


def check_orders(
    database: Database, bodies: list[dict[str, Any]], adapter: Adapter = GITHUB
) -> None:
    """Deliver events in many orders, each at least once, and some again under other ids."""
    expected = ledger_of(database, list(enumerate(bodies)), adapter)
    chance = random.Random(len(bodies))  # noqa: S311
    for _ in range(tries(database, ORDERS)):
        deliveries = list(enumerate(bodies))
        deliveries += chance.choices(deliveries, k=len(bodies) // 2)
        deliveries += [(100 + n, body) for n, body in chance.choices(deliveries, k=2)]
        chance.shuffle(deliveries)
        assert ledger_of(database, deliveries, adapter) == expected


def ledger_of(
    database: Database, deliveries: list[tuple[int, dict[str, Any]]], adapter: Adapter
) -> list[dict[str, Any]]:
    with database.engine.connect() as connection:
        let_write(connection)
        for number, body in deliveries:
            headers = {"X-GitHub-Event": event_of(body), "X-GitHub-Delivery": str(number)}
            # Without an id of its own, a delivery differs by its bytes.
            raw = json.dumps(body).encode() + b" " * number
            came = inbox.received(adapter, headers, body, raw)
            inbox.receive(connection, adapter, came, RULES)
        found = told(connection)
        connection.rollback()
    return found
