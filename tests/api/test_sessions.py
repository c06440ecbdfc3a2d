"""Signing in to the pages with a token, where reading is not public."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from api.app import create_app
from api.database import Database
from api.domain.kit.times import now
from api.domain.tokens import NewToken, create
from api.outages import Outage, UnavailableError
from api.tables import tokens
from tests import sqlite
from tests.api.conftest import ADMIN_TOKEN, bearer, close, json_of


@pytest.fixture
def browser(sqlite_client: FlaskClient) -> FlaskClient:
    """Return a browser: it keeps cookies and sends no token by itself."""
    return Browser(sqlite_client.application)


class Browser(FlaskClient):
    """A client that asks for HTML."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app, app.response_class)
        self.environ_base["HTTP_ACCEPT"] = "text/html"

    def sign_in(self, token: str, back: str = "") -> TestResponse:
        """Fill in the form."""
        form = {"csrf": csrf(self.get("/sign-in")), "token": token, "back": back}
        return self.post("/sign-in", data=form)


def csrf(page: TestResponse) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def make_token(client: FlaskClient, *scopes: str) -> str:
    body = {"name": "ada", "scopes": list(scopes)}
    return str(json_of(client.post("/api/v1/tokens", json=body))["token"])


NOBODY = UUID(int=1)
PARTS: dict[str, object] = {
    **dict.fromkeys(("deployment_id", "incident_id", "event_id"), NOBODY),
    **dict.fromkeys(("token_id", "subscription_id", "delivery_id"), NOBODY),
    "fingerprint": "x",
    "filename": "pages.css",
    "operation_id": "getIndex",
    "name": "web",
    "service": "web",
    "environment": "prod",
}


def pages_by(method: str, app: Flask) -> dict[str, str]:
    """Return the URL of each page that takes a method, by its endpoint."""
    return {
        rule.endpoint: app.url_map.bind("").build(
            rule.endpoint, PARTS, method, append_unknown=False
        )
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("pages.") and method in (rule.methods or ())
    }


def test_no_page_is_left_open_by_mistake(browser: Browser) -> None:
    pages = pages_by("GET", browser.application)
    closed = {name for name, url in pages.items() if browser.get(url).status_code == 303}

    described = {"pages.show_operations", "pages.show_operation"}  # as /openapi.json is
    opened = {"pages.sign_in", "pages.serve_asset"} | described
    assert pages.keys() - closed == opened


def test_every_form_is_checked_against_forgery(browser: Browser) -> None:
    browser.sign_in(ADMIN_TOKEN)
    forms = pages_by("POST", browser.application)
    assert len(forms) > 10
    for name, url in forms.items():
        refused = browser.post(url, data={"csrf": "guess"})
        assert (refused.status_code, "open the page again" in refused.text) == (403, True), name


def test_who_signs_in_reads_and_comes_back_to_what_was_asked_for(
    sqlite_client: FlaskClient, browser: Browser
) -> None:
    token = make_token(sqlite_client, "read")
    asked = browser.get("/?state=drifted")
    assert asked.status_code == 303
    assert asked.location == "/sign-in?back=/?state%3Ddrifted"
    assert "no-store" in asked.headers["Cache-Control"]

    answer = browser.sign_in(token, "/?state=drifted")

    assert (answer.status_code, answer.location) == (303, "/?state=drifted")
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert token.split("_", 2)[2] not in cookie  # the secret may have such a character, too
    page = browser.get("/?state=drifted")
    assert page.status_code == 200
    assert "Sign out" in page.text
    assert browser.post("/sign-out", data={"csrf": csrf(page)}).location == "/sign-in"
    assert browser.get("/").status_code == 303


@pytest.mark.parametrize(
    "change", [{"revoked_at": now()}, {"expires_at": now() - timedelta(days=1)}]
)
def test_a_token_that_is_valid_no_longer_ends_its_sessions(
    sqlite_client: FlaskClient, browser: Browser, change: dict[str, object]
) -> None:
    token = make_token(sqlite_client, "read")
    browser.sign_in(token)
    assert browser.get("/").status_code == 200
    with sqlite_client.application.extensions["database"].write() as connection:
        known = tokens.c.id == UUID(token.split("_")[1])
        connection.execute(update(tokens).where(known).values(change))

    assert browser.get("/").status_code == 303


