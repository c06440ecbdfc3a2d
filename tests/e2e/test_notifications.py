"""Dev with the component `notifications`: a subscriber in the cluster is told, and can trust it."""

import base64
import hmac
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import NAMESPACE, Ingress, required
from tools.cluster import deploy as tool
from tools.cluster.kube import Kube

NOTIFIED = Path("tests/e2e/notified")
HOST = f"receiver.{NAMESPACE}.svc"
SCOPE = ("--namespace", NAMESPACE)
NEW = {"service": "search", "environment": "dev", "version": "2.0.0", "status": "succeeded"}


def certify(kube: Kube, tmp_path: Path) -> None:
    """Give the receiver a certificate of its own, for a day, as a Secret."""
    key, cert = tmp_path / "tls.key", tmp_path / "tls.crt"
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    argv += ["-subj", "/CN=receiver", "-addext", f"subjectAltName=DNS:{HOST}"]
    argv += ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
    subprocess.run([*argv, "-keyout", key, "-out", cert], check=True, capture_output=True)
    kube.run("delete", "secret", "receiver", *SCOPE, "--ignore-not-found")
    kube.run("create", "secret", "tls", "receiver", *SCOPE, f"--cert={cert}", f"--key={key}")


@pytest.fixture
def notified(kube: Kube, digest: str, tmp_path: Path) -> Iterator[None]:
    """Roll out dev with notifier and receiver; `deploy` brings the usual dev back."""
    image = {"newName": required("IMAGE_NAME"), "digest": digest}
    if tag := os.environ.get("IMAGE_TAG"):
        image["newTag"] = tag
    certify(kube, tmp_path)
    try:
        tool.roll_out(kube, NAMESPACE, tool.render(NOTIFIED, image, []), 120)
        yield
    finally:
        kube.run("delete", "secret", "receiver", *SCOPE)


def received(kube: Kube, seconds: float = 30) -> dict[str, Any]:
    """Return what the receiver was sent first."""
    deadline = time.monotonic() + seconds
    while not (lines := kube.run("logs", "deployment/receiver", *SCOPE).splitlines()):
        assert time.monotonic() < deadline, kube.run("logs", "deployment/slipway-notifier", *SCOPE)
        time.sleep(0.2)
    told: dict[str, Any] = json.loads(lines[0])
    return told


def signature(secret: str, told: dict[str, Any]) -> str:
    """Return what the signature must be, by https://www.standardwebhooks.com."""
    headers = told["headers"]
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{told['body']}"
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return f"v1,{base64.b64encode(hmac.digest(key, text.encode(), 'sha256')).decode()}"


@pytest.mark.usefixtures("deploy", "notified")
def test_a_subscriber_in_the_cluster_is_told_of_a_deployment_and_can_verify_it(
    kube: Kube, ingress: Ingress, report: list[str]
) -> None:
    ingress.get("/readyz")
    wanted = {"url": f"https://{HOST}/hook", "types": ["deployment.finished"]}
    subscription = ingress.call("POST", "/api/v1/subscriptions", wanted)
    assert subscription.status == 201, subscription.body
    try:
        began = time.monotonic()
        deployment = ingress.call("POST", "/api/v1/deployments", NEW)
        assert deployment.status == 201, deployment.body
        told = received(kube)
        took = time.monotonic() - began
        delivery = ingress.get("/api/v1/deliveries").json["items"][0]
    finally:
        ingress.call("DELETE", f"/api/v1/subscriptions/{subscription.json['id']}")

    assert told["headers"]["webhook-signature"] == signature(subscription.json["secret"], told)
    body = json.loads(told["body"])
    assert (body["type"], body["data"]["id"]) == ("deployment.finished", deployment.json["id"])
    assert (delivery["state"], delivery["body"]) == ("sent", told["body"])
    report.append(f"dev: a subscriber was told {took:.1f} s after a deployment was recorded")
