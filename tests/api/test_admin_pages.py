"""The pages for admins: tokens, subscriptions and their deliveries, and the rules for events."""

from __future__ import annotations

import html
import json
import re
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from markupsafe import escape
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from api.tables import deliveries, deployments, environments, events
from tests.api.conftest import ADMIN_TOKEN, bearer, json_of
from tests.api.events.payloads import cdevent, github
from tests.api.test_pages import PLANTED, cells, record, text_of
from tests.api.test_sessions import Browser, csrf, make_token

PAGES = ("/admin", "/admin/notifications", "/admin/rules")
ANY = str(UUID(int=1))
FORMS = (
    "/admin/tokens",
    f"/admin/tokens/{ANY}/revocation",
    "/admin/subscriptions",
    f"/admin/subscriptions/{ANY}/deletion",
    f"/admin/deliveries/{ANY}/retry",
    "/admin/rules/dry-run",
)


@pytest.fixture
def browser(sqlite_client: FlaskClient) -> Browser:
    return Browser(sqlite_client.application)


@pytest.fixture
def admin(browser: Browser) -> Browser:
    """Return the browser of an admin who signed in."""
    assert browser.sign_in(ADMIN_TOKEN).status_code == 303
    return browser


def send(browser: Browser, page: str, path: str, **fields: Any) -> TestResponse:
    """Send a form that a page has."""
    shown = browser.get(page)
    assert f'action="{path}"' in shown.text
    return browser.post(path, data={"csrf": csrf(shown), **fields})


def only_id(client: FlaskClient, kind: str) -> str:
    """Return the id of the only token, subscription or delivery."""
    (item,) = json_of(client.get(f"/api/v1/{kind}"))["items"]
    return str(item["id"])


@pytest.mark.parametrize("path", PAGES)
def test_the_pages_are_for_admins_and_only_they_are_led_there(
    sqlite_client: FlaskClient, browser: Browser, path: str
) -> None:
    assert browser.get(path).location == f"/sign-in?back={path}"
    browser.sign_in(make_token(sqlite_client, "write"))
    assert browser.get(path).status_code == 403
    assert 'href="/admin"' not in browser.get("/").text
    browser.sign_in(ADMIN_TOKEN)
    assert browser.get(path).status_code == 200
    assert 'href="/admin"' in browser.get("/").text


@pytest.mark.parametrize("path", FORMS)
def test_no_form_works_without_the_scope_and_the_page(
    sqlite_client: FlaskClient, browser: Browser, path: str
) -> None:
    assert browser.post(path).status_code == 401
    browser.sign_in(make_token(sqlite_client, "write"))
    form = {"csrf": csrf(browser.get("/"))}
    assert browser.post(path, data=form).status_code == 403
    browser.sign_in(ADMIN_TOKEN)
    for given in ({}, {"csrf": "guess"}):
        refused = browser.post(path, data=given)
        assert (refused.status_code, "open the page again" in refused.text) == (403, True)
    assert browser.post(path, data={"csrf": csrf(browser.get("/"))}).status_code in (404, 422)


def test_an_admin_creates_a_token_whose_text_is_shown_once(
    sqlite_client: FlaskClient, admin: Browser
) -> None:
    assert "There is no token yet" in admin.get("/admin").text
    asked = {"name": "ci", "scopes": ["write", "ingest:argocd"], "days": "30"}
    made = send(admin, "/admin", "/admin/tokens", **asked)

    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    text = re.findall(r"<code>(slw_[^<]+)</code>", made.text)[0]
    headers = bearer(text)
    assert json_of(sqlite_client.get("/api/v1/services", headers=headers)) is not None
    page = admin.get("/admin")
    assert cells(page)[6:8] == ["ci", "ingest:argocd, write"]
    assert text not in page.text
    token = json_of(sqlite_client.get(f"/api/v1/tokens/{only_id(sqlite_client, 'tokens')}"))
    assert token["expires_at"][:4] >= token["created_at"][:4]
    assert token["expires_at"] is not None


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"name": "ci"}, "#/scopes is missing"),
        ({"scopes": "read"}, "#/name is missing"),
        ({"name": "ci", "scopes": "everything"}, "#/scopes/0"),
        ({"name": "ci", "scopes": "ingest:nobody"}, "is for no source"),
        ({"name": "ci", "scopes": "read", "days": "0"}, "#/days"),
        ({"name": "<b>", "scopes": "read"}, "#/name"),
        ({"name": "ci", "scopes": ["read"] * 21}, "#/scopes"),
    ],
)
def test_a_token_that_cannot_be_is_refused(
    sqlite_client: FlaskClient, admin: Browser, fields: dict[str, Any], fault: str
) -> None:
    refused = send(admin, "/admin", "/admin/tokens", **fields)
    assert (refused.status_code, fault in text_of(refused.text)) == (422, True)
    assert json_of(sqlite_client.get("/api/v1/tokens"))["items"] == []


