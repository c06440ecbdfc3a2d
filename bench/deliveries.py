"""A flood of events as GitHub makes them, and what a ledger must say when all have come. Pure."""

from __future__ import annotations

import hmac
import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
SERVICES = [f"service-{number:02}" for number in range(40)]
ENVIRONMENTS = ["dev", "staging", "prod"]
# What becomes of a deployment, by the states of its statuses; `inactive` is said of the old one.
COURSES = [["in_progress", "success"], ["in_progress", "failure", "success", "inactive"], ["error"]]
FINAL = {"success": "succeeded", "failure": "failed", "error": "failed"}
SHARE_OF_DUPLICATES = 0.3
# One in so many is signed by somebody who does not know the secret: it must leave no trace.
FORGED = 100
# So many bytes GitHub's own have, most of them the addresses of a repository.
SIZE = 9_000


@dataclass(frozen=True)
class Delivery:
    """What is sent once: the same `id` again is a duplicate."""

    id: str
    headers: dict[str, str]
    body: bytes
    forged: bool = False


@dataclass(frozen=True)
class Flood:
    """All that is sent, in its order, and the deployments that follow, by their external ids."""

    deliveries: list[Delivery]
    deployments: dict[str, dict[str, str]]


def flood(count: int, secret: str) -> Flood:
    """Return `count` deliveries in any order, three in ten of them duplicates: always the same.

    The forged ones come on top.
    """
    chance = random.Random(count)  # noqa: S311 (a story, the same each time)
    wanted = round(count * (1 - SHARE_OF_DUPLICATES))
    told: dict[str, dict[str, str]] = {}
    deliveries: list[Delivery] = []
    for number in range(wanted):
        room = wanted - len(deliveries)
        bodies, deployment = _deployment(chance, number, room)
        deliveries += [_delivery(chance, event, body, secret) for event, body in bodies]
        told[f"7/{number}"] = deployment
        if len(deliveries) == wanted:
            break
    duplicates = chance.choices(deliveries, k=count - wanted)
    forged = [
        _delivery(chance, "deployment", json.loads(each.body), secret[::-1], forged=True)
        for each in chance.choices(deliveries, k=count // FORGED)
    ]
    everything = deliveries + duplicates + forged
    chance.shuffle(everything)
    return Flood(everything, told)


def _deployment(
    chance: random.Random, number: int, room: int
) -> tuple[list[tuple[str, dict[str, Any]]], dict[str, str]]:
    """Return the events of a deployment, `room` of them at most, and what they come to."""
    started_at = BEGIN + timedelta(minutes=11 * number)
    service, environment = chance.choice(SERVICES), chance.choice(ENVIRONMENTS)
    commit = f"{chance.getrandbits(160):040x}"
    deployment = {
        "id": number,
        "sha": commit,
        "ref": f"v1.{number}.0",
        "environment": environment,
        "payload": {},
        "creator": {"login": "ada"},
        "created_at": _text(started_at),
    }
    said = {
        "service": service,
        "environment": environment,
        "version": f"v1.{number}.0",
        "commit": commit,
        "status": "pending",
        "started_at": _text(started_at),
        "finished_at": "",
    }
    body = {"action": "created", "deployment": deployment, "repository": _repository(service)}
    events = [("deployment", body)]
    for step, state in enumerate(chance.choice(COURSES)[: room - 1], start=1):
        at = _text(started_at + timedelta(minutes=step))
        status = {"id": 10 * number + step, "state": state, "created_at": at}
        events.append(("deployment_status", {**body, "deployment_status": status}))
        if state == "in_progress":
            said["status"] = "running"
        elif state in FINAL:
            said |= {"status": FINAL[state], "finished_at": at}
    return events, said


def _delivery(
    chance: random.Random, event: str, body: dict[str, Any], secret: str, *, forged: bool = False
) -> Delivery:
    raw = json.dumps(body).encode()
    signature = hmac.digest(secret.encode(), raw, "sha256").hex()
    identifier = f"{chance.getrandbits(128):032x}"
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": identifier,
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    return Delivery(identifier, headers, raw, forged)


def _repository(service: str) -> dict[str, Any]:
    addresses = {
        f"link_{number:02}_url": f"https://git.example.com/api/repos/acme/{service}/{number:040}"
        for number in range(SIZE // 130)
    }
    return {"id": 7, "name": service, "full_name": f"acme/{service}", **addresses}


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
