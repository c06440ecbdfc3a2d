"""What one object deploys next replaces what it deployed before, in whatever order it is told."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from sqlalchemy import Connection

from api.database import Database
from api.domain.events import inbox
from api.domain.events.adapters import ADAPTERS
from api.domain.kit.times import now
from api.domain.transfer import exporting
from api.engine import let_write
from tests.api.events.orders import tries
from tests.api.events.payloads import argocd
from tests.api.events.test_argorollouts import rollout
from tests.api.events.test_evidence import told
from tests.api.events.test_flagger import canary

ORDERS = 12
RULES = {source: adapter.rules for source, adapter in ADAPTERS.items()}
Bodies = list[dict[str, Any]]


def image(version: str) -> str:
    return f"ghcr.io/acme/checkout:{version}"


def synced(health: str, minute: int, version: str) -> dict[str, Any]:
    return argocd(health=health, minute=minute, images=[image(version)])


def revised(reason: str, minute: int, revision: str, version: str) -> dict[str, Any]:
    return rollout(reason, minute, revision, (image(version),))


HISTORIES: dict[str, Bodies] = {
    "flagger": [
        canary("Initialized", "Initialization done! podinfo.prod", 0, "1.0.0"),
        canary("Progressing", "Starting canary analysis for podinfo.prod", 10, "1.1.0"),
        canary("Progressing", "Advance podinfo.prod canary weight 10", 15, "1.1.0"),
        canary("Progressing", "Starting canary analysis for podinfo.prod", 20, "1.2.0"),
        canary("Progressing", "Advance podinfo.prod canary weight 10", 25, "1.2.0"),
        canary("Progressing", "Starting canary analysis for podinfo.prod", 30, "1.3.0"),
        canary("Failed", "Canary failed! Scaling down podinfo.prod", 35, "1.3.0"),
        canary("Progressing", "Starting canary analysis for podinfo.prod", 40, "1.4.0"),
        canary("Succeeded", "Promotion completed! Scaling down podinfo.prod", 45, "1.4.0"),
    ],
    "argorollouts": [
        revised("RolloutCompleted", 0, "1", "1.0.0"),
        revised("RolloutUpdated", 10, "2", "1.1.0"),
        revised("RolloutPaused", 15, "2", "1.1.0"),
        revised("RolloutUpdated", 20, "3", "1.2.0"),
        revised("RolloutStepCompleted", 25, "3", "1.2.0"),
        revised("RolloutUpdated", 30, "4", "1.3.0"),
        revised("RolloutAborted", 35, "4", "1.3.0"),
        revised("RolloutUpdated", 40, "5", "1.4.0"),
        revised("RolloutCompleted", 45, "5", "1.4.0"),
    ],
    "argocd": [
        synced("Healthy", 0, "1.0.0"),
        synced("Progressing", 10, "1.1.0"),
        synced("Progressing", 20, "1.2.0"),
        synced("Progressing", 30, "1.3.0"),
        synced("Degraded", 30, "1.3.0"),
        synced("Progressing", 40, "1.4.0"),
        synced("Healthy", 40, "1.4.0"),
    ],
}


def receive(connection: Connection, source: str, bodies: Bodies) -> None:
    for body in bodies:
        came = inbox.received(ADAPTERS[source], {}, body, json.dumps(body).encode())
        inbox.receive(connection, ADAPTERS[source], came, RULES)


def ledger_of(database: Database, source: str, bodies: Bodies) -> list[dict[str, Any]]:
    with database.engine.connect() as connection:
        let_write(connection)
        receive(connection, source, bodies)
        found = told(connection)
        connection.rollback()
    return found


@pytest.mark.parametrize("source", HISTORIES)
def test_what_is_replaced_before_it_has_ended_does_not_run_for_ever(
    database: Database, source: str
) -> None:
    found = ledger_of(database, source, HISTORIES[source])

    assert [(each["version"], each["status"]) for each in found] == [
        ("1.0.0", "succeeded"),
        ("1.1.0", "cancelled"),
        ("1.2.0", "cancelled"),
        ("1.3.0", "failed"),
        ("1.4.0", "succeeded"),
    ]
    assert [f"{each['finished_at']:%H:%M}" for each in found[1:3]] == ["12:20", "12:30"]


@pytest.mark.parametrize("source", HISTORIES)
def test_the_order_leaves_no_trace(database: Database, source: str) -> None:
    history = HISTORIES[source]
    expected = ledger_of(database, source, history)
    chance = random.Random(7)  # noqa: S311 (not for secrets)
    for _ in range(tries(database, ORDERS)):
        bodies = chance.sample(history, len(history))
        assert ledger_of(database, source, bodies) == expected


@pytest.mark.parametrize("source", HISTORIES)
def test_a_rebuild_leaves_the_same_export(database: Database, source: str) -> None:
    def lines() -> list[bytes]:
        return list(exporting.lines(connection, {}, "", now()))[1:]

    with database.engine.connect() as connection:
        let_write(connection)
        receive(connection, source, HISTORIES[source][::-1])
        before = lines()
        inbox.rebuild(connection, RULES)
        after = lines()
        connection.rollback()

    assert after == before


def test_what_another_application_deploys_replaces_nothing(database: Database) -> None:
    other = synced("Healthy", 20, "1.1.0")
    other["app"]["metadata"]["uid"] = "another"
    found = ledger_of(database, "argocd", [synced("Progressing", 10, "1.1.0"), other])

    assert [each["status"] for each in found] == ["running", "succeeded"]
