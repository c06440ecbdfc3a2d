"""`/docs`: every operation has a page, and its form sends what the curl line sends."""

from __future__ import annotations

import html
import json
import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.pages import schemas
from tests import sqlite
from tests.api.conftest import ADMIN_TOKEN, bearer, close, json_of
from tests.api.test_sessions import Browser, csrf, make_token
from tests.examples import parse

NEW = {"service": "checkout", "environment": "dev", "version": "1.0"}


@pytest.fixture
def browser(sqlite_client: FlaskClient) -> Browser:
    return Browser(sqlite_client.application)


def send(browser: Browser, operation: str, **filled: str) -> tuple[str, Any]:
    """Fill in the form of an operation; return the status of its answer, and what came."""
    path = f"/docs/{operation}"
    page = browser.post(path, data={"csrf": csrf(browser.get(path)), **filled})
    assert page.status_code == 200, page.text
    assert page.headers["Cache-Control"] == "no-store"
    status = re.search(r"Answer: ([^<]+)", page.text)
    body = re.search(r"<pre>(.*?)</pre>", page.text, re.S)
    assert status, page.text
    return status[1], json.loads(html.unescape(body[1])) if body else None


def test_every_operation_of_the_document_has_a_page(browser: Browser) -> None:
    document = json_of(browser.get("/openapi.json"))
    listed = browser.get("/docs").text
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            page = browser.get(f"/docs/{described['operationId']}")
            assert f'href="/docs/{described["operationId"]}"' in listed
            assert f"<b>{method.upper()}</b> {path}</code>" in page.text
            for parameter in described.get("parameters", ()):
                assert f'="{parameter["in"]}.{parameter["name"]}"' in page.text
            for status in described["responses"]:
                assert f"<dt>{status} " in page.text
    assert browser.get("/docs/inventOperation").status_code == 404


def test_a_field_says_what_it_is_when_it_is_left_out(browser: Browser) -> None:
    page = browser.get("/docs/recordDeployment").text
    status = page.partition("<code>status</code>")[2].partition("</tr>")[0]
    links = page.partition("<code>links</code>")[2].partition("</tr>")[0]
    assert '<small>default: <code>"succeeded"</code></small>' in status
    assert "default" not in links


def test_a_person_tries_a_request_with_the_rights_of_the_session(
    sqlite_client: FlaskClient, browser: Browser
) -> None:
    assert send(browser, "listDeployments")[0] == "401 UNAUTHORIZED"
    browser.sign_in(make_token(sqlite_client, "read"))
    assert send(browser, "listDeployments", **{"query.limit": "1"}) == (
        "200 OK",
        {"items": [], "next_cursor": None},
    )
    refused, problem = send(browser, "recordDeployment", body=json.dumps(NEW))
    assert refused == "403 FORBIDDEN"
    assert "scope write" in problem["detail"]

    status, made = send(browser, "recordDeployment", body=json.dumps(NEW), token=ADMIN_TOKEN)
    assert status == "201 CREATED"
    there = send(browser, "getDeployment", **{"path.deployment_id": made["id"]})
    assert there == ("200 OK", made)
    assert send(browser, "listTokens")[0] == "403 FORBIDDEN"  # the token was not kept


def test_a_key_is_of_the_person_who_signed_in(sqlite_client: FlaskClient) -> None:
    filled = {"body": json.dumps(NEW), "header.Idempotency-Key": "1"}
    made = []
    for _ in range(2):
        browser = Browser(sqlite_client.application)
        browser.sign_in(make_token(sqlite_client, "write"))
        again = [send(browser, "recordDeployment", **filled) for _ in range(2)]
        assert again[0] == again[1]
        made.append(again[0][1]["id"])

    assert made[0] != made[1]


def test_a_token_that_was_wrapped_where_it_was_copied_is_one(browser: Browser) -> None:
    wrapped = f" {ADMIN_TOKEN[:9]}\r\n{ADMIN_TOKEN[9:]}\n"

    assert send(browser, "listDeployments", token=wrapped)[0] == "200 OK"


def test_a_revoked_token_is_worth_nothing_there_and_guesses_are_limited(
    sqlite_lender: sqlite.Lender, tmp_path: Path
) -> None:
    secret = tmp_path / "token"
    secret.write_text(ADMIN_TOKEN)
    with sqlite_lender.lend() as place:
        settings = {"ADMIN_TOKEN_FILE": secret, "AUTH_FAILURE_LIMIT": "2 per minute"}
        app = create_app({**place, **settings})
        browser = Browser(app)
        answers = [send(browser, "getMatrix", token="guess")[0] for _ in range(3)]
        close(app)

    assert answers == ["401 UNAUTHORIZED", "401 UNAUTHORIZED", "429 TOO MANY REQUESTS"]


