"""Events as their senders make them, in our own words."""

from __future__ import annotations

import json
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.domain.events.signatures import sign

SECRET = "a secret that signs webhooks"
OLD_SECRET = "the secret before that one"
GITHUB = "/api/v1/webhooks/github"
COMMIT = "9fceb02d0ae598e95dc970b74767f19372d61af8"


def github(state: str | None = "success", number: int = 3, **deployment: Any) -> dict[str, Any]:
    """Return a status of a deployment, or with no state the deployment itself."""
    body: dict[str, Any] = {
        "action": "created",
        "deployment": {
            "id": 71,
            "sha": COMMIT,
            "ref": "main",
            "environment": "prod",
            "payload": {},
            "creator": {"login": "ada"},
            "created_at": "2026-03-01T12:00:00Z",
            **deployment,
        },
        "repository": {"id": 7, "name": "checkout", "full_name": "acme/checkout"},
    }
    if state is not None:
        body["deployment_status"] = {
            "id": number,
            "state": state,
            "created_at": f"2026-03-01T12:0{number % 10}:00Z",
        }
    return body


def event_of(body: dict[str, Any]) -> str:
    return "deployment_status" if "deployment_status" in body else "deployment"


def deliver(
    client: FlaskClient, body: dict[str, Any], delivery: str, event: str | None = None
) -> TestResponse:
    """Send an event of GitHub, signed."""
    raw = json.dumps(body).encode()
    headers = {
        "Authorization": "",
        "Content-Type": "application/json",
        "X-GitHub-Event": event or event_of(body),
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": f"sha256={sign(SECRET, raw)}",
    }
    return client.post(GITHUB, data=raw, headers=headers)
