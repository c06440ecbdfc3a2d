"""One rollout, told by everybody, and all real events: the same ledger in any order.

`HYPOTHESIS_PROFILE=long` tries a thousand orders.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from api.database import Database
from api.domain.events import inbox
from api.domain.events.adapters import ADAPTERS
from api.engine import let_write
from api.tables import evidence, incidents
from tests.api.conftest import NewApp, json_of
from tests.api.events.payloads import PURL, argocd, cdevent, event_of, flux, github
from tests.api.events.samples import names, sample
from tests.api.events.test_evidence import told

ORDERS = 1000 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 10
# Of these senders, the tests have what their documentation shows.
WITHOUT_SAMPLES = {"argorollouts", "flagger", "gitlab"}
RULES = {source: adapter.rules for source, adapter in ADAPTERS.items()}
WORDS: dict[str, Any] = {"subject": "incident-7", "service": {"id": "checkout"}}
# A sample, and whose it is; each further one needs a line here.
REAL = {
    "argocd-datadog-template-app.json": "argocd",
    "cdevents-v0.4.1-service.deployed.json": "cloudevents",
    "cdevents-v0.5.1-service.deployed.json": "cloudevents",
    "flux-generic-hmac-vector.json": "flux",
    "flux-generic-kustomization-validationfailed.json": "flux",
    "github-deployment_status-success.json": "github",
}


class Delivery(NamedTuple):
    source: str
    number: int
    body: dict[str, Any]


ROLLOUT = [
    Delivery(source, number, body)
    for number, (source, body) in enumerate(
        [
            *(
                ("github", github(state, count, ref="1.4.2"))
                for count, state in enumerate((None, "in_progress", "failure", "success"))
            ),
            ("argocd", argocd("Running", minute=1)),
            ("argocd", argocd(minute=1)),
            ("flux", flux(minute=2, service="checkout", version="1.4.2")),
            ("flux", flux(minute=12, service="checkout", version="1.4.2")),
            ("cloudevents", cdevent(artifactId=f"{PURL}?tag=1.4.2")),
            ("cloudevents", cdevent("incident.detected", id="i1", **WORDS)),
            ("cloudevents", cdevent("incident.resolved", id="i2", **WORDS)),
            ("cloudevents", cdevent("environment.created", id="e", subject="prod")),
        ]
    )
]


@pytest.fixture
def ledger(sqlite_client: FlaskClient) -> Database:
    """Return an embedded ledger; test_evidence has both databases."""
    found: Database = sqlite_client.application.extensions["database"]
    return found


def real() -> list[Delivery]:
    return [
        Delivery(source, number, _as_sent(name, json.loads(sample(name))))
        for number, (name, source) in enumerate(REAL.items())
    ]


def _as_sent(name: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return a sample, a CDEvent as a CloudEvent.

    Theirs have one id and one time. Given ids of their own they are two deployments, and which of
    two that start at the same instant is the resync would depend on which came first.
    """
    if not name.startswith("cdevents"):
        return body
    context = body["context"]
    if "v0.4" in name:
        context["timestamp"] = "2023-03-20T13:27:05.315384Z"
    attributes = {"id": name, "source": context["source"], "type": context["type"]}
    return {"specversion": "1.0", **attributes, "data": body}


def ledger_of(database: Database, deliveries: Sequence[Delivery]) -> tuple[Any, ...]:
    """Return the deployments, their witnesses and the incidents that deliveries make."""
    names = ("title", "detected_at", "resolved_at", "links", "source", "external_id")
    with database.engine.connect() as connection:
        let_write(connection)
        for source, number, body in deliveries:
            headers = {"X-GitHub-Event": event_of(body), "X-GitHub-Delivery": str(number)}
            adapter = ADAPTERS[source]
            came = inbox.received(adapter, headers, body, json.dumps(body).encode())
            inbox.receive(connection, adapter, came, RULES)
        witnesses = select(evidence.c.source, evidence.c.external_id).distinct()
        found = (
            told(connection),
            sorted(tuple(row) for row in connection.execute(witnesses)),
            sorted(
                tuple(map(str, row))
                for row in connection.execute(select(*(incidents.c[name] for name in names)))
            ),
        )
        connection.rollback()
    return found


def check_orders(database: Database, deliveries: list[Delivery]) -> tuple[Any, ...]:
    """Deliver everything in many orders, some of it twice; return what it makes."""
    expected = ledger_of(database, deliveries)
    chance = random.Random(20260301)  # noqa: S311
    for _ in range(ORDERS):
        twice = [*deliveries, *chance.choices(deliveries, k=len(deliveries) // 2)]
        chance.shuffle(twice)
        assert ledger_of(database, twice) == expected, [each[:2] for each in twice]
    return expected


def test_a_rollout_told_by_everybody_is_one_deployment(ledger: Database) -> None:
    ((deployment, *others), witnesses, (incident,)) = check_orders(ledger, ROLLOUT)

    assert others == []
    assert {source for source, _ in witnesses} == ADAPTERS.keys() - WITHOUT_SAMPLES
    assert (deployment["version"], deployment["status"]) == ("1.4.2", "succeeded")
    assert deployment["source"] == "argocd"  # it is believed first
    assert incident[-1] == "/ci/acme#incident-7"


def test_all_real_events_in_any_order(ledger: Database) -> None:
    deployments, _, _ = check_orders(ledger, real())

    assert {each["source"] for each in deployments} == {"argocd", "cloudevents", "github"}


def test_every_real_event_is_one_that_the_tests_know() -> None:
    assert names() == REAL.keys()
    assert set(REAL.values()) == ADAPTERS.keys() - WITHOUT_SAMPLES


@pytest.mark.parametrize("version", ["0.4.1", "0.5.1"])
def test_a_real_cdevent_becomes_the_documented_deployment(
    new_app: NewApp, tmp_path: Path, version: str
) -> None:
    raw = sample(f"cdevents-v{version}-service.deployed.json")
    context = json.loads(raw)["context"]
    client: FlaskClient = new_app(DATA_DIR=tmp_path).test_client()
    headers = {f"ce-{name}": context[name] for name in ("id", "source", "type")}
    for status in (202, 200):
        answer = client.post(
            "/api/v1/cloudevents",
            data=raw,
            headers={"ce-specversion": "1.0", "Content-Type": "application/json", **headers},
        )
        assert answer.status_code == status

    (found,) = json_of(client.get("/api/v1/deployments"))["items"]
    digest = "0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427"
    expected: dict[str, Any] = {
        "service": "mysubject123",
        "environment": "test123",
        "version": f"sha256-{digest}",
        "image_digest": f"sha256:{digest}",
        "commit": None,
        "config_revision": None,
        "kind": "rollout",
        "status": "succeeded",
        "started_at": "2023-03-20T14:27:05.315384Z",
        "finished_at": "2023-03-20T14:27:05.315384Z",
        "actor": None,
        "links": [],
        "source": "cloudevents",
        "external_id": "/event/source/123#271069a8-fc18-44f1-b38f-9d70a1695819",
    }
    assert {name: found[name] for name in expected} == expected