@pytest.mark.parametrize(
    ("operation", "filled"),
    [
        ("getIndex", {}),
        ("listDeployments", {"query.status": "failed", "query.from": "2026-01-01T00:00:00+01:00"}),
        ("getService", {"path.name": "a b/../?#%é'\"", "header.If-None-Match": '"x"'}),
        ("putService", {"path.name": "checkout", "body": '{"owner":\r\n"o\'brien $HOME é"}'}),
        ("recordDeployment", {"body": json.dumps(NEW), "header.Idempotency-Key": "it's one"}),
        ("recordDeployment", {"body": "no JSON"}),
        ("receiveCloudEvents", {"media_type": "application/cloudevents-batch+json", "body": "[]"}),
        ("receiveCloudEvents", {"media_type": "text/html", "body": "[]"}),
        (
            "putService",
            {"path.name": "checkout", "header.If-Match": "a\r\nX-Evil: b", "body": "{}"},
        ),
        ("putService", {"path.name": "\0\ud800", "header.If-Match": "\u20ac\0", "body": "\0"}),
    ],
)
def test_the_curl_line_sends_what_the_form_sends(
    sqlite_client: FlaskClient, browser: Browser, operation: str, filled: dict[str, str]
) -> None:
    encoded = {name: value.encode(errors="replace").decode() for name, value in filled.items()}
    tried = send(browser, operation, token=ADMIN_TOKEN, **encoded)[0]
    page = browser.post(
        f"/docs/{operation}", data={"csrf": csrf(browser.get("/docs/getIndex")), **encoded}
    )
    line = html.unescape(re.search(r"<code>(curl .*?)</code>", page.text, re.S)[1])  # type: ignore[index]
    sent = parse(line.replace("\n", " ") if "\0" not in line else line)
    parts = urlsplit(sent.path)
    headers = [(name, value) for name, value in sent.headers if name != "Authorization"]
    response = sqlite_client.open(
        f"{parts.path}?{parts.query}".rstrip("?"),
        method=sent.method,
        headers=[*headers, *bearer(ADMIN_TOKEN).items()],
        data=sent.body,
    )

    assert shlex.split(line)[0] == "curl"
    assert "X-Evil" not in [name for name, _ in headers]
    # Repeating it makes nothing new.
    assert response.status.replace("200 OK", "201 CREATED") == tried.replace(
        "200 OK", "201 CREATED"
    )


def test_what_the_ledger_answers_is_shown_as_text(
    browser: Browser,
) -> None:
    planted = "<script>alert(1)</script>"
    filled = {"path.name": planted, "query.service": planted, "body": planted, "token": planted}
    for operation in ("getService", "getMatrix", "recordIncident"):
        form = {"csrf": csrf(browser.get(f"/docs/{operation}")), **filled}
        page = browser.post(f"/docs/{operation}", data=form).text
        assert "<script>alert" not in page
        assert "Answer: " in page


def test_without_a_key_for_sessions_there_is_the_curl_line_only(
    sqlite_lender: sqlite.Lender,
) -> None:
    with sqlite_lender.lend() as place:
        app = create_app(place)
        page = Browser(app).get("/docs/getMatrix")
        close(app)

    assert "curl -i http://localhost/api/v1/matrix -H" in html.unescape(page.text)
    assert "<form" not in page.text


def test_a_request_that_is_tried_leaves_the_one_of_the_page_as_it_is(
    browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    form = {"csrf": csrf(browser.get("/docs/getMatrix")), "token": ADMIN_TOKEN}
    page = browser.post("/docs/getMatrix", data=form, headers={"X-Request-ID": "of-the-page"})

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = {line["path"]: line for line in lines if line["event"] == "request"}
    assert page.headers["X-Request-ID"] == told["/docs/getMatrix"]["request_id"] == "of-the-page"
    assert told["/api/v1/matrix"]["request_id"] != "of-the-page"
    assert "token_id" not in told["/docs/getMatrix"]


KNOWN: dict[str, dict[str, Any]] = {
    "Tree": {"properties": {"name": {"type": "string"}, "of": {"$ref": "#/c/Tree"}}},
    "Sort": {"enum": ["up", "down"], "type": "string"},
}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (
            {"type": "string", "maxLength": 3, "pattern": "^a$"},
            "string, at most 3 characters, `^a$`",
        ),
        ({"type": "string", "format": "date-time"}, "time"),
        ({"anyOf": [{"$ref": "#/c/Sort"}, {"type": "null"}]}, "one of up, down or null"),
        ({"const": "1.0"}, "1.0"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1}, "list, at least 1 items"),
        ({"not": {"type": "null"}}, "any JSON but null"),
    ],
)
def test_a_type_is_told_in_words(schema: dict[str, Any], words: str) -> None:
    assert schemas.type_of(schema, KNOWN) == words


def test_the_fields_of_lists_and_maps_are_told_and_those_of_a_tree_once() -> None:
    schema = {
        "properties": {
            "list": {"type": "array", "items": {"$ref": "#/c/Tree"}},
            "map": {"type": "object", "additionalProperties": {"$ref": "#/c/Tree"}},
        }
    }
    paths = [field.path for field in schemas.fields(schema, KNOWN)]

    assert paths == [
        *("list", "list[].name", "list[].of", "map", "map.*.name", "map.*.of"),
    ]