def test_an_admin_revokes_a_token_after_being_asked(
    sqlite_client: FlaskClient, admin: Browser
) -> None:
    text = make_token(sqlite_client, "read")
    token = only_id(sqlite_client, "tokens")
    page = f"/admin/tokens/{token}"
    assert f'href="{page}"' in admin.get("/admin").text
    assert "Revoke it?" in admin.get(page).text
    assert sqlite_client.get("/api/v1/services", headers=bearer(text)).status_code == 200

    answer = send(admin, page, f"{page}/revocation")

    assert (answer.status_code, answer.location) == (303, "/admin")
    assert sqlite_client.get("/api/v1/services", headers=bearer(text)).status_code == 401
    assert "revoked" in cells(admin.get("/admin"))[-1]
    assert "Revoke it?" not in admin.get(page).text
    assert admin.get(f"/admin/tokens/{ANY}").status_code == 404


def test_many_tokens_have_pages(sqlite_client: FlaskClient, admin: Browser) -> None:
    for _ in range(31):
        make_token(sqlite_client, "read")
    first = admin.get("/admin").text
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older
    assert (
        first.count('<th scope="row"'),
        admin.get(html.unescape(older[1])).text.count('<th scope="row"'),
    ) == (30, 1)
    assert admin.get("/admin?cursor=made-up").status_code == 422


def test_an_admin_subscribes_retries_and_deletes(
    sqlite_client: FlaskClient, admin: Browser
) -> None:
    page = "/admin/notifications"
    assert "Nobody is told anything yet" in admin.get(page).text
    asked = {"url": "https://chat.example.com/hooks", "types": ["deployment.finished"]}
    made = send(admin, page, "/admin/subscriptions", **asked)
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    assert "whsec_" in made.text
    assert "whsec_" not in admin.get(page).text

    record(sqlite_client, "1.0", "prod")
    assert "None: whatever was to be sent" in admin.get(page).text
    with sqlite_client.application.extensions["database"].write() as connection:
        connection.execute(update(deliveries).values(state="dead", attempts=10, failure=PLANTED))
    delivery = only_id(sqlite_client, "deliveries")
    told = cells(admin.get(page))
    assert told[8:10] == ["https://chat.example.com/hooks", f"{escape(PLANTED)} 10 attempts"]
    assert send(admin, page, f"/admin/deliveries/{delivery}/retry").location == page
    assert json_of(sqlite_client.get("/api/v1/deliveries"))["items"][0]["state"] == "waiting"
    again = admin.post(f"/admin/deliveries/{delivery}/retry", data={"csrf": csrf(admin.get(page))})
    assert (again.status_code, "is waiting, not dead" in again.text) == (409, True)

    subscription = only_id(sqlite_client, "subscriptions")
    there = f"/admin/subscriptions/{subscription}"
    assert f'href="{there}"' in admin.get(page).text
    assert send(admin, there, f"{there}/deletion").location == page
    assert json_of(sqlite_client.get("/api/v1/subscriptions"))["items"] == []
    assert admin.get(there).status_code == 404


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"types": "deployment.finished"}, "#/url is missing"),
        ({"url": "https://chat.example.com"}, "#/types is missing"),
        ({"url": "http://chat.example.com", "types": "deployment.finished"}, "#/url"),
        ({"url": "https://10.0.0.1/", "types": "deployment.finished"}, "#/url"),
        ({"url": "https://a.example/" + "x" * 3000, "types": "deployment.finished"}, "#/url"),
        ({"url": "https://chat.example.com", "types": "all"}, "#/types/0"),
    ],
)
def test_a_subscription_that_cannot_be_is_refused(
    admin: Browser, fields: dict[str, str], fault: str
) -> None:
    refused = send(admin, "/admin/notifications", "/admin/subscriptions", **fields)
    assert (refused.status_code, fault in text_of(refused.text)) == (422, True)


def count_of(client: FlaskClient) -> list[int]:
    """Return how much the ledger has of what an event could have added."""
    with client.application.extensions["database"].read() as connection:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (events, deployments, environments)
        ]