def test_a_session_is_worth_nothing_to_the_api(
    browser: Browser,
) -> None:
    browser.sign_in(ADMIN_TOKEN)

    assert browser.get("/").status_code == 200
    assert browser.get("/api/v1/matrix").status_code == 401
    assert browser.post("/api/v1/deployments", json={}).status_code == 401


def test_a_wrong_token_and_one_that_may_not_read_are_refused(
    sqlite_client: FlaskClient, browser: Browser
) -> None:
    wrong = browser.sign_in("slw_made-up")
    assert wrong.status_code == 401
    assert "The token is not known to this ledger." in wrong.text
    sender = browser.sign_in(make_token(sqlite_client, "ingest:github"))
    assert sender.status_code == 403
    assert "scope read, which the token ada does not have" in sender.text
    assert browser.get("/").status_code == 303


def test_guesses_are_limited_as_those_of_bearer_tokens_are(
    sqlite_lender: sqlite.Lender, tmp_path: Path
) -> None:
    secret = tmp_path / "token"
    secret.write_text(ADMIN_TOKEN)
    with sqlite_lender.lend() as place:
        settings = {**place, "ADMIN_TOKEN_FILE": secret, "AUTH_FAILURE_LIMIT": "2 per minute"}
        app = create_app(settings)
        browser = Browser(app)
        form = {"csrf": csrf(browser.get("/sign-in")), "token": "guess"}
        assert [browser.post("/sign-in", data=form).status_code for _ in range(3)] == [
            401,
            401,
            429,
        ]
        assert browser.get("/sign-in").status_code == 200
        close(app)


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/docs/getMatrix"])
def test_a_form_of_another_site_is_refused(browser: Browser, path: str) -> None:
    browser.sign_in(ADMIN_TOKEN)
    for form in ({"token": ADMIN_TOKEN}, {"token": ADMIN_TOKEN, "csrf": "guess"}):
        refused = browser.post(path, data=form)
        assert refused.status_code == 403
        assert "open the page again" in refused.text
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil",
        "javascript:alert(1)",
        "/\r\nSet-Cookie: a=b",
        "/\x00",
        "/\t/evil.example",
        "x",
    ],
)
def test_nobody_is_led_to_another_site(browser: Browser, back: str) -> None:
    assert browser.sign_in(ADMIN_TOKEN, back).location == "/"


def test_a_cookie_by_https_stays_there_and_below_the_path(
    sqlite_lender: sqlite.Lender, tmp_path: Path
) -> None:
    """A proxy in front adds HTTPS and a prefix, which it cuts from the path of each request."""
    key = tmp_path / "keys"
    key.write_text("k" * 32 + "\n" + "old" * 11)
    secret = tmp_path / "token"
    secret.write_text(ADMIN_TOKEN)
    with sqlite_lender.lend() as place:
        settings = {"ADMIN_TOKEN_FILE": secret, "SESSION_KEY_FILE": key, "TRUSTED_PROXIES": 1}
        app = create_app({**place, **settings})
        browser = FlaskClient(app, app.response_class, use_cookies=False)  # it would keep none
        proxied = {"Accept": "text/html", "X-Forwarded-Proto": "https"}
        proxied["X-Forwarded-Prefix"] = "/ledger"

        asked = browser.get("/", headers=proxied)
        assert asked.location == "/ledger/sign-in?back=/"
        page = browser.get("/sign-in", headers=proxied)
        proxied["Cookie"] = page.headers["Set-Cookie"].partition(";")[0]
        form = {"csrf": csrf(page), "token": ADMIN_TOKEN}
        answer = browser.post("/sign-in", data=form, headers=proxied)

        assert answer.location == "/ledger/"
        assert {"Secure", "Path=/ledger"} <= set(answer.headers["Set-Cookie"].split("; "))
        links = re.findall(r'(?:href|src|action)="([^"#]+)"', page.text)
        assert links
        assert all(link.startswith("/ledger/") for link in links)
        close(app)


