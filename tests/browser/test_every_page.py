"""What holds for every page, in every width, light and dark: nobody is kept out of it."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import json_of
from tests.api.events.payloads import argocd
from tests.api.test_pages import deliver, record
from tests.browser.conftest import Open
from tests.browser.test_journeys import ago, sign_in

WIDTHS = (320, 768, 1440)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_keeps_anybody_out(client: FlaskClient, look: Open, axe: str, scheme: str) -> None:
    deliver(client, "1.0.0", "1.1.0")
    for number, version in enumerate(("1.0.0", "1.1.0", "1.0.0")):  # the last is a rollback
        record(client, version, "prod", finished_at=ago(days=5 - number))
    record(client, "1.0.0", "prod", finished_at=ago(days=1), status="failed")
    deployment = record(client, "1.1.0", "dev", finished_at=ago(days=1))
    broken = {"service": "checkout", "environment": "prod", "title": "It is down"}
    incident = json_of(client.post("/api/v1/incidents", json=broken))["id"]
    point = f"metric=rework_rate&from={ago(days=3)}&to={ago()}".replace("+", "%2B")
    new = {"name": "ci", "scopes": ["read"]}
    token = json_of(client.post("/api/v1/tokens", json=new))["id"]
    event = json_of(client.post("/api/v1/webhooks/argocd", json=argocd()))["id"]
    found = {}
    page = look("/sign-in", color_scheme=scheme)
    sign_in(page)
    page.wait_for_url("**/")
    for path in (
        "/",
        "/services/checkout",
        "/environments/prod?against=dev",
        "/environments/prod?since=2026-01-01T00:00",
        "/deployments",
        f"/deployments/{deployment}",
        f"/events/{event}",
        "/incidents",
        f"/incidents/{incident}",
        "/insights",
        f"/insights/explanation?{point}",
        "/sign-in",
        "/admin",
        f"/admin/tokens/{token}",
        "/admin/notifications",
        "/admin/rules",
    ):
        page.goto(path)
        page.evaluate(axe)
        violations = page.evaluate("() => axe.run().then((told) => told.violations)")
        faults = [(rule["id"], rule["nodes"][0]["html"]) for rule in violations]
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            wide = page.evaluate("() => document.documentElement.scrollWidth")
            faults += [("wider than the window", str(width))] if wide > width else []
        if faults:
            found[path] = faults
    assert found == {}
