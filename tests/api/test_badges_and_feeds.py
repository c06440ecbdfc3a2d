"""Badges and Atom feeds: what other programs show of the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from api.app import create_app
from api.domain.matrix import Glance
from api.domain.states import SyncState
from api.pages.badges import describe
from api.tables import deployments
from tests import sqlite
from tests.api.conftest import close
from tests.api.test_pages import PLANTED, declare, record

ATOM = "{http://www.w3.org/2005/Atom}"
SVG = "{http://www.w3.org/2000/svg}"


def xml(response: TestResponse, media_type: str) -> ET.Element:
    assert response.mimetype == media_type
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    return ET.fromstring(response.text)  # noqa: S314 (our own)


def words(badge: TestResponse) -> list[str | None]:
    """Return the texts of a badge."""
    return [text.text for text in xml(badge, "image/svg+xml").iter(f"{SVG}text")]


def test_a_badge_says_what_runs_and_its_state(client: FlaskClient) -> None:
    record(client, "1.0", "prod", finished_at="2026-03-01T12:00:00Z")
    declare(client, "prod", "1.0")

    badge = client.get("/badges/checkout/prod.svg")

    assert badge.status_code == 200
    assert words(badge) == ["checkout in prod", "1.0, in-sync"]
    assert badge.headers["Content-Security-Policy"] == "default-src 'none'"
    seen = {"If-None-Match": badge.headers["ETag"]}
    assert client.get("/badges/checkout/prod.svg", headers=seen).status_code == 304
    record(client, "1.1", "prod", finished_at="2026-03-02T12:00:00Z")
    assert client.get("/badges/checkout/prod.svg", headers=seen).status_code == 200


CELL = Glance(
    *("checkout", "prod", UUID(int=1), UUID(int=2), "1.0", None, None, UUID(int=3)),
    since=datetime(2026, 3, 1, tzinfo=UTC),
    by="ci",
    declared_version=None,
    declared_image_digest=None,
    state=SyncState.UNKNOWN,
    deploying=None,
    failed=None,
)
LATER = ("1.1", UUID(int=4))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "1.0"),
        ({"state": SyncState.DRIFTED}, "1.0, drifted"),
        ({"state": SyncState.PENDING}, "1.0, pending"),
        ({"state": SyncState.PENDING, "deploying": LATER}, "1.0, deploying 1.1"),
        ({"state": SyncState.DRIFTED, "failed": LATER}, "1.0, 1.1 failed"),
        ({"version": None, "deployment_id": None, "failed": LATER}, "nothing, 1.1 failed"),
    ],
)
def test_a_badge_says_the_most_urgent(more: dict[str, Any], said: str) -> None:
    assert describe(CELL._replace(**more)).words == said


def test_a_badge_says_nothing_of_an_attempt_that_was_cancelled(client: FlaskClient) -> None:
    record(client, "1.0", "prod")
    record(client, "1.1", "prod", status="cancelled", finished_at="2026-03-02T12:00:00Z")

    assert "1.0</text>" in client.get("/badges/checkout/prod.svg").text


def test_a_badge_of_what_is_not_known_says_so(client: FlaskClient) -> None:
    record(client, "1.0", "prod")
    record(client, "1.0", "dev", service="web")

    for path in ("web/nowhere", "nothing/prod", "%3Cscript%3E/%3Cb%3E", "%00/prod", "a%EF%BF%BF/b"):
        badge = client.get(f"/badges/{path}.svg")
        assert badge.status_code == 404
        assert words(badge)[1] == "not known to this ledger"
        assert "<script>" not in badge.text
    here = client.get("/badges/web/prod.svg")
    assert (here.status_code, words(here)[1]) == (200, "not deployed")
    for path in ("services", "environments"):
        assert client.get(f"/{path}/%00/deployments.atom").status_code == 404


def test_a_badge_escapes_what_others_wrote(sqlite_client: FlaskClient) -> None:
    record(sqlite_client, "1.0", "prod")
    with sqlite_client.application.extensions["database"].write() as connection:
        connection.execute(update(deployments).values(version=PLANTED, actor=PLANTED + "\uffff"))

    assert words(sqlite_client.get("/badges/checkout/prod.svg"))[1] == PLANTED
    feed = sqlite_client.get("/services/checkout/deployments.atom")
    root = xml(feed, "application/atom+xml")
    assert root.findtext(f"{ATOM}entry/{ATOM}author/{ATOM}name") == PLANTED + "\ufffd"


def test_badges_and_feeds_are_as_public_as_reading_is(sqlite_lender: sqlite.Lender) -> None:
    with sqlite_lender.lend() as place:
        for public, status in ((True, 404), (False, 401)):
            app = create_app({**place, "PUBLIC_READ": public})
            for path in ("/badges/web/prod.svg", "/services/web/deployments.atom"):
                assert app.test_client().get(path).status_code == status
            close(app)


def test_a_feed_has_the_newest_deployments_with_stable_ids(client: FlaskClient) -> None:
    first = record(client, "1.0", "dev", finished_at="2026-03-01T12:00:00Z", actor="ada")
    times = {"started_at": "2026-03-02T12:00:00Z"}
    second = record(client, "1.1", "prod", status="running", external_id="7", **times)
    record(client, "1.1", "dev", service="web", finished_at="2026-03-05T12:00:00Z")

    path = "/services/checkout/deployments.atom"
    response = client.get(path, base_url="https://ledger.example.com/")
    feed = xml(response, "application/atom+xml")

    assert feed.findtext(f"{ATOM}id") == f"https://ledger.example.com{path}"
    assert feed.findtext(f"{ATOM}updated") == "2026-03-02T12:00:00Z"
    links = {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")}
    assert links == {
        "self": f"https://ledger.example.com{path}",
        "alternate": "https://ledger.example.com/services/checkout",
    }
    entries = feed.findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}id") for entry in entries] == [
        f"urn:uuid:{second}",
        f"urn:uuid:{first}",
    ]
    oldest = entries[1]
    assert oldest.findtext(f"{ATOM}title") == "checkout 1.0 in dev: succeeded"
    assert oldest.findtext(f"{ATOM}updated") == "2026-03-01T12:00:00Z"
    assert oldest.findtext(f"{ATOM}author/{ATOM}name") == "ada"
    page = oldest.find(f"{ATOM}link")
    assert page is not None
    assert page.get("href") == f"https://ledger.example.com/deployments/{first}"
    for tag in ("id", "title", "updated", "author", "summary"):  # RFC 4287, section 4.1.2
        assert all(len(entry.findall(f"{ATOM}{tag}")) == 1 for entry in entries)

    seen = {"If-None-Match": response.headers["ETag"]}
    again = {"base_url": "https://ledger.example.com/", "headers": seen}
    assert client.get(path, **again).status_code == 304
    record(client, "1.1", "prod", external_id="7", finished_at="2026-03-03T12:00:00Z", **times)
    changed = xml(client.get(path, **again), "application/atom+xml")
    assert changed.findtext(f"{ATOM}updated") == "2026-03-03T12:00:00Z"
    assert changed.findtext(f"{ATOM}entry/{ATOM}id") == f"urn:uuid:{second}"


def test_a_feed_of_an_environment_has_its_services(sqlite_client: FlaskClient) -> None:
    record(sqlite_client, "1.0", "dev", finished_at="2026-03-01T12:00:00Z")
    record(sqlite_client, "1.1", "dev", service="web", finished_at="2026-03-05T12:00:00Z")
    sqlite_client.put("/api/v1/environments/empty", json={"tier": "staging"})

    def titles(name: str) -> list[str | None]:
        response = sqlite_client.get(f"/environments/{name}/deployments.atom")
        feed = xml(response, "application/atom+xml")
        assert feed.findtext(f"{ATOM}updated")
        return [entry.findtext(f"{ATOM}title") for entry in feed.findall(f"{ATOM}entry")]

    assert titles("dev") == ["web 1.1 in dev: succeeded", "checkout 1.0 in dev: succeeded"]
    assert titles("empty") == []
    for path in ("/services/nothing", "/environments/nothing"):
        assert sqlite_client.get(f"{path}/deployments.atom").status_code == 404
