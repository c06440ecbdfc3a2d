"""Answer the requests that are made most often, and tell what they cost, as `bench.cost` asks.

It reads lines with a number and the name of a route, and writes a line with the cost of one such
request.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

# Of the revision that is measured, whose folder is the current one.
from api.app import create_app
from api.domain.tokens import NewToken, create
from api.migrate import upgrade
from tests.postgresql import traced

Send = Callable[[FlaskClient, int], TestResponse]
SERVICES = [f"service-{number:02}" for number in range(40)]
ENVIRONMENTS = ["dev", "staging", "prod"]
URL = "/api/v1/deployments"
# Each request of its own: no two deliveries are the same.
NUMBERS = count(1)


def report(client: FlaskClient, number: int) -> TestResponse:
    """Report a deployment of a known service."""
    service, environment = SERVICES[number % 40], ENVIRONMENTS[number % 3]
    body = {"service": service, "environment": environment, "version": f"1.{number}.0"}
    return client.post(URL, json=body)


def first(client: FlaskClient, _number: int) -> TestResponse:
    """Ask for one deployment, always the same."""
    return client.get(f"{URL}/{client.environ_base['first']}")


def github(client: FlaskClient, number: int) -> TestResponse:
    """Deliver a status of a new deployment, as GitHub does."""
    at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    body = {
        "action": "created",
        "deployment": {
            "id": number,
            "sha": f"{number:040x}",
            "ref": "main",
            "environment": ENVIRONMENTS[number % 3],
            "payload": {},
            "creator": {"login": "ada"},
            "created_at": at,
        },
        "repository": {"id": 7, "name": "service-07", "full_name": "acme/service-07"},
        "deployment_status": {"id": number, "state": "success", "created_at": at},
    }
    headers = {"X-GitHub-Event": "deployment_status", "X-GitHub-Delivery": str(number)}
    return client.post("/api/v1/webhooks/github", json=body, headers=headers)


def argocd(client: FlaskClient, number: int) -> TestResponse:
    """Deliver the end of a synchronisation, as Argo CD does."""
    at = datetime.fromtimestamp(1_700_000_000 + number, UTC)
    stamp = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    operation = {
        "phase": "Succeeded",
        "startedAt": stamp,
        "finishedAt": stamp,
        "operation": {"initiatedBy": {"automated": True}},
        "syncResult": {
            "revision": f"{number:040x}",
            "resources": [
                {"kind": "Deployment", "images": [f"ghcr.io/acme/service-08:1.{number}"]}
            ],
        },
    }
    body = {
        "app": {
            "metadata": {
                "name": "service-08-prod",
                "namespace": "argocd",
                "uid": "0c5f",
                "resourceVersion": str(number),
                "labels": {"environment": "prod"},
            },
            "spec": {"project": "acme", "destination": {"namespace": "service-08"}},
            "status": {
                "health": {"status": "Healthy", "lastTransitionTime": stamp},
                "reconciledAt": stamp,
                "summary": {"images": []},
                "operationState": operation,
            },
        },
        "url": "https://argocd.example.com/applications/argocd/service-08-prod",
    }
    return client.post("/api/v1/webhooks/argocd", json=body)


def reading(path: str) -> Send:
    """Return what asks for a path."""
    return lambda client, _number: client.get(path)


ROUTES: dict[str, Send] = {
    "GET /healthz": reading("/healthz"),
    "GET /deployments?limit=20": reading(f"{URL}?limit=20"),
    "GET /deployments/{id}": first,
    "GET /matrix": reading("/api/v1/matrix"),
    "POST /deployments": report,
    "POST /webhooks/github": github,
    "POST /webhooks/argocd": argocd,
}


class Answering:
    """A ledger with a deployment in each of its 120 cells, on PostgreSQL."""

    def __init__(self, place: dict[str, Any]) -> None:
        limits = {"RATE_LIMIT": "1000000 per second", "THREADS": 1, "LOG_LEVEL": "info"}
        app = create_app({**place, **limits})
        database = app.extensions["database"]
        upgrade(database.engine)
        self.engine = database.engine
        with database.write() as connection:
            scopes = ["write", "ingest:github", "ingest:argocd"]
            _, token = create(connection, NewToken(name="bench", scopes=scopes))
        self.client = app.test_client()
        self.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        for _ in range(120):
            made = self.send("POST /deployments")
        self.client.environ_base["first"] = made.get_json()["id"]

    def send(self, route: str) -> TestResponse:
        """Make a request. Raises SystemExit unless it succeeds."""
        response = ROUTES[route](self.client, next(NUMBERS))
        if response.status_code >= 300:  # noqa: PLR2004
            raise SystemExit(f"{route}: {response.status_code} {response.text}")
        return response

    def cost(self, route: str, requests: int) -> dict[str, Any]:
        """Return what a request costs; the round trips are those of one more."""
        started = time.process_time()
        for _ in range(requests):
            self.send(route)
        elapsed = time.process_time() - started
        return {"cpu_ms": elapsed * 1000 / requests, "trips": self.trips(route)}

    def trips(self, route: str) -> int:
        """Count how often a request waits for the database."""
        with traced(self.engine) as count:
            self.send(route)
            return count()


def main() -> None:
    """Answer until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr
    with Path("/dev/null").open("w") as sys.stdout:  # the log
        answering = Answering(json.loads(sys.argv[1]))
        for line in sys.stdin:
            requests, route = line.rstrip("\n").split(" ", 1)
            print(json.dumps(answering.cost(route, int(requests))), file=answers, flush=True)


if __name__ == "__main__":
    main()
