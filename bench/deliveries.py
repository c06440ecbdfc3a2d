"""A flood of events like those of GitHub, and the deployments that must follow from it. Pure."""

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
# The statuses of a deployment, in their order; `inactive` means that a newer one replaced it.
COURSES = [["in_progress", "success"], ["in_progress", "failure", "success", "inactive"], ["error"]]
FINAL = {"success": "succeeded", "failure": "failed", "error": "failed"}
SHARE_OF_DUPLICATES = 0.3
# One more delivery for this many has a wrong signature, and must not be stored.
FORGED = 100
# The size of GitHub's own events in bytes, most of it the URLs of a repository.
SIZE = 9_000


@dataclass(frozen=True)
class Delivery:
    """One request; another one with the same `id` is a duplicate."""

    id: str
    headers: dict[str, str]
    body: bytes
    forged: bool = False


@dataclass(frozen=True)
class Flood:
    """All deliveries in their order, and the expected deployments by external id."""

    deliveries: list[Delivery]
    deployments: dict[str, dict[str, str]]


def flood(count: int, secret: str) -> Flood:
    """Return `count` deliveries in random order, three in ten of them duplicates, and forged ones.

    The result is always the same for a count, which does not include the forged ones.
    """
    chance = random.Random(count)  # noqa: S311 (the same events each time)
    wanted = round(count * (1 - SHARE_OF_DUPLICATES))
    told: dict[str, dict[str, str]] = {}
    deliveries: list[Delivery] = []
    for number in range(wanted):
        room = wanted - len(deliveries)
        bodies, deployment = _deployment(chance, number, room)
        deliveries += [_delivery(chance, event, body, secret) for event, body in bodies]
        place = f"{deployment['service']}/{deployment['environment']}"
        told[f"github.com/7/{number}/{place}"] = deployment
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
    """Return at most `room` events of a deployment, and the deployment that must follow."""
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
