"""The requests that are made most often, as bytes for one connection."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bench.seed import END

SERVICES = [f"service-{number:02}" for number in range(40)]
ENVIRONMENTS = ["dev", "staging", "prod"]
DEPLOYMENTS = "/api/v1/deployments"
BULK = 1_000


@dataclass(frozen=True)
class Known:
    """What a client knows of a ledger: a token, a deployment, and the ETag of the list."""

    token: str
    first: str = ""
    etag: str = ""

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> bytes:
        """Return the bytes of a request."""
        content = b"" if body is None else json.dumps(body).encode()
        head = {"Host": "bench", "Authorization": f"Bearer {self.token}", **headers}
        if body is not None:
            head |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + content


# Makes a request with a number that no other request has.
Make = Callable[[Known, int], bytes]


@dataclass(frozen=True)
class Route:
    """A request to measure, and who answers it besides the present revision."""

    name: str
    make: Make
    status: int = 200
    peer: bool = True
    # Whether it is also sent at 70 % of the saturation, to see how long an answer takes.
    paced: bool = True


def reading(path: str) -> Make:
    """Return what asks for a path."""
    return lambda known, _number: known.request("GET", path)


def deployment(number: int) -> dict[str, Any]:
    """Return a report of a known service, with an id of its own."""
    cell = {"service": SERVICES[number % 40], "environment": ENVIRONMENTS[number % 3]}
    return {**cell, "version": f"1.{number}.0", "source": "bench", "external_id": str(number)}


def event(number: int) -> tuple[str, str, str]:
    """Return a service, an environment, and when something happened there: every two minutes."""
    at = END + timedelta(seconds=number)
    return SERVICES[number % 40], ENVIRONMENTS[number % 3], f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _commit(number: int) -> str:
    """Return the id of a commit, whose beginning tells it from others, as those of git do."""
    return hashlib.sha256(str(number).encode()).hexdigest()[:40]


def github(known: Known, number: int) -> bytes:
    """Deliver a status of a new deployment, as GitHub does."""
    service, environment, at = event(number)
    body = {
        "action": "created",
        "deployment": {
            "id": number,
            "sha": _commit(number),
            "ref": "main",
            "environment": environment,
            "payload": {},
            "creator": {"login": "ada"},
            "created_at": at,
        },
        "repository": {"id": 7, "name": service, "full_name": f"acme/{service}"},
        "deployment_status": {"id": number, "state": "success", "created_at": at},
    }
    headers = {"X-GitHub-Event": "deployment_status", "X-GitHub-Delivery": str(number)}
    return known.request("POST", "/api/v1/webhooks/github", body, **headers)


def argocd(known: Known, number: int) -> bytes:
    """Deliver the end of a synchronisation, as Argo CD does."""
    service, environment, stamp = event(number)
    operation = {
        "phase": "Succeeded",
        "startedAt": stamp,
        "finishedAt": stamp,
        "operation": {"initiatedBy": {"automated": True}},
        "syncResult": {
            "revision": _commit(number),
            "resources": [{"kind": "Deployment", "images": [f"ghcr.io/acme/{service}:1.{number}"]}],
        },
    }
    body = {
        "app": {
            "metadata": {
                "name": f"{service}-{environment}",
                "namespace": "argocd",
                "uid": "0c5f",
                "resourceVersion": str(number),
                "labels": {"environment": environment},
            },
            "spec": {"project": "acme", "destination": {"namespace": service}},
            "status": {
                "health": {"status": "Healthy", "lastTransitionTime": stamp},
                "reconciledAt": stamp,
                "summary": {"images": []},
                "operationState": operation,
            },
        },
        "url": f"https://argocd.example.com/applications/argocd/{service}-{environment}",
    }
    return known.request("POST", "/api/v1/webhooks/argocd", body)


HEALTH = Route("GET /healthz", reading("/healthz"), paced=False)
LIST = Route("GET /deployments?limit=20", reading(f"{DEPLOYMENTS}?limit=20"))
ONE = Route(
    "GET /deployments/{id}",
    lambda known, _: known.request("GET", f"{DEPLOYMENTS}/{known.first}"),
)
MATRIX = Route("GET /matrix", reading("/api/v1/matrix"))
UNCHANGED = Route(
    "GET /deployments?limit=20, 304",
    lambda known, _: known.request(
        "GET", f"{DEPLOYMENTS}?limit=20", **{"If-None-Match": known.etag}
    ),
    status=304,
    paced=False,
)
REPORT = Route(
    "POST /deployments",
    lambda known, number: known.request("POST", DEPLOYMENTS, deployment(number)),
    status=201,
)
MANY = Route(
    f"POST /deployments, {BULK:,} of them",
    lambda known, number: known.request(
        "POST", DEPLOYMENTS, [deployment(number * BULK + row) for row in range(BULK)]
    ),
    peer=False,
    paced=False,
)
GITHUB = Route("POST /webhooks/github", github, status=202, peer=False, paced=False)
ARGOCD = Route("POST /webhooks/argocd", argocd, status=202, peer=False, paced=False)
# The reads first: whatever is written after them, they are the same for all.
ROUTES = (HEALTH, LIST, ONE, MATRIX, UNCHANGED, REPORT, GITHUB, ARGOCD)
# Their bodies are compared with the peer's before anything is measured.
SAME = (HEALTH, LIST, ONE, MATRIX)
