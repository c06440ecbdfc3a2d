"""Events as their senders make them, in our own words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.domain.events.signatures import sign

SECRET = "a secret that signs webhooks"
OLD_SECRET = "the secret before that one"
GITHUB = "/api/v1/webhooks/github"
COMMIT = "9fceb02d0ae598e95dc970b74767f19372d61af8"
REVISION = "5c6e289ba5bd87f047bcbec70e6cf900a7b02063"
DIGEST = "sha256:" + "4f" * 32
CHECKOUT = f"ghcr.io/acme/checkout:1.4.2@{DIGEST}"


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


def flux(
    reason: str = "ReconciliationSucceeded",
    minute: float = 0,
    revision: str = f"main@sha1:{COMMIT}",
    kind: str = "Kustomization",
    **metadata: str,
) -> dict[str, Any]:
    """Return an event of Flux, with the metadata that its alert adds."""
    at = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(minutes=minute)
    succeeded = reason.endswith("Succeeded")
    finished = f"Reconciliation finished in 1m{minute:.9f}s, next run in 10m0s"
    return {
        "involvedObject": {
            "kind": kind,
            "namespace": "flux-system",
            "name": "slipway-prod",
            "uid": "7d0cdc51-ddcf-4743-b223-83ca5c699632",
        },
        "severity": "info" if succeeded else "error",
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "message": finished if succeeded else "health check failed after 5m0.02s: timeout",
        "reason": reason,
        "metadata": {"revision": revision, "service": "slipway", "environment": "prod"} | metadata,
        "reportingController": "kustomize-controller",
    }


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


def argocd(
    phase: str = "Succeeded",
    health: str = "Healthy",
    *,
    minute: int = 0,
    resource_version: str = "7",
    images: list[str] | None = None,
    status: dict[str, Any] | None = None,
    **operation: Any,
) -> dict[str, Any]:
    """Return an Application as our template in k8s/argocd sends it.

    The sync began at a minute past 12, and ended 30 s later; its health changed 10 s after that.
    """
    began = f"2026-03-01T12:{minute:02}"
    applied = [CHECKOUT] if images is None else images
    ended = {"finishedAt": f"{began}:30Z"} if phase in ("Succeeded", "Failed", "Error") else {}
    return {
        "app": {
            "metadata": {
                "name": "checkout-prod",
                "namespace": "argocd",
                "uid": "0c5f",
                "resourceVersion": resource_version,
                "labels": {"environment": "prod"},
            },
            "spec": {"project": "acme", "destination": {"namespace": "checkout"}},
            "status": {
                "health": {"status": health, "lastTransitionTime": f"{began}:40Z"},
                "reconciledAt": f"{began}:41Z",
                "summary": {"images": []},
                "operationState": {
                    "phase": phase,
                    "startedAt": f"{began}:00Z",
                    **ended,
                    "operation": {"initiatedBy": {"automated": True}},
                    "syncResult": {
                        "revision": REVISION,
                        "resources": [{"kind": "Deployment", "images": applied}],
                    },
                    **operation,
                },
                **(status or {}),
            },
        },
        "url": "https://argocd.example.com/applications/argocd/checkout-prod",
    }


def healing(**told: Any) -> dict[str, Any]:
    """Return what Argo CD says once it has healed a Service, a minute after a whole sync."""
    whole = {
        "deployStartedAt": "2026-03-01T12:00:00Z",
        "deployedAt": "2026-03-01T12:00:30Z",
        "initiatedBy": {"username": "ada"},
        "revision": REVISION,
        **told.pop("whole", {}),
    }
    status = {
        "history": [{"deployStartedAt": "2026-02-01T12:00:00Z", "revision": REVISION}, whole],
        "summary": {"images": [CHECKOUT]},
        "health": {"status": "Healthy", "lastTransitionTime": "2026-03-01T12:00:40Z"},
    }
    only = {"automated": True}
    operation: dict[str, Any] = {
        "operation": {"initiatedBy": only, "sync": {"resources": [{"kind": "Service"}]}},
        "syncResult": {"revision": REVISION, "resources": [{"kind": "Service"}]},
    }
    images = told.pop("images", [])
    body = argocd(told.pop("phase", "Succeeded"), minute=1, status={**status, **told})
    operation["syncResult"]["resources"][0]["images"] = images
    body["app"]["status"]["operationState"] |= operation
    return body


CLOUDEVENTS = "/api/v1/cloudevents"
PURL = f"pkg:oci/checkout@{DIGEST.replace(':', '%3A')}"


def cdevent(what: str = "service.deployed", *, old: bool = False, **told: Any) -> dict[str, Any]:
    """Return a CDEvent as a CloudEvent, in the shape of 0.5 or the old one of 0.4."""
    subject, version = what.split(".", maxsplit=1)[0], "0.2.0" if old else "0.3.0"
    content: dict[str, Any] = {"environment": {"id": "prod", "source": "/clusters/eu"}}
    if subject == "service":
        content["artifactId"] = PURL
    context = {
        "version" if old else "specversion": "0.4.1" if old else "0.5.0",
        "id": told.pop("id", "271069a8"),
        "source": "/ci/acme",
        "type": f"dev.cdevents.{what}.{version}",
        "timestamp": told.pop("timestamp", "2026-03-01T12:03:00Z"),
    }
    named = {"id": told.pop("subject", "checkout"), "source": "/ci/acme"}
    kept = {"type": subject} if old else {}
    data = {"context": context, "subject": {**named, **kept, "content": {**content, **told}}}
    return {
        "specversion": "1.0",
        **{name: context[name] for name in ("id", "source", "type")},
        "datacontenttype": "application/json",
        "data": data,
    }