def test_a_pasted_event_shows_what_the_rules_make_of_it_and_writes_nothing(
    sqlite_client: FlaskClient, admin: Browser
) -> None:
    record(sqlite_client, "1.0", "dev")
    before = count_of(sqlite_client)
    body = json.dumps(github("success"))
    headers = "X-GitHub-Event: deployment_status\r\n\r\nX-GitHub-Delivery: 1\r\n"
    pasted = {"source": "github", "headers": headers, "body": body}

    page = send(admin, "/admin/rules", "/admin/rules/dry-run", **pasted)

    assert page.status_code == 200
    assert "projected : it would be recorded" in text_of(page.text)
    assert cells(page)[7:11] == [
        "checkout",
        "prod new",
        "9fceb02d0ae598e95dc970b74767f19372d61af8",
        "succeeded",
    ]
    dry = sqlite_client.post(
        "/api/v1/webhooks/github/dry-run",
        json=github("success"),
        headers={"X-GitHub-Event": "deployment_status"},
    )
    assert json_of(dry)["deployments"][0]["version"] == cells(page)[9]
    assert str(escape(body)) in page.text  # to be changed and tried again
    assert '<option value="github" selected>' in page.text
    assert count_of(sqlite_client) == before


def test_a_batch_of_cloudevents_is_tried_one_by_one(admin: Browser) -> None:
    event = cdevent()
    other = {**event, "id": "2", "type": "com.example.lunch", "data": {}}
    attributes = ("specversion", "id", "source", "type")
    binary = "\n".join(f"ce-{name}: {event[name]}" for name in attributes)

    def tried(headers: str, body: Any) -> str:
        pasted = {"source": "cloudevents", "headers": headers, "body": json.dumps(body)}
        return text_of(send(admin, "/admin/rules", "/admin/rules/dry-run", **pasted).text)

    batch = tried("", [event, other])
    assert "Event 1 of 2 projected" in batch
    assert "Event 2 of 2 not ours" in batch
    for single in (tried("", event), tried(binary, event["data"])):
        assert "projected : it would be recorded" in single
        assert "prod new" in single
    assert "#/specversion is missing" in tried("", {"id": "1"})


def test_an_event_may_be_as_long_as_the_api_takes_it(admin: Browser) -> None:
    body = json.dumps({**github("success"), "long": '"' * 400_000})
    shown = admin.get("/admin/rules")
    assert 'enctype="multipart/form-data"' in shown.text  # encoded it would be three times as long

    def tried(body: str) -> TestResponse:
        fields = {"csrf": csrf(shown), "source": "github", "body": body}
        fields["headers"] = "X-GitHub-Event: deployment_status"
        parts = [
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        sent = "".join([*parts, "--x--\r\n"]).encode()
        kind = "multipart/form-data; boundary=x"
        return admin.post("/admin/rules/dry-run", data=sent, content_type=kind)

    told = tried(body)
    assert (told.status_code, "projected" in told.text) == (200, True)
    assert tried(body + " " * 700_000).status_code == 413


@pytest.mark.parametrize(
    ("pasted", "status", "fault"),
    [
        ({"source": "github"}, 422, "#/body is missing"),
        ({"source": "nobody", "body": "{}"}, 422, "must be one of argocd, flux"),
        ({"source": "github", "body": "{"}, 400, "The body is not JSON"),
        ({"source": "github", "body": '{"a": 1, "a": 2}'}, 400, "is duplicated"),
        ({"source": "github", "body": "null"}, 400, "The body is null"),
        ({"source": "github", "body": "[]"}, 422, "must be a JSON object"),
        ({"source": "flux", "body": "{}", "headers": "no colon"}, 422, "has no name and colon"),
        ({"source": "github", "body": "{}"}, 200, "not ours"),
    ],
)
def test_what_cannot_be_read_says_why(
    admin: Browser, pasted: dict[str, str], status: int, fault: str
) -> None:
    told = send(admin, "/admin/rules", "/admin/rules/dry-run", **pasted)
    assert (told.status_code, fault in html.unescape(text_of(told.text))) == (status, True)


def test_what_is_pasted_is_harmless(admin: Browser) -> None:
    body = github("success", environment=PLANTED, ref=PLANTED)
    body["repository"]["name"] = PLANTED
    pasted = {"source": "github", "headers": f"X-GitHub-Event: {PLANTED}", "body": json.dumps(body)}
    for event in (PLANTED, "deployment_status"):
        pasted["headers"] = f"X-GitHub-Event: {event}"
        page = send(admin, "/admin/rules", "/admin/rules/dry-run", **pasted).text
        assert "&lt;script&gt;" in page
        assert "<script>" not in page
        assert "<img" not in page
