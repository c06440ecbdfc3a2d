"""Previews, tenants and regions: what a ledger of hundreds of environments shows of them."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from api.domain.promotions import queue
from api.pages import matrix, paging
from tests.api.conftest import json_of
from tests.api.test_pages import ago, browser_of, cells, declare, record, text_of

FOLDED = "Without temporary environments"
OVERVIEW = re.compile(r'<ul class="overview".*?</ul>', re.DOTALL)


def columns(client: FlaskClient, **query: str) -> list[str]:
    """Return the environments that the front page has columns for."""
    page = browser_of(client)("/", **query).text
    head = page.partition("<thead>")[2].partition("</thead>")[0]
    return re.findall(r'href="/environments/([\w-]+)"', head)


@pytest.fixture
def previews(client: FlaskClient) -> None:
    """Checkout is in two stages and a preview, where its last attempt failed; search is in one."""
    record(client, "1.0", "dev")
    record(client, "1.0", "prod")
    record(client, "1.1-pr", "pr-101")
    record(client, "1.2-pr", "pr-101", status="failed")
    record(client, "2.0-pr", "preview-search", service="search")


@pytest.mark.usefixtures("previews")
def test_previews_are_shown_to_who_asks_for_them(client: FlaskClient) -> None:
    show = browser_of(client)

    page = show("/")
    assert columns(client) == ["dev", "prod"]
    assert FOLDED in page.text
    assert "Nothing is broken" in text_of(OVERVIEW.findall(page.text)[0])
    assert "search" not in cells(page)
    (link,) = re.findall(r'<a href="([^"]+)">show them, too</a>', page.text)

    page = show(link)
    assert columns(client, transient="true") == ["dev", "prod", "pr-101", "preview-search"]
    assert FOLDED not in page.text
    assert "1 failed : checkout 1.2-pr in pr-101" in text_of(OVERVIEW.findall(page.text)[0])
    assert 'name="transient" type="checkbox" value="true" checked' in page.text

    assert columns(client, environment="pr-101") == ["pr-101"]
    assert columns(client, state="failed") == []
    assert columns(client, state="failed", transient="true") == ["dev", "prod", "pr-101"]


def test_nothing_is_said_of_previews_where_there_are_none(client: FlaskClient) -> None:
    record(client, "1.0", "dev")

    page = browser_of(client)("/").text
    assert FOLDED not in page
    assert "transient" not in page


@pytest.mark.usefixtures("previews")
def test_the_way_to_previews_keeps_filters_and_times(client: FlaskClient) -> None:
    page = browser_of(client)("/", since="2026-01-01T00:00", owner="payments", start="0")

    (link,) = re.findall(r'<a href="([^"]+)">show them, too</a>', page.text)
    assert sorted(link.replace("&amp;", "&").removeprefix("/?").split("&")) == [
        "owner=payments",
        "since=2026-01-01T00:00",
        "transient=true",
    ]


@pytest.mark.usefixtures("previews")
def test_the_matrix_has_every_cell_of_a_preview(client: FlaskClient) -> None:
    """What runs, what is only declared, and what has only been tried."""
    declare(client, "preview-checkout", "1.3-pr")
    record(client, "1.4-pr", "pr-7", status="failed")

    found = json_of(client.get("/api/v1/matrix"))["cells"]

    assert [(cell["service"], cell["environment"], cell["version"]) for cell in found] == [
        ("checkout", "dev", "1.0"),
        ("checkout", "pr-101", "1.1-pr"),
        ("checkout", "preview-checkout", None),
        ("checkout", "prod", "1.0"),
        ("search", "preview-search", "2.0-pr"),
    ]
    assert "pr-7" in columns(client, transient="true")
    past = json_of(client.get("/api/v1/matrix", query_string={"at": ago()}))["cells"]
    assert [cell["environment"] for cell in past] == [cell["environment"] for cell in found]


def test_many_columns_come_page_by_page(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "COLUMNS", 2)
    for number in range(5):
        record(client, "1.0", f"prod-{number}", service=f"only-{number}")
        record(client, "1.0", f"prod-{number}", service="everywhere")
    show = browser_of(client)

    page = show("/", density="compact")
    assert columns(client) == ["prod-0", "prod-1"]
    assert "3 services. Environments 1 to 2 of 5." in text_of(page.text)
    assert 'rel="next" href="/?density=compact&amp;column=2"' in page.text
    assert 'rel="prev"' not in page.text

    page = show("/", column="2", start="0")
    assert columns(client, column="2") == ["prod-2", "prod-3"]
    assert 'rel="next" href="/?column=4"' in page.text
    assert 'rel="prev" href="/?column=0"' in page.text
    # Services that are in none of the columns are left out.
    services = re.findall(r'<th scope="row"><a href="/services/([\w-]+)"', page.text)
    assert services == ["everywhere", "only-2", "only-3"]

    for beyond in ("5", "1000000"):
        assert columns(client, column=beyond) == ["prod-4"]
    # What is new, broken or waiting is that of all of them.
    assert 'rel="next"' in page.text


def test_of_many_promotions_the_nearest_to_production_are_told(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "LOOKED_AT", 3)
    monkeypatch.setattr(queue, "TOLD", 2)
    record(client, "2.0", "dev")
    record(client, "1.0", "staging")
    for number in range(4):
        record(client, "0.9", f"prod-{number}")
    show = browser_of(client)

    page = show("/").text
    assert re.findall(r'<h3 id="([\w-]+)"', page) == ["staging-prod-3", "staging-prod-2"]
    assert "Further steps staging → prod-1: 1 waiting" in text_of(page)
    assert "2 more steps are further from production" in text_of(page)
    assert page.count("make promote") == 2

    page = show("/", environment="prod-0").text
    assert re.findall(r'<h3 id="([\w-]+)"', page) == ["staging-prod-0"]
    assert "further from production" not in page
    # The page of a service tells the same steps.
    page = show("/services/checkout").text
    assert page.count("make promote") == 2


def test_the_first_lines_tell_of_the_environments_nearest_to_production(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix, "PLACES", 2)
    for name, version in (("dev", "1.2"), ("staging", "1.1"), ("prod-a", "1.0"), ("prod-b", "1.0")):
        record(client, version, name)

    (told,) = OVERVIEW.findall(browser_of(client)("/").text)

    assert "1 waiting for prod-b 1 waiting for prod-a 1 more promotion " in text_of(told)
    assert "1 in prod-a : checkout 1.0 1 in prod-b : checkout 1.0 and in 2 more" in text_of(told)


def test_a_service_in_many_environments_shows_them_page_by_page(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "COLUMNS", 2)
    for name in ("pr-9", "dev", "prod-a", "prod-b"):
        record(client, f"1.0-{name}", name)
    incident = {"service": "checkout", "environment": "staging", "title": "It is down"}
    json_of(client.post("/api/v1/incidents", json=incident))
    show = browser_of(client)

    page = show("/services/checkout", days="30")
    history = page.text.partition('<table class="history">')[2]
    assert re.findall(r'<th scope="row">([^<]+)', history) == ["1.0-prod-a", "1.0-dev"]
    assert "Environments 1 to 2 of 4." in text_of(page.text)
    assert 'rel="next" href="/services/checkout?days=30&amp;column=2"' in page.text
    assert page.text.count("/badges/checkout/") == 4  # a picture and what a README has, of both
    assert "staging: 0 releases, 0 failures, 1 incident" in page.text

    page = show("/services/checkout", column="2")
    history = page.text.partition('<table class="history">')[2]
    assert re.findall(r'<th scope="row">([^<]+)', history) == ["1.0-prod-b", "1.0-pr-9"]
    assert 'rel="prev" href="/services/checkout?column=0"' in page.text
