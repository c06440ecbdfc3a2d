"""The pages about incidents: what is open comes first, and who may write resolves and links."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.api.conftest import ADMIN_TOKEN, json_of
from tests.api.test_pages import browser_of, cells, record, text_of
from tests.api.test_sessions import Browser, csrf, make_token


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def report(client: FlaskClient, title: str, **more: Any) -> str:
    """Report an incident of checkout in prod; return its id."""
    body = {"service": "checkout", "environment": "prod", "title": title, **more}
    return str(json_of(client.post("/api/v1/incidents", json=body))["id"])


def told(client: FlaskClient, incident: str) -> dict[str, Any]:
    return json_of(client.get(f"/api/v1/incidents/{incident}"))


@pytest.fixture
def browser(sqlite_client: FlaskClient) -> Browser:
    return Browser(sqlite_client.application)


def test_open_incidents_come_first_with_what_they_are_put_down_to(client: FlaskClient) -> None:
    show = browser_of(client)
    record(client, "1.0", "prod", finished_at=ago(hours=5.5))
    record(client, "1.1", "prod", finished_at=ago(hours=3.5))
    times = {"detected_at": "2026-03-01T12:00:00Z", "resolved_at": "2026-03-01T13:30:00Z"}
    report(client, "Search is slow", service="search", **times)
    report(client, "Payments are refused", detected_at=ago(hours=2.5))

    page = show("/incidents")

    detected = ago(hours=2.5)[:16].replace("T", " ")
    headings = ("What", "Where", "Detected")
    assert cells(page) == [
        *(*headings, "Open for", "Put down to"),
        *("Payments are refused", "checkout in prod", f"{detected} UTC", "2 h", "1.1 inferred"),
        *(*headings, "Lasted", "Put down to"),
        *("Search is slow", "search in prod", "2026-03-01 12:00 UTC", "1 h 30 min", "\N{EN DASH}"),
    ]
    assert "Search" not in "".join(cells(show("/incidents", service="checkout", environment="")))
    assert "Nothing is broken" in show("/incidents", environment="dev", service="search").text
    assert show("/incidents", service="Not a name").status_code == 422


def test_resolved_incidents_are_paged(sqlite_client: FlaskClient) -> None:
    show = browser_of(sqlite_client)
    for number in range(31):
        at = f"2026-03-01T12:{number:02}:00Z"
        report(sqlite_client, f"Outage {number}", detected_at=at, resolved_at=at)
    report(sqlite_client, "It is down")

    first = show("/incidents", environment="prod")
    older = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert older
    second = show(html.unescape(older[1]))

    assert first.text.count("<td>Outage") == 0
    assert ("Outage 30" in first.text, "Outage 0<" in first.text) == (True, False)
    assert cells(second)[5] == "Outage 0"
    assert "It is down" not in second.text
    assert show("/incidents", cursor="made-up").status_code == 422


def form(browser: Browser, incident: str, action: str, **fields: str) -> TestResponse:
    """Send a form of an incident's page."""
    page = browser.get(f"/incidents/{incident}")
    assert f'action="/incidents/{incident}/{action}"' in page.text
    return browser.post(f"/incidents/{incident}/{action}", data={"csrf": csrf(page), **fields})


def test_who_may_write_resolves_an_incident_and_opens_it_again(
    sqlite_client: FlaskClient, browser: Browser
) -> None:
    browser.sign_in(make_token(sqlite_client, "write"))
    incident = report(sqlite_client, "It is down", detected_at="2026-03-01T12:00:00Z")

    answer = form(browser, incident, "resolution", resolved_at="2026-03-01T12:30")
    assert (answer.status_code, answer.location) == (303, f"/incidents/{incident}")
    assert told(sqlite_client, incident)["resolved_at"] == "2026-03-01T12:30:00Z"
    assert "after 30 min" in text_of(browser.get(f"/incidents/{incident}").text)

    assert form(browser, incident, "reopening").status_code == 303
    assert told(sqlite_client, incident)["resolved_at"] is None
    early = form(browser, incident, "resolution", resolved_at="2026-02-28T12:00")
    assert early.status_code == 422
    assert "must not be before detected_at" in early.text
    assert form(browser, incident, "resolution", resolved_at="noon").status_code == 422
    assert form(browser, incident, "resolution", resolved_at="").status_code == 303
    assert told(sqlite_client, incident)["resolved_at"] is not None


def test_who_may_write_states_the_cause_of_an_incident(
    sqlite_client: FlaskClient, browser: Browser
) -> None:
    browser.sign_in(ADMIN_TOKEN)
    first = record(sqlite_client, "1.0", "prod", finished_at="2026-03-01T10:00:00Z")
    last = record(sqlite_client, "1.1", "prod", finished_at="2026-03-01T11:00:00Z")
    elsewhere = record(sqlite_client, "1.1", "dev", finished_at="2026-03-01T09:00:00Z")
    incident = report(sqlite_client, "It is down", detected_at="2026-03-01T12:00:00Z")
    page = browser.get(f"/incidents/{incident}")
    assert f'<option value="{elsewhere}"' not in page.text
    assert "1.1 inferred" in text_of(page.text)

    assert form(browser, incident, "cause", deployment_id=first).status_code == 303
    assert told(sqlite_client, incident)["deployment_id"] == first
    page = browser.get(f"/incidents/{incident}")
    assert f'<option value="{first}" selected>' in page.text
    assert "1.0 as stated" in text_of(page.text)
    for wrong in (elsewhere, str(UUID(int=1)), "x"):
        assert form(browser, incident, "cause", deployment_id=wrong).status_code == 422
    assert form(browser, incident, "cause", deployment_id="").status_code == 303
    assert told(sqlite_client, incident)["deployment_id"] == last


@pytest.mark.parametrize("action", ["resolution", "reopening", "cause"])
def test_nobody_changes_an_incident_without_the_scope_and_the_form(
    sqlite_client: FlaskClient, browser: Browser, action: str
) -> None:
    incident = report(sqlite_client, "It is down")
    before = told(sqlite_client, incident)
    path = f"/incidents/{incident}/{action}"

    assert browser.post(path).status_code == 401
    browser.sign_in(make_token(sqlite_client, "read"))
    page = browser.get(f"/incidents/{incident}")
    assert path not in page.text
    assert "sign in</a> with a token that has the scope" in page.text
    assert browser.post(path, data={"csrf": csrf(page)}).status_code == 403
    browser.sign_in(ADMIN_TOKEN)
    for fields in ({}, {"csrf": "guess"}):
        assert browser.post(path, data=fields).status_code == 403
    assert sqlite_client.post(path).status_code == 403  # a token of the API is no form
    unknown = path.replace(incident, str(UUID(int=1)))
    found = browser.post(unknown, data={"csrf": csrf(browser.get("/incidents"))})
    assert found.status_code == 404
    assert told(sqlite_client, incident) == before
