"""What holds for every page, in every width, light and dark: nobody is kept out of it."""

from __future__ import annotations

from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from playwright.sync_api import expect
from sqlalchemy import update

from api.pages import paging
from api.tables import deliveries
from tests.api.conftest import json_of
from tests.api.events.payloads import argocd
from tests.api.test_pages import deliver, record
from tests.browser.conftest import Open
from tests.browser.test_journeys import ago, sign_in

# The second is a window of 1280 px at a zoom of 200 %.
WIDTHS = (320, 640, 768, 1440)
PAPER = 794  # the width of A4
# What can be reached by the keyboard, and is seen.
REACHABLE = """() => [...document.querySelectorAll(
  "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"
)].filter((one) => one.checkVisibility()).length"""
PAINTED = """() => new Promise((done) => {
  const seen = { paint: 0, shift: 0 };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      seen.paint = entry.startTime - performance.getEntriesByType("navigation")[0].responseEnd;
    }
  }).observe({ type: "largest-contentful-paint", buffered: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) seen.shift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(seen), 200);
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_keeps_anybody_out(
    client: FlaskClient, look: Open, axe: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "COLUMNS", 2)
    deliver(client, "1.0.0", "1.1.0")
    for number, version in enumerate(("1.0.0", "1.1.0", "1.0.0")):  # the last is a rollback
        record(client, version, "prod", finished_at=ago(days=5 - number))
    record(client, "1.0.0", "prod", finished_at=ago(days=1), status="failed")
    deployment = record(client, "1.1.0", "dev", finished_at=ago(days=1))
    record(client, "1.2.0-pr", "pr-101")
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
        "/?transient=true&column=2",
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
        "/docs",
        "/docs/recordDeployment",
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


@pytest.fixture
def history(client: FlaskClient) -> None:
    deliver(client, "1.0.0", "1.1.0")
    for environment in ("dev", "staging", "prod"):
        record(client, "1.0.0", environment, finished_at=ago(days=2))
    record(client, "1.1.0", "dev", finished_at=ago(days=1))


@pytest.mark.usefixtures("history")
def test_what_is_printed_has_all_that_is_said_and_no_controls(
    client: FlaskClient, look: Open
) -> None:
    for number in range(9):
        record(client, "1.1.0", f"preview-{number}", finished_at=ago(days=1))
    page = look("/", color_scheme="dark", viewport={"width": PAPER, "height": 1123})
    page.emulate_media(media="print")
    for path in (
        *("/?transient=true", "/?since=2026-01-01T00:00", "/services/checkout"),
        *("/environments/prod", "/insights", "/docs/getMatrix"),
    ):
        page.goto(path)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= PAPER, path
        for control in page.locator("nav, .sign, .filters, .times, .try, .command button").all():
            assert not control.is_visible(), path
        for table in page.locator(".scroll").all():
            assert table.evaluate("(one) => getComputedStyle(one).overflow") == "visible", path
        ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)", path


@pytest.mark.usefixtures("history")
def test_the_keyboard_alone_reaches_everything(look: Open) -> None:
    page = look("/")
    for path in ("/", "/docs/recordDeployment"):
        page.goto(path)
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to the content")
        assert skip.evaluate("(link) => link === document.activeElement")
        assert skip.bounding_box()["x"] >= 0  # it is seen when it has focus
        stops = page.evaluate(REACHABLE)
        for _ in range(stops - 1):
            page.keyboard.press("Tab")
            outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", page.evaluate("() => document.activeElement.outerHTML")
        page.keyboard.press("Tab")  # beyond the last one
        assert page.evaluate("() => document.activeElement === document.body"), path


@pytest.mark.usefixtures("history")
def test_a_page_is_there_soon_and_stays_where_it_is(look: Open) -> None:
    page = look("/")
    for path in ("/", "/services/checkout", "/insights"):
        page.goto(path)
        seen = page.evaluate(PAINTED)
        assert 0 < seen["paint"] <= 2500, path  # ms after the answer has come
        assert seen["shift"] <= 0.02, path


def test_what_the_policy_forbids_is_noticed(look: Open) -> None:
    page = look("/sign-in")
    page.evaluate("() => document.body.setAttribute('style', 'color: red')")
    page.evaluate("() => fetch('https://elsewhere.example/').catch(() => null)")
    faults: list[str] = look.faults  # type: ignore[attr-defined]

    assert any("style-src" in fault or "inline style" in fault for fault in faults)
    assert any("connect-src" in fault for fault in faults)
    faults.clear()


@pytest.mark.parametrize("width", [320, 1440])
def test_names_of_any_length_break_no_page(
    ledger: APIFlask, client: FlaskClient, look: Open, axe: str, width: int
) -> None:
    word = "w" * 128
    client.put("/api/v1/services/checkout", json={"owner": word})
    long: dict[str, Any] = {"actor": word, "links": [{"title": word, "url": "https://a.example/"}]}
    deployment = record(client, word, "prod", finished_at=ago(days=2), **long)
    record(client, f"{word[:99]}2", "e" * 63, finished_at=ago(days=1), service="s" * 63)
    record(client, f"{word[:99]}3", "prod", finished_at=ago(hours=1), status="failed")
    change = {"service": "checkout", "commit": "4" * 40, "committed_at": ago(days=3)}
    told = {**change, "version": word, "title": word, "author": word}
    client.post("/api/v1/changes", json={"changes": [told]})
    broken = {"service": "checkout", "environment": "prod", "title": word}
    incident = json_of(client.post("/api/v1/incidents", json=broken))["id"]
    hook = {"url": f"https://{word[:63]}.example/{word}", "types": ["deployment.finished"]}
    json_of(client.post("/api/v1/subscriptions", json=hook))
    record(client, "1.0.0", "dev")
    with ledger.extensions["database"].write() as connection:
        connection.execute(update(deliveries).values(state="dead", failure=word))
    page = look("/sign-in", viewport={"width": width, "height": 800})
    sign_in(page)
    page.wait_for_url("**/")
    for path in (
        "/",
        "/?density=compact",
        "/?since=2026-01-01T00:00",
        "/services/checkout",
        f"/environments/{'e' * 63}",
        "/environments/prod?against=" + "e" * 63,
        "/deployments",
        f"/deployments/{deployment}",
        "/incidents",
        f"/incidents/{incident}",
        "/insights?days=30",
        "/docs/recordDeployment",
        "/docs/getDoraMetrics",
        "/admin/notifications",
        "/admin/rules",
        f"/{word}",
    ):
        page.goto(path)
        page.evaluate(
            "() => document.querySelectorAll('details').forEach((one) => one.open = true)"
        )
        page.evaluate(axe)
        violations = page.evaluate("() => axe.run().then((told) => told.violations)")
        assert [(rule["id"], rule["nodes"][0]["html"]) for rule in violations] == [], path
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, path
        # A table may be moved sideways, and what is in a cell is in no other.
        beyond = page.evaluate(
            "() => [...document.querySelectorAll('td, th')].filter((one) =>"
            " getComputedStyle(one).overflow === 'visible' && one.scrollWidth > one.clientWidth + 1"
            ").map((one) => one.outerHTML)"
        )
        assert beyond == [], path
    faults: list[str] = look.faults  # type: ignore[attr-defined]
    faults.clear()  # the browser's own words about the page that is not there


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_empty_or_refused_keeps_nobody_out(look: Open, axe: str, scheme: str) -> None:
    page = look("/", color_scheme=scheme)

    def faults() -> list[str]:
        page.evaluate(axe)
        violations = page.evaluate("() => axe.run().then((told) => told.violations)")
        found = [rule["id"] for rule in violations]
        page.set_viewport_size({"width": 320, "height": 800})
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        return found + (["wider than the window"] if wide > 320 else [])

    for path in ("/", "/deployments", "/incidents", "/insights", "/?start=-1", "/nothing"):
        page.goto(path)
        assert faults() == [], path
    page.goto("/sign-in?back=/admin/rules")
    page.get_by_label("Token").fill("guess")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="401")).to_be_visible()
    assert faults() == []
    page.get_by_role("link", name="Sign in with another token").click()
    sign_in(page)
    page.goto("/admin/rules")
    page.get_by_label("Body").fill("{}")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("heading", name="What would become of it")).to_be_visible()
    assert faults() == []
    page.get_by_label("Body").fill("no JSON")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("heading", name="400")).to_be_visible()
    assert faults() == []
    unnoticed: list[str] = look.faults  # type: ignore[attr-defined]
    unnoticed.clear()  # the browser's own words about what was refused