def test_without_a_key_a_page_says_what_to_set(
    sqlite_lender: sqlite.Lender,
) -> None:
    with sqlite_lender.lend() as place:
        app = create_app(place)
        page = Browser(app).get("/sign-in")
        with app.extensions["database"].write() as connection:
            _, token = create(connection, NewToken(name="ada", scopes=["read"]))
        assert Browser(app).get("/", headers=bearer(token)).status_code == 200
        close(app)

    assert page.status_code == 503
    assert "SLIPWAY_SESSION_KEY_FILE" in page.text
    assert "SLIPWAY_PUBLIC_READ=true" in page.text


def test_a_session_outlives_a_change_of_keys_while_both_are_in_the_file(
    sqlite_lender: sqlite.Lender, tmp_path: Path
) -> None:
    key, secret = tmp_path / "keys", tmp_path / "token"
    secret.write_text(ADMIN_TOKEN)
    key.write_text("a" * 32)
    with sqlite_lender.lend() as place:
        app = create_app({**place, "ADMIN_TOKEN_FILE": secret, "SESSION_KEY_FILE": key})
        browser, idle = Browser(app), Browser(app)
        browser.sign_in(ADMIN_TOKEN)
        idle.sign_in(ADMIN_TOKEN)
        key.write_text("b" * 32 + "\n" + "a" * 32)
        assert browser.get("/").status_code == 200
        key.write_text("b" * 32)
        assert browser.get("/").status_code == 200  # signed again by the new key
        assert idle.get("/").status_code == 303
        key.write_text("short")
        assert browser.get("/sign-in").status_code == 503
        key.write_text("b" * 32)
        browser.sign_in(ADMIN_TOKEN)
        secret.write_text("another" + ADMIN_TOKEN)
        assert browser.get("/").status_code == 303
        close(app)


def test_who_may_not_is_led_to_the_form_and_who_erred_back_to_it(
    sqlite_client: FlaskClient, browser: Browser
) -> None:
    assert 'href="/sign-in?back=/docs">Sign in</a>' in browser.get("/docs").text
    assert ">Sign in</a>" not in browser.get("/sign-in").text
    browser.sign_in(make_token(sqlite_client, "read"))
    assert ">Sign in</a>" not in browser.get("/").text
    refused = browser.get("/admin")
    assert refused.status_code == 403
    assert 'href="/sign-in?back=/admin">Sign in with another token</a>' in refused.text
    browser.sign_in(ADMIN_TOKEN)
    form = {"csrf": csrf(browser.get("/admin")), "name": "UPPER"}
    refused = browser.post("/admin/tokens", data=form)
    assert refused.status_code == 422
    assert "the form has what you filled in" in refused.text


def test_an_outage_is_a_page_for_who_has_signed_in_and_for_who_does(
    sqlite_client: FlaskClient, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = make_token(sqlite_client, "read")
    browser.sign_in(token)

    def fail(*_: object, **__: object) -> None:
        raise UnavailableError(Outage.SILENT, "db.internal")

    with monkeypatch.context() as outage:
        outage.setattr(Database, "read", fail)
        outage.setattr(Database, "write", fail)
        newcomer = Browser(sqlite_client.application)
        form = csrf(newcomer.get("/sign-in"))
        asked = [
            browser.get("/"),
            browser.get("/deployments"),
            newcomer.post("/sign-in", data={"csrf": form, "token": token}),
            sqlite_client.get("/incidents", headers={"Accept": "text/html"}),
        ]
        for answer in asked:
            assert (answer.status_code, answer.mimetype) == (503, "text/html")
            assert answer.headers["Retry-After"] == "5"
            assert "<h1>503 Service Unavailable</h1>" in answer.text
            assert "internal" not in answer.text
    assert browser.get("/").status_code == 200  # the session has not ended
