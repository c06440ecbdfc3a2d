"""What people do with the pages, from the front page on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from api.domain.kit import times
from tests.api.conftest import ADMIN_TOKEN, json_of
from tests.api.events.payloads import argocd
from tests.api.test_pages import declare, deliver, record
from tests.browser.conftest import Open

expect.set_options(timeout=30_000)
NOSCRIPT: dict[str, Any] = {"java_script_enabled": False}


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


@pytest.fixture
def history(client: FlaskClient) -> dict[str, str]:
    """Record two releases of checkout, a failure and an open incident; return some ids."""
    deliver(client, "1.0.0", "1.1.0", "1.2.0")
    digest = "sha256:" + "4f" * 32
    record(client, "1.0.0", "prod", finished_at=ago(days=9))
    last = record(client, "1.1.0", "prod", finished_at=ago(hours=3), image_digest=digest)
    record(client, "1.2.0", "staging", finished_at=ago(hours=2), image_digest=digest[:-1] + "0")
    record(client, "1.2.0", "prod", finished_at=ago(hours=1), status="failed")
    declare(client, "prod", "1.2.0")
    broken = {"service": "checkout", "environment": "prod", "title": "Payments are refused"}
    incident = json_of(client.post("/api/v1/incidents", json=broken))["id"]
    return {"last": last, "incident": incident}


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("options", [{}, NOSCRIPT], ids=["script", "no script"])
def test_a_release_manager_finds_what_is_where_and_what_waits(
    look: Open, options: dict[str, Any]
) -> None:
    page = look("/", **options)
    cell = page.locator("tr", has_text="checkout").locator("td.drifted")
    expect(cell).to_contain_text("1.1.0")
    expect(cell).to_contain_text("failed: 1.2.0")
    queue = page.get_by_role("region", name="Waiting to be promoted")
    expect(queue).to_contain_text("1.2.0 in place of 1.1.0")
    expect(queue).to_contain_text("Payments are refused")
    expect(queue.locator(".command code").last).to_have_text("make promote FROM=staging TO=prod")

    page.get_by_text("Changed since:").get_by_role("link", name="yesterday").click()
    expect(page.locator(".changed").last).to_have_text("was 1.0.0")
    page.get_by_role("columnheader", name="prod").get_by_role("link").click()
    expect(page.locator("article.arrival").first).to_contain_text("Part of 1.1.0")
    page.get_by_label("Difference from").select_option("staging")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("region", name="Difference", exact=True)).to_contain_text("1.2.0")
    page.get_by_role("link", name="Insights").click()
    page.locator(".plot a").first.click()
    expect(page.locator("h1")).to_contain_text("Deployment frequency")


@pytest.mark.parametrize("options", [{}, NOSCRIPT], ids=["script", "no script"])
def test_who_is_on_call_resolves_an_incident_by_keyboard(
    client: FlaskClient, look: Open, history: dict[str, str], options: dict[str, Any]
) -> None:
    page = look(f"/incidents/{history['incident']}", **options)
    page.get_by_role("main").get_by_role("link", name="sign in").press("Enter")
    sign_in(page)
    page.get_by_label("Deployment").select_option(history["last"])
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_text("as stated")).to_be_visible()
    page.get_by_role("button", name="Resolve").press("Enter")
    expect(page.get_by_role("button", name="Open it again")).to_be_visible()

    known = json_of(client.get(f"/api/v1/incidents/{history['incident']}"))
    assert known["resolved_at"] is not None
    assert known["deployment_id"] == history["last"]


def sign_in(page: Page) -> None:
    """Sign in as an admin, on the page that asks for a token."""
    page.get_by_label("Token").fill(ADMIN_TOKEN)
    page.get_by_label("Token").press("Enter")


@pytest.mark.parametrize("options", [{}, NOSCRIPT], ids=["script", "no script"])
def test_an_admin_gives_a_token_and_takes_it_back(
    client: FlaskClient, look: Open, axe: str, options: dict[str, Any]
) -> None:
    page = look("/admin", **options)
    sign_in(page)
    page.get_by_label("Name").fill("ci")
    page.get_by_label("write", exact=False).first.check()
    page.get_by_role("button", name="Create").press("Enter")
    token = page.locator(".command code").inner_text()
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/tokens", headers=headers).status_code == 403  # it may only write
    if not options:
        page.evaluate(axe)
        assert page.evaluate("() => axe.run().then((told) => told.violations)") == []

    page.get_by_role("link", name="I have copied it").click()
    row = page.get_by_role("row", name="ci")
    expect(row).to_contain_text("write")
    page.get_by_role("link", name="Revoke ci").press("Enter")
    page.get_by_role("button", name="Revoke ci").press("Enter")
    expect(page.get_by_role("row", name="ci")).to_contain_text("revoked")
    assert client.get("/api/v1/services", headers=headers).status_code == 401


@pytest.mark.parametrize("options", [{}, NOSCRIPT], ids=["script", "no script"])
def test_an_admin_sees_what_the_rules_make_of_an_event(
    client: FlaskClient, look: Open, axe: str, options: dict[str, Any]
) -> None:
    event = json_of(client.post("/api/v1/webhooks/argocd", json=argocd()))["id"]
    page = look(f"/events/{event}", **options)
    page.get_by_role("main").get_by_role("link", name="sign in").click()
    sign_in(page)
    page.get_by_role("button", name="Try the rules on it").click()
    expect(page.get_by_role("region", name="Deployments")).to_contain_text("1.4.2")
    body = page.get_by_label("Body")
    body.fill(body.input_value().replace("checkout", "billing"))
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("region", name="Deployments")).to_contain_text("billing new")
    if not options:
        page.evaluate(axe)
        assert page.evaluate("() => axe.run().then((told) => told.violations)") == []
    assert len(json_of(client.get("/api/v1/events"))["items"]) == 1


def test_the_timeline_leads_to_what_it_shows(look: Open, history: dict[str, str]) -> None:
    page = look("/services/checkout")
    picture = page.get_by_role("group", name="Timeline")
    expect(picture).to_be_visible()
    page.get_by_text("The timeline as a table").click()
    table = page.get_by_role("region", name="The timeline as a table")
    expect(table.get_by_role("row").nth(1)).to_contain_text("Payments are refused")
    picture.locator(f'a[href="/incidents/{history["incident"]}"]').click()
    expect(page.locator("h1")).to_have_text("Payments are refused")


@pytest.mark.usefixtures("history")
def test_a_stranger_finds_four_answers_on_the_first_screen(look: Open) -> None:
    page = look("/", viewport={"width": 1200, "height": 860})
    glance = page.get_by_role("list", name="At a glance")
    queue = page.get_by_role("region", name="Waiting to be promoted")
    runs = page.locator("tr", has_text="checkout").locator("td[data-in=prod]")
    for answer, words in (
        (runs, "1.1.0"),
        (glance, "open incident: Payments are refused, checkout in prod"),
        (queue, "prod: Payments are refused"),
        (glance, "1 failed: checkout"),
        (glance, "1 in prod: checkout 1.1.0"),
        (runs.locator(".new"), "h · api"),
    ):
        expect(answer).to_contain_text(words)
        expect(answer).to_be_in_viewport()
    glance.get_by_role("link", name="1 in prod").click()
    expect(page.locator(".changed")).to_have_text(["was 1.0.0"])


@pytest.mark.parametrize("options", [{}, NOSCRIPT], ids=["script", "no script"])
def test_a_developer_tries_the_api_by_keyboard(
    client: FlaskClient, look: Open, options: dict[str, Any]
) -> None:
    page = look("/", **options)
    page.get_by_role("link", name="API", exact=True).press("Enter")
    page.get_by_role("link", name="Record a deployment").press("Enter")
    page.get_by_label("Body").fill('{"service": "web", "environment": "dev", "version": "7"}')
    page.get_by_label("Token").fill(ADMIN_TOKEN)
    page.get_by_label("Token").press("Enter")
    expect(page.get_by_role("heading", name="Answer: 201 CREATED")).to_be_in_viewport()
    expect(page.get_by_role("region", name="Body of the answer")).to_contain_text('"version": "7"')
    assert len(json_of(client.get("/api/v1/deployments"))["items"]) == 1


def poll(page: Page) -> None:
    """Let time pass until the page asks for itself."""
    with page.expect_request(page.url):
        page.clock.run_for(10_000)


@pytest.mark.usefixtures("history")
def test_a_page_keeps_itself_up_to_date_and_leaves_people_alone(
    client: FlaskClient, look: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = look("/")
    page.clock.install()
    page.reload()
    page.get_by_label("Service").fill("check")
    link = page.get_by_role("rowheader", name="checkout").get_by_role("link")
    link.focus()
    poll(page)
    expect(page.locator("[data-updated]")).to_have_count(0)
    # Ages grow, and links to an instant lead to another one, which is no news.
    with monkeypatch.context() as later:
        later.setattr(times, "now", lambda: datetime.now(UTC) + timedelta(minutes=2))
        yesterday = page.get_by_text("Changed since:").get_by_role("link", name="yesterday")
        before = str(yesterday.get_attribute("href"))
        poll(page)
        expect(yesterday).not_to_have_attribute("href", before)
        expect(page.locator("[data-updated]")).to_have_count(0)

    record(client, "1.3.0", "staging", finished_at=ago(minutes=5))
    poll(page)

    cell = page.locator("td", has_text="1.3.0").first
    expect(cell).to_have_attribute("data-updated", "")
    expect(page.get_by_role("status").last).to_contain_text("marked")
    expect(link).to_be_focused()
    expect(page.get_by_label("Service")).to_have_value("check")
    record(client, "7", "dev", service="another", finished_at=ago(minutes=5))
    poll(page)
    # A column came, too, but no row was taken for another one.
    expect(page.locator("tr[data-updated]")).to_contain_text("another")
    expect(cell).not_to_have_attribute("data-updated", "")  # what changed before the last change
    expect(link).to_be_focused()


def test_forms_follow_what_has_changed_unless_somebody_fills_them_in(
    client: FlaskClient, look: Open, history: dict[str, str]
) -> None:
    incident = f"/incidents/{history['incident']}"
    page = look(f"/sign-in?back={incident}")
    sign_in(page)
    page.wait_for_url(f"**{incident}")
    page.clock.install()
    page.reload()
    cause = page.get_by_label("Deployment")
    cause.select_option(history["last"])
    ended = {"resolved_at": (datetime.now(UTC) + timedelta(seconds=1)).isoformat()}
    assert client.patch(f"/api/v1{incident}", json=ended).status_code == 200
    record(client, "1.0.9", "prod", finished_at=ago(hours=2))
    poll(page)
    expect(page.get_by_role("button", name="Open it again")).to_be_visible()
    expect(page.get_by_role("button", name="Resolve")).to_have_count(0)
    expect(cause).to_have_value(history["last"])
    expect(cause).not_to_contain_text("1.0.9")
    cause.select_option("")
    page.get_by_role("heading", level=1).click()
    page.evaluate("() => document.activeElement.blur()")
    record(client, "1.0.8", "prod", finished_at=ago(hours=2))
    poll(page)
    expect(cause).to_contain_text("1.0.9")


@pytest.mark.usefixtures("history")
def test_a_server_that_stopped_is_said(look: Open) -> None:
    page = look("/incidents")
    page.clock.install()
    page.reload()
    page.route("**/incidents", lambda route: route.abort())
    poll(page)
    watch = page.locator(".watch")
    expect(watch).to_contain_text("the server does not answer")
    page.unroute("**/incidents")
    page.clock.run_for(10_000)  # it asks less often meanwhile
    poll(page)
    expect(watch).to_contain_text("up to date again")
    look.faults.clear()  # type: ignore[attr-defined]  # the browser's own words about it
