"""The pages for browsers: what they show, and what they let nobody do."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, insert, update
from werkzeug.test import TestResponse

from api import pages
from api.domain import catalog, stages
from api.domain.kit.times import now
from api.http import unchanged
from api.pages import forms
from api.pages.notes import plain
from api.pages.words import titled
from api.tables import (
    changes,
    deliveries,
    deployments,
    environments,
    events,
    evidence,
    incidents,
    services,
    subscriptions,
    tokens,
)
from tests.api.conftest import json_of, problem
from tests.api.events.payloads import argocd
from tests.api.test_statement_counts import executed

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
DIGEST = "sha256:" + "4f" * 32
REPOSITORY = "https://git.example.com/acme/gitops"
Show = Callable[..., TestResponse]


def browser_of(client: FlaskClient) -> Show:
    """Return a function that opens a page as a browser does."""

    def show(path: str, **query: str) -> TestResponse:
        response = client.get(path, query_string=query or None, headers=BROWSER)
        assert response.mimetype == "text/html", response.text
        return response

    return show


@pytest.fixture
def show(sqlite_client: FlaskClient) -> Show:
    """Return a function that opens a page of a ledger whose database does not matter."""
    return browser_of(sqlite_client)


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def record(client: FlaskClient, version: str, environment: str, **more: Any) -> str:
    """Record a deployment of checkout; return its id."""
    body = {"service": "checkout", "environment": environment, "version": version, **more}
    return str(json_of(client.post("/api/v1/deployments", json=body))["id"])


def declare(client: FlaskClient, environment: str, version: str) -> None:
    told = {"repository": REPOSITORY, "config_revision": "r1", "declared_at": ago(days=40)}
    body = {**told, "services": {"checkout": {"version": version}}}
    assert client.put(f"/api/v1/declarations/{environment}", json=body).status_code < 300


def text_of(markup: str) -> str:
    """Return what a person reads of some markup."""
    inline = re.sub(r"</?bdi>", "", markup)
    return " ".join(re.sub(r"<[^>]+>", " ", inline).split())


def cells(page: TestResponse) -> list[str]:
    """Return what the cells of a page's first table say, row by row, with their headings."""
    return [
        text_of(cell) for cell in re.findall(r"<t[hd][ >].*?</t[hd]>|<td></td>", page.text, re.S)
    ]


def test_a_browser_gets_the_matrix_and_an_api_client_the_index(
    sqlite_client: FlaskClient, show: Show
) -> None:
    record(sqlite_client, "1.0", "dev")
    assert "What runs where" in show("/").text
    for accept in ("*/*", "application/json", "text/html;q=0.5,application/json", ""):
        index = sqlite_client.get("/", headers={"Accept": accept})
        assert json_of(index)["service"] == "slipway"
        assert index.headers["Vary"] == "Accept"
    problem(sqlite_client.get("/?owner=payments"), 422)


def test_an_empty_ledger_says_how_to_record_the_first_deployment(
    sqlite_client: FlaskClient,
) -> None:
    page = sqlite_client.get("/", headers=BROWSER, base_url="https://ledger.example.com")

    assert "curl https://ledger.example.com/api/v1/deployments" in page.text
    for path, leads_to in (("/deployments", "/"), ("/incidents", "/docs/recordIncident")):
        other = sqlite_client.get(path, headers=BROWSER).text.partition("<main")[2]
        assert f'href="{leads_to}">' in other
    assert "flask tokens create ci --scope write" in page.text


def test_a_cell_says_what_runs_since_when_by_whom_and_how_it_compares(client: FlaskClient) -> None:
    show = browser_of(client)
    record(client, "1.1", "dev", finished_at=ago(days=3.5), actor="ada")
    running = record(client, "1.0", "prod", finished_at=ago(hours=5.2), source="argocd")
    failed = record(client, "1.1", "prod", status="failed")
    record(client, "1.0", "staging", finished_at=ago(days=2.1))
    busy = record(client, "1.1", "staging", status="running")
    declare(client, "prod", "1.1")
    declare(client, "dev", "v1.1")

    page = show("/")

    assert cells(page) == [
        *("Service", "dev", "staging", "prod", "checkout"),
        "1.1 in-sync 3 d · ada",
        "1.0 unknown deploying 1.1 2 d · api",
        "1.0 drifted failed: 1.1 declared 1.1 5 h · argocd",
    ]
    for identifier in (running, failed, busy):
        assert f'href="/deployments/{identifier}"' in page.text


def test_filters_and_sorting_are_in_the_url(sqlite_client: FlaskClient, show: Show) -> None:
    for name, owner, environment in (
        ("billing", "payments", "prod"),
        ("checkout", "payments", "dev"),
        ("search", "discovery", "dev"),
    ):
        sqlite_client.put(f"/api/v1/services/{name}", json={"owner": owner})
        record(sqlite_client, "1.0", environment, service=name, finished_at=ago(days=len(name)))
    record(sqlite_client, "1.1", "dev", service="search", status="failed")

    def found(**query: str) -> list[str]:
        return re.findall(r'href="/services/(\w+)"', show("/", **query).text.partition("<h2")[0])

    assert found() == ["billing", "checkout", "search"]
    assert found(service="CH") == ["checkout", "search"]
    assert found(owner="payments", environment="") == ["billing", "checkout"]
    assert found(environment="dev", owner="payments") == ["checkout"]
    assert found(state="failed") == ["search"]
    assert found(state="drifted") == []
    assert found(sort="problems first") == ["search", "billing", "checkout"]
    assert found(sort="newest first") == ["search", "billing", "checkout"]
    assert found(sort="owner") == ["search", "billing", "checkout"]
    assert found(start="1") == ["checkout", "search"]
    # A column without a cell is folded away, and what was chosen stays chosen.
    page = show("/", environment="dev")
    assert cells(page)[:2] == ["Service", "dev"]
    assert "prod" not in cells(page)
    assert '<option value="dev" selected>' in page.text
    # Hundreds of services fit into lines, and stay so at any other time.
    page = show("/", density="compact")
    assert 'class="matrix compact"' in page.text
    assert re.search(r'href="/\?density=compact&amp;since=', page.text)
    assert 'class="matrix comfortable"' in show("/").text


def test_what_is_deleted_while_pages_are_read_is_left_out(
    sqlite_client: FlaskClient, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(sqlite_client, "1.0", "dev")
    record(sqlite_client, "1.0", "prod")
    record(sqlite_client, "2.0", "dev", service="web")
    services, environments = catalog.by_name, stages.by_promotion_order

    def without_web(connection: Connection) -> dict[str, dict[str, Any]]:
        return {name: row for name, row in services(connection).items() if name != "web"}

    def without_prod(connection: Connection) -> list[dict[str, Any]]:
        return [row for row in environments(connection) if row["name"] != "prod"]

    monkeypatch.setattr(catalog, "by_name", without_web)
    monkeypatch.setattr(stages, "by_promotion_order", without_prod)
    front, service = show("/"), show("/services/checkout")

    assert (front.status_code, service.status_code) == (200, 200)
    assert "1 service." in text_of(front.text)
    assert "prod" not in text_of(front.text)


def test_the_matrix_of_any_instant_marks_what_has_changed_since(
    sqlite_client: FlaskClient, show: Show
) -> None:
    record(sqlite_client, "1.0", "prod", finished_at=ago(days=9))
    record(sqlite_client, "1.1", "prod", finished_at=ago(hours=2.5))
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")

    assert cells(show("/"))[-1] == "1.1 unknown 2 h · api"
    assert cells(show("/", at=yesterday))[-1] == "1.0 unknown now 1.1 7 d · api"
    assert cells(show("/", since=yesterday))[-1] == "1.1 unknown was 1.0 2 h · api"
    assert cells(show("/", since=ago(days=20)))[-1] == "1.1 unknown was nothing 2 h · api"
    assert "Nothing matches" in show("/", since=ago(hours=1), state="changed").text
    assert show("/", at="2999-01-01T00:00").status_code == 422


def test_what_waits_says_since_when_what_blocks_it_and_the_command(client: FlaskClient) -> None:
    show = browser_of(client)
    record(client, "1.1", "dev", finished_at=ago(days=3.5), image_digest=DIGEST)
    record(client, "1.0", "staging", finished_at=ago(days=4.5), image_digest=DIGEST[:-1] + "0")
    incident = {"service": "checkout", "environment": "staging", "title": "Payments are <b>refused"}
    record(client, "2.0", "dev", finished_at=ago(days=2.5), image_digest=DIGEST, service="web")

    def waiting(page: TestResponse) -> str:
        return text_of(page.text.partition("Waiting to be promoted")[2])

    assert "checkout 1.1 in place of 1.0, waiting 3 d ready" in waiting(show("/"))
    assert "web 2.0 for the first time, waiting 2 d ready" in waiting(show("/"))
    assert "make promote FROM=dev TO=staging" in waiting(show("/"))
    brings = 'href="/environments/staging?against=dev">The changes between dev and staging</a>'
    assert brings in show("/").text
    assert "web" not in waiting(show("/", service="checkout"))
    client.post("/api/v1/incidents", json=incident)
    blocked = "blocked by an open incident , staging: Payments are &lt;b&gt;refused"
    assert blocked in waiting(show("/"))


def overview(page: TestResponse) -> str:
    found = re.search(r'<ul class="overview".*?</ul>', page.text, re.S)
    return text_of(found[0]) if found else ""


def test_the_front_page_begins_with_what_is_broken_what_waits_and_what_is_new(
    client: FlaskClient,
) -> None:
    show = browser_of(client)
    record(client, "1.0", "prod", finished_at=ago(days=9.5))
    sound = "Nothing is broken: no open incident, no failed deployment, no drift."
    assert overview(show("/")) == f"{sound} Nothing is new since yesterday."

    record(client, "1.1", "staging", finished_at=ago(hours=20))
    record(client, "1.1", "prod", status="failed", finished_at=ago(hours=2))
    record(client, "7", "prod", service="web", finished_at=ago(hours=1.5))
    for number, service in enumerate(("checkout", "search", "web", "web", "web")):
        broken = {"service": service, "environment": "prod", "title": f"Fault {number}"}
        told = {**broken, "detected_at": ago(minutes=9 - number)}
        assert client.post("/api/v1/incidents", json=told).status_code == 201

    assert overview(show("/")) == (
        "open incident: Fault 4 , web in prod open incident: Fault 3 , web in prod open incident:"
        " Fault 2 , web in prod 2 more open incidents 1 failed : checkout 1.1 in prod"
        " 1 waiting for prod New since yesterday: 1 in staging : checkout 1.1"
        " 1 in prod : web 7"
    )
    # What is asked for, also where nothing has ever run; the past has none.
    assert "2 more open incidents" in overview(show("/", environment="prod"))
    assert overview(show("/", service="checkout", state="failed")) == (
        "open incident: Fault 0 , checkout in prod 1 failed : checkout 1.1 in prod"
        " 1 waiting for prod New since yesterday: 1 in staging : checkout 1.1"
    )
    assert "Fault" not in overview(show("/", environment="staging"))
    assert overview(show("/", at=ago(days=3))) == ""
    # In the cell, too, which is found by it.
    assert cells(show("/", state="incident", environment="prod")) == [
        *("Service", "prod", "checkout"),
        "1.0 unknown Fault 0 failed: 1.1 9 d · api",
        *("web", "7 unknown Fault 4 1 h · api"),
    ]


def test_of_what_waits_for_one_environment_from_two_it_is_said_from_which(
    client: FlaskClient,
) -> None:
    show = browser_of(client)
    for name in ("staging-eu", "staging-us"):
        place = {"tier": "staging", "promotion_order": 200}
        assert client.put(f"/api/v1/environments/{name}", json=place).status_code == 201
    record(client, "1.0", "prod", finished_at=ago(days=3))
    record(client, "1.1", "staging-eu", finished_at=ago(days=2))
    assert " 1 waiting for prod Nothing" in overview(show("/"))

    record(client, "7", "staging-us", service="web", finished_at=ago(days=2))
    glance = overview(show("/"))
    assert "1 waiting for prod from staging-eu" in glance
    assert "1 waiting for prod from staging-us" in glance


def test_a_first_deployment_is_seen_while_it_is_under_way_and_if_it_fails(
    client: FlaskClient,
) -> None:
    show = browser_of(client)
    record(client, "1.0", "prod", status="failed", finished_at=ago(hours=2))
    page = show("/")
    assert cells(page)[-2:] == ["checkout", "none unknown failed: 1.0"]
    glance = text_of(page.text.partition('<ul class="overview"')[2].partition("</ul>")[0])
    assert "1 failed : checkout 1.0 in prod" in glance
    assert "Nothing is broken" not in glance
    record(client, "1.1", "prod", status="running", started_at=ago(minutes=2))
    assert cells(show("/"))[-1] == "none unknown deploying 1.1"
    # The release before it is what it is compared with: there is none.
    assert cells(show("/", since=ago(days=1)))[-1] == "none unknown deploying 1.1"
    assert "Nothing matches" in show("/", at=ago(days=1)).text
    badge = client.get("/badges/checkout/prod.svg").text
    assert "nothing, deploying 1.1" in badge


def test_two_hundred_services_in_six_environments_fit_on_a_page(
    sqlite_client: FlaskClient, show: Show
) -> None:
    at = now() - timedelta(hours=3)
    with sqlite_client.application.extensions["database"].write() as connection:
        places = [
            {"id": uuid4(), "name": f"env-{number}", "created_at": at, "promotion_order": number}
            for number in range(6)
        ]
        known: list[dict[str, Any]] = [
            {"id": uuid4(), "name": f"service-number-{number:03}", "created_at": at}
            for number in range(201)
        ]
        connection.execute(insert(environments), places)
        connection.execute(insert(services), known)
        times = dict.fromkeys(("started_at", "finished_at", "created_at"), at)
        rows = [
            {
                "id": uuid4(),
                "service_id": service["id"],
                "environment_id": place["id"],
                "version": f"1.{number}.{service['name'][-3:]}",
                "kind": "rollout",
                "status": "succeeded",
                "actor": "grace",
                **times,
            }
            for service in known
            for number, place in enumerate(places)
        ]
        connection.execute(insert(deployments), rows)

    with executed(sqlite_client.application.extensions["database"]) as statements:
        page = show("/")

    assert page.text.count("<td") == 200 * 6
    assert len(page.data) <= 300 * 1024
    assert len(statements) <= 7
    assert 'href="/?start=200"' in page.text
    for start in ("200", "201", "1000000"):  # beyond the last one is the last one
        page = show("/", start=start)
        assert page.text.count("<td") == 6
        assert 'rel="prev" href="/?start=0"' in page.text


def test_a_service_shows_what_became_of_each_version(client: FlaskClient) -> None:
    show = browser_of(client)
    record(client, "1.0", "dev", finished_at="2026-03-01T12:00:00Z")
    record(client, "1.1", "dev", finished_at="2026-03-02T12:00:00Z")
    record(client, "1.1", "prod", status="failed", finished_at="2026-03-02T13:00:00Z")

    page = show("/services/checkout")

    told = cells(page)
    assert told[told.index("Version") :] == [
        *("Version", "dev", "prod"),
        *("1.1", "live 2026-03-02 12:00", "failed 2026-03-02 13:00"),
        *("1.0", "was here 2026-03-01 12:00 to 2026-03-02 12:00", ""),
    ]
    assert "Deployments 0 Lead time for changes (median) \N{EN DASH}" in text_of(page.text)
    assert show("/services/nothing").status_code == 404
    for wrong in ("%00", "Not%20a%20name"):  # PostgreSQL has no text with a NUL
        assert show(f"/services/{wrong}").status_code == 422
        assert show(f"/environments/{wrong}").status_code == 404


def test_a_deployment_shows_its_facts_what_was_said_and_its_neighbours(client: FlaskClient) -> None:
    show = browser_of(client)
    first = record(client, "1.0", "dev", finished_at="2026-03-01T12:00:00Z")
    times = {"started_at": "2026-03-02T12:00:00Z", "finished_at": "2026-03-02T12:01:30Z"}
    link = {"title": "pipeline", "url": "https://ci.example.com/4711"}
    here = record(client, "1.1", "dev", **times, actor="ada", links=[link])
    last = record(client, "1.2", "dev", finished_at="2026-03-03T12:00:00Z")

    page = show(f"/deployments/{here}")

    facts = text_of(page.text)
    assert "checkout 1.1 in dev" in facts
    assert "after 1 min 30 s" in facts
    assert "By ada, reported by api" in facts
    assert f'Replaced</dt><dd><a href="/deployments/{first}">1.0' in page.text
    assert f'Replaced by</dt><dd><a href="/deployments/{last}">1.2' in page.text
    assert (
        '<a href="https://ci.example.com/4711" rel="noopener noreferrer">pipeline</a>' in page.text
    )
    assert cells(page)[2:6] == ["version", "1.1", "status", "succeeded"]
    assert show(f"/deployments/{UUID(int=1)}").status_code == 404


def test_all_deployments_are_listed_narrowed_and_paged(sqlite_client: FlaskClient) -> None:
    show = browser_of(sqlite_client)
    for number in range(51):
        at = f"2026-03-01T12:{number:02}:30Z"
        times = {"started_at": f"2026-03-01T12:{number:02}:00Z", "finished_at": at}
        record(sqlite_client, f"1.{number}", "prod", **times)
    record(sqlite_client, "7", "dev", service="web", status="failed", actor="ada")

    assert cells(show("/deployments", status="failed", service=""))[7:-3] == [
        *("web 7", "dev", "failed", "rollout")
    ]
    assert cells(show("/deployments", status="failed"))[-1] == "ada"
    first = show("/deployments", environment="prod").text
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older
    second = show(html.unescape(older[1]))
    assert (first.count('<th scope="row"'), second.text.count('<th scope="row"')) == (50, 1)
    assert cells(second)[7:14] == [
        *("checkout 1.0", "prod", "succeeded", "rollout", "2026-03-01 12:00 UTC", "30 s", "api")
    ]
    assert "No deployment matches" in show("/deployments", service="web", environment="prod").text
    for wrong in ({"status": "lost"}, {"service": "Not a name"}, {"cursor": "made-up"}):
        assert show("/deployments", **wrong).status_code == 422
    assert 'href="/deployments?service=checkout"' in show("/services/checkout").text


def deliver(client: FlaskClient, *versions: str) -> None:
    """Report one change of each of these versions of checkout."""
    told = [
        {
            "service": "checkout",
            "commit": f"{number:040x}",
            "committed_at": ago(days=30 - number),
            "author": "ada",
            "title": f"Part of {version}",
            "version": version,
        }
        for number, version in enumerate(versions)
    ]
    assert client.post("/api/v1/changes", json={"changes": told}).status_code < 300


def test_an_environment_has_release_notes_to_read_and_to_copy(client: FlaskClient) -> None:
    show = browser_of(client)
    deliver(client, "1.0.0", "1.1.0", "1.2.0")
    record(client, "1.0.0", "prod", finished_at="2026-03-01T12:00:00Z")
    record(client, "1.2.0", "prod", finished_at="2026-03-02T12:00:00Z", actor="grace")
    record(client, "1.2.0", "prod", status="failed", finished_at="2026-03-02T13:00:00Z")
    record(client, "1.0.0", "prod", finished_at="2026-03-03T12:00:00Z")

    page = show("/environments/prod")

    assert [text_of(part) for part in page.text.split("<article")[1:]][:2] == [
        'class="arrival" aria-labelledby="arrival-1"> checkout 1.0.0 2026-03-03 12:00 UTC'
        " · rollback instead of 1.2.0 · api No known change.",
        'class="arrival" aria-labelledby="arrival-2"> checkout 1.2.0 2026-03-02 12:00 UTC'
        " · rollout instead of 1.0.0 · grace"
        " Part of 1.2.0 ada, 000000000000 Part of 1.1.0 ada, 000000000000",
    ]
    notes = html.unescape(page.text.partition("<pre><code>")[2].partition("</code>")[0])
    assert notes.splitlines()[:11] == [
        "# Releases in prod",
        "",
        "## checkout 1.0.0",
        "",
        "Rollback on 2026-03-03 12:00 UTC instead of 1.2.0.",
        "",
        "## checkout 1.2.0",
        "",
        "Rollout on 2026-03-02 12:00 UTC by grace instead of 1.0.0.",
        "",
        "- Part of 1.2.0 (ada, 000000000000)",
    ]
    assert show("/environments/nothing").status_code == 404


@pytest.mark.parametrize(
    ("versions", "undone"),
    [
        pytest.param(["1.0", "1.1", "1.2 failed", "1.1"], 2, id="that failed"),
        pytest.param(["1.0", "1.1", "1.2 failed", "1.2 failed", "1.1"], 3, id="that failed twice"),
        pytest.param(["1.0", "1.1", "1.2", "1.1"], 2, id="that ran"),
        pytest.param(["1.0", "1.1", "1.2", "1.3 failed", "1.1"], 2, id="that ran, after a failure"),
    ],
)
def test_a_rollback_is_instead_of_the_release(
    client: FlaskClient, versions: list[str], undone: int
) -> None:
    ids = []
    for day, attempt in enumerate(versions, start=1):
        version, _, status = attempt.partition(" ")
        given: dict[str, Any] = {"status": status or "succeeded"}
        if day == len(versions):
            given["kind"] = "rollback"
        given["finished_at"] = f"2026-03-0{day}T12:00:00Z"
        ids.append(record(client, version, "prod", **given))
    version = versions[undone].partition(" ")[0]
    link = f'<a href="/deployments/{ids[undone]}">{version}</a>'
    show = browser_of(client)

    page = show("/environments/prod").text

    assert f"rollback instead of {link}" in page
    assert f"Rollback on 2026-03-0{len(versions)} 12:00 UTC instead of {version}." in page
    assert f"<dt>Replaced</dt><dd>{link}" in show(f"/deployments/{ids[-1]}").text


def test_a_resync_replaced_nothing_and_an_image_built_again_replaced_one(
    client: FlaskClient,
) -> None:
    digests = {"image_digest": f"sha256:{1:064x}"}, {"image_digest": f"sha256:{2:064x}"}
    show = browser_of(client)
    first = record(client, "1.0", "prod", finished_at="2026-03-01T12:00:00Z", **digests[0])
    again = record(client, "1.0", "prod", finished_at="2026-03-02T12:00:00Z", **digests[1])
    resync = record(client, "1.0", "prod", finished_at="2026-03-03T12:00:00Z", **digests[1])

    neighbours = [
        re.findall(r"<dt>Replaced(?: by)?</dt><dd>(\S+)", show(f"/deployments/{id_}").text)
        for id_ in (first, again, resync)
    ]

    nothing = "\N{EN DASH}</dd></div>"
    assert [[part == nothing for part in pair] for pair in neighbours] == [
        [True, False],
        [False, True],
        [True, True],
    ]


def test_older_releases_of_an_environment_are_on_further_pages(
    sqlite_client: FlaskClient, show: Show
) -> None:
    for number in range(41):
        at = f"2026-03-01T12:{number:02}:00Z"
        record(sqlite_client, f"1.{number}", "prod", finished_at=at)

    pages, url = [], "/environments/prod"
    while url:
        page = show(url).text
        pages.append(re.findall(r'href="/deployments/[^"]+">(1\.\d+)</a></h3>', page))
        following = re.search(r'rel="next" href="([^"]+)"', page)
        url = html.unescape(following[1]) if following else ""

    assert [len(page) for page in pages] == [20, 20, 1]
    assert [*chain(*pages)] == [f"1.{number}" for number in reversed(range(41))]
    assert show("/environments/prod", cursor="made-up").status_code == 422


def test_the_difference_of_two_environments_says_what_lies_between(client: FlaskClient) -> None:
    show = browser_of(client)
    deliver(client, "1.0.0", "1.1.0", "1.2.0")
    record(client, "1.2.0", "dev", finished_at="2026-03-02T12:00:00Z")
    record(client, "1.0.0", "prod", finished_at="2026-03-01T12:00:00Z")
    record(client, "7", "dev", service="web", finished_at="2026-03-02T12:00:00Z")
    for name in ("dev", "prod"):
        record(client, "v3" if name == "dev" else "3", name, service="search")

    for name, other in (("prod", "dev"), ("dev", "prod")):
        page = show(f"/environments/{name}", against=other)
        between = "Part of 1.2.0 ada, 000000000000 Part of 1.1.0 ada, 000000000000"
        runs = {"dev": "1.2.0 since 2026-03-02 12:00", "prod": "1.0.0 since 2026-03-01 12:00"}
        web = {"dev": "7 since 2026-03-02 12:00", "prod": "\N{EN DASH}"}
        assert cells(page) == [
            *("Service", name, other, "Changes between them"),
            *("checkout", runs[name], runs[other], between),
            *("web", web[name], web[other], ""),
        ]
        assert "2 services differ; 1 runs the same release in both." in text_of(page.text)
    for other in ("nothing", "prod"):
        assert show("/environments/prod", against=other).status_code == 422


def test_the_difference_of_two_instants_says_what_changed_in_an_environment(
    client: FlaskClient,
) -> None:
    show = browser_of(client)
    deliver(client, "1.0.0", "1.1.0")
    record(client, "1.0.0", "prod", finished_at="2026-03-01T12:00:00Z")
    record(client, "1.1.0", "prod", finished_at="2026-03-02T12:00:00Z")
    record(client, "1.0.0", "prod", finished_at="2026-03-09T12:00:00Z")
    record(client, "7", "prod", service="web", finished_at="2026-03-02T13:00:00Z")
    record(client, "3", "prod", service="search", finished_at="2026-03-01T13:00:00Z")
    record(client, "8", "dev", service="search", finished_at="2026-03-02T13:00:00Z")

    page = show("/environments/prod", since="2026-03-01T14:00", until="2026-03-03T00:00")
    assert cells(page) == [
        *("Service", "Then", "Before", "Changes between them"),
        *("checkout", "1.1.0 since 2026-03-02 12:00", "1.0.0 since 2026-03-01 12:00"),
        "Part of 1.1.0 ada, 000000000000",
        *("web", "7 since 2026-03-02 13:00", "\N{EN DASH}", ""),
    ]
    assert "2 services differ; 1 runs the same release in both." in text_of(page.text)
    page = show("/environments/prod", since="2026-03-01T14:00", against="dev")
    assert cells(page).count("search") == 1  # of the difference from dev
    assert cells(page)[-4:-2] == ["web", "7 since 2026-03-02 13:00"]
    assert "0 services differ" in text_of(show("/environments/prod", since=ago(hours=1)).text)
    for wrong in (
        {"since": "yesterday"},
        {"until": "2026-03-01T14:00"},
        {"since": "2026-03-01T14:00", "until": "2026-03-01T14:00"},
        {"since": "2999-01-01T00:00"},
    ):
        assert show("/environments/prod", **wrong).status_code == 422


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("Mend <img src=x>", r"Mend \<img src\=x\>"),
        ("[a](javascript:alert(1))", r"\[a\](javascript:alert(1))"),
        ("- [ ] a task", r"\- \[ \] a task"),
        ("# a heading", r"\# a heading"),
        ("*bold* `code` ~~gone~~", r"\*bold\* \`code\` \~\~gone\~\~"),
        # GitHub takes `\@all` and `&#64;all` for a mention, too.
        ("cc @all and @acme/web", "cc @\u200ball and @\u200bacme/web"),
        ("one\n\n# two", r"one \# two"),
        ("Round half-up (again)", "Round half-up (again)"),
        ("12. of a list", r"12\. of a list"),
        ("3) of a list", r"3\) of a list"),
        ("1.67.0", "1.67.0"),
        ("a $sum$", r"a \$sum\$"),
        ("\u202eevil\u2066", "evil"),
    ],
)
def test_release_notes_show_what_others_wrote_as_it_is(text: str, escaped: str) -> None:
    assert plain(text) == escaped


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Mend it", "Mend it"),
        ("\N{ROCKET}", "\N{ROCKET}"),
        ("\N{HEBREW LETTER ALEF}", "\N{HEBREW LETTER ALEF}"),
        (None, "Untitled"),
        ("  ", "Untitled"),
        ("\u202e\u200b\ufeff\u00a0\u2028", "Untitled"),
    ],
)
def test_a_title_that_nobody_sees_has_a_word_in_its_place(title: str | None, shown: str) -> None:
    assert titled(title) == shown


def test_what_has_no_title_to_be_seen_can_be_opened(sqlite_client: FlaskClient, show: Show) -> None:
    deliver(sqlite_client, "1.0")
    links = [{"title": "\u200b", "url": "https://ci.example.com"}]
    said = {"finished_at": ago(hours=1), "links": links}
    identifier = record(sqlite_client, "1.0", "dev", **said)
    broken = {"service": "checkout", "environment": "dev", "title": " \u202e", "links": links}
    incident = json_of(sqlite_client.post("/api/v1/incidents", json=broken))["id"]
    with sqlite_client.application.extensions["database"].write() as connection:
        connection.execute(update(changes).values(title="\u2060"))

    for path, least in (
        ("/", 2),
        ("/incidents", 1),
        (f"/incidents/{incident}", 3),
        (f"/deployments/{identifier}", 1),
        ("/services/checkout", 2),
        ("/environments/dev", 2),
    ):
        page = show(path).text
        assert page.count("Untitled") >= least, path
        assert not re.search(r"<(a|h1)\b[^>]*>[^<\w]*</\1>", page), path


def test_a_browser_gets_errors_with_the_words_of_the_problem_document(
    sqlite_client: FlaskClient, show: Show
) -> None:
    for path in ("/services/nothing", "/nothing", f"/deployments/{UUID(int=1)}", "/services/a?b=1"):
        told = sqlite_client.get(path)
        document = problem(told, told.status_code)
        page = show(path)
        assert page.status_code == told.status_code
        assert str(document["title"]) in page.text
        assert str(document["detail"]) in page.text
        assert page.headers["X-Request-ID"] in page.text
    assert (
        "is not known" in text_of(show("/services/a?b=1").text)
        or "b" in show("/services/a?b=1").text
    )
    api = sqlite_client.get("/api/v1/nothing", headers=BROWSER)
    problem(api, 404)


PLANTED = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"


def test_what_others_wrote_is_harmless_on_every_page(
    sqlite_client: FlaskClient, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Markup and links of `javascript:` are written past the checks of the API."""
    # Its own models refuse such a version.
    monkeypatch.setattr("api.pages.deployments.explanation", lambda *_: None)
    identifier = record(sqlite_client, "1.0", "dev", finished_at=ago(hours=1), image_digest=DIGEST)
    record(sqlite_client, "0.9", "staging", finished_at=ago(hours=3))
    broken = {"service": "checkout", "environment": "staging", "title": "It is down"}
    incident = json_of(sqlite_client.post("/api/v1/incidents", json=broken))["id"]
    deliver(sqlite_client, "1.0")
    new = {"name": "ci", "scopes": ["read"]}
    token = json_of(sqlite_client.post("/api/v1/tokens", json=new))["id"]
    new = {"url": "https://chat.example.com", "types": ["deployment.finished"]}
    subscription = json_of(sqlite_client.post("/api/v1/subscriptions", json=new))["id"]
    record(sqlite_client, "1.0", "prod", finished_at=ago(hours=1))
    sent = sqlite_client.post("/api/v1/webhooks/argocd", json=argocd())
    event = json_of(sent)["id"]
    (witnessed,) = json_of(sqlite_client.get(f"/api/v1/events/{event}"))["deployments"]
    script = {"title": PLANTED, "url": "javascript:alert(3)"}
    with sqlite_client.application.extensions["database"].write() as connection:
        said = {"version": PLANTED, "actor": PLANTED, "source": PLANTED, "links": [script]}
        more = {"commit": PLANTED[:64], "config_revision": PLANTED, "external_id": PLANTED}
        connection.execute(
            update(deployments).where(deployments.c.id == UUID(identifier)).values(**said, **more)
        )
        connection.execute(update(incidents).values(title=PLANTED, links=[script]))
        connection.execute(update(changes).values(title=PLANTED, author=PLANTED, version=PLANTED))
        connection.execute(
            update(services).values(owner=PLANTED, repository="javascript:alert(4)", image=PLANTED)
        )
        raw = {"body": json.dumps({PLANTED: [PLANTED]}), "headers": {PLANTED: PLANTED}}
        seen = {"reason": PLANTED, "delivery_id": PLANTED, "source": PLANTED}
        connection.execute(update(events).values(**raw, **seen))
        told = {"version": PLANTED, "actor": PLANTED, "status": "succeeded", "links": []}
        stated = {**told, "started_at": None, "finished_at": None}
        connection.execute(update(evidence).values(source=PLANTED, said=stated))
        connection.execute(update(tokens).values(name=PLANTED, scopes=[PLANTED]))
        connection.execute(update(subscriptions).values(url=PLANTED, types=[PLANTED]))
        dead = {"state": "dead", "body": PLANTED, "failure": PLANTED}
        connection.execute(update(deliveries).values(type=PLANTED, **dead))
    paths = ["/", "/services/checkout", f"/deployments/{identifier}", f"/{PLANTED}"]
    paths += ["/environments/dev", "/environments/dev?against=staging"]
    paths += ["/incidents", f"/incidents/{incident}", "/deployments"]
    paths += ["/insights?environment=dev"]  # which has nothing but names and numbers
    paths += [f"/events/{event}", f"/deployments/{witnessed}"]
    paths += ["/admin", f"/admin/tokens/{token}", "/admin/notifications"]
    paths += [f"/admin/subscriptions/{subscription}"]
    paths += [f"/?service={PLANTED}", f"/?owner={PLANTED}", f"/sign-in?back={PLANTED}"]

    for path in paths:
        page = show(path).text
        assert "&lt;script&gt;" in page or path.startswith(("/<", "/insights")), path
        assert "<script>" not in page, path
        assert not re.search(r"<img(?! src=\"/badges/)", page), path
        assert not re.search(r"""(href|src|action)=["']?\s*javascript:""", page, re.I), path
        assert not re.search(r"""<[^>]+\s(on\w+|style)=""", re.sub(r'"[^"]*"', '""', page)), path


def test_what_turns_around_turns_nothing_beside_it(sqlite_client: FlaskClient, show: Show) -> None:
    """Text that goes from right to left ends its element, in which it is isolated."""
    turned = "\u202e1.0 desserp"
    deliver(sqlite_client, "1.0")
    sqlite_client.put("/api/v1/services/checkout", json={"owner": turned})
    said = {"actor": turned, "links": [{"title": turned, "url": "https://ci.example.com"}]}
    identifier = record(sqlite_client, "1.0", "staging", finished_at=ago(hours=2), **said)
    record(sqlite_client, "0.9", "prod", finished_at=ago(hours=2), actor=turned)
    broken = {"service": "checkout", "environment": "staging", "title": turned}
    incident = json_of(sqlite_client.post("/api/v1/incidents", json=broken))["id"]
    with sqlite_client.application.extensions["database"].write() as connection:
        connection.execute(update(changes).values(title=turned, author=turned))

    for path in (
        "/",
        "/services/checkout",
        f"/deployments/{identifier}",
        "/deployments",
        "/environments/staging",
        "/environments/staging?against=prod",
        "/incidents",
        f"/incidents/{incident}",
    ):
        page = show(path).text
        texts = re.sub(
            r"<(title|desc|pre)\b.*?</\1>", "", page, flags=re.S
        )  # of these nobody sees more
        assert turned in texts, path
        assert set(re.findall(f"{turned}(.)", texts, re.S)) <= {"<", '"'}, path
        after = re.findall(f"{turned}<(.)", texts)
        assert set(after) == {"/"}, (path, after)
    styles = (Path(pages.__file__).parent / "static" / "pages.css").read_text()
    assert "a, code, em, small, span { unicode-bidi: isolate; }" in styles


def test_the_head_says_where_one_is(sqlite_client: FlaskClient, show: Show) -> None:
    record(sqlite_client, "1.0", "dev")
    for path, words in (("/", ["Matrix"]), ("/docs", ["API"]), ("/services/checkout", [])):
        head = show(path).text.partition("<main")[0]
        assert re.findall(r'aria-current="page">(\w+)<', head) == words


def test_pages_forbid_whatever_they_do_not_need(sqlite_client: FlaskClient, show: Show) -> None:
    record(sqlite_client, "1.0", "dev")
    for path in (
        "/",
        "/services/checkout",
        "/environments/dev",
        "/deployments",
        "/incidents",
        "/insights",
        "/admin",
        "/admin/notifications",
        "/admin/rules",
        "/docs",
        "/docs/recordDeployment",
        "/nothing",
    ):
        page = show(path)
        assert page.headers["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
            " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert "<style" not in page.text
        assert 'href="/api/' not in page.text  # the API knows nothing of a session
        assert not re.search(r"<script(?! src=)", page.text)


def test_assets_are_kept_for_ever_and_change_their_url(
    sqlite_client: FlaskClient, show: Show
) -> None:
    urls = re.findall(r'(?:href|src)="(/assets/[^"]+)"', show("/sign-in").text)
    assert len(urls) == 3
    for url in urls:
        asset = sqlite_client.get(url)
        assert asset.status_code == 200
        assert asset.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        name = url.rpartition("/")[2]
        assert "no-cache" in sqlite_client.get(f"/assets/other/{name}").headers["Cache-Control"]
    assert sqlite_client.get("/assets/other/nothing.css").status_code == 404


def settle(client: FlaskClient) -> None:
    """Let the files of an embedded database be as old as if nothing had been written for long."""
    folder = client.application.extensions["settings"].DATA_DIR
    for path in folder.glob("slipway.db*"):
        seen = path.stat()
        os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns - 1_000_000_000))


def test_a_page_that_has_not_changed_is_not_made_again(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(client, "1.0", "prod")
    minute = [now()]
    monkeypatch.setattr(unchanged, "this_minute", lambda: minute[0])
    asked = {**BROWSER, "If-None-Match": client.get("/", headers=BROWSER).headers["ETag"]}

    def ask() -> tuple[int, int]:
        """Return the status and the number of statements."""
        with executed(client.application.extensions["database"]) as statements:
            response = client.get("/", headers=asked)
        assert response.headers["Cache-Control"] == "private, no-cache"
        asked["If-None-Match"] = response.headers["ETag"]
        return response.status_code, len(statements)

    settle(client)
    assert ask()[0] == 304
    for _ in range(2):
        status, number = ask()
        assert status == 304
        assert number <= 1
    record(client, "1.1", "prod")
    settle(client)
    status, number = ask()
    assert (status, number > 1) == (200, True)
    assert ask()[1] <= 1
    minute[0] += timedelta(minutes=1)
    assert ask()[1] > 1
    other = {**asked, "If-None-Match": '"other"'}
    assert client.get("/", headers=other).status_code == 200
    index = client.get("/", headers={**asked, "Accept": "application/json"})
    assert json_of(index)["service"] == "slipway"


def test_what_was_just_written_is_not_taken_for_unchanged(
    sqlite_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = sqlite_client.application.extensions["database"]
    record(sqlite_client, "1.0", "prod")
    with monkeypatch.context() as slow:  # however long the machine takes to get here
        slow.setattr("api.database.SETTLED_S", 600)
        assert database.written() is None
    settle(sqlite_client)
    before = database.written()
    assert before is not None
    assert database.written() == before
    record(sqlite_client, "1.1", "prod")
    settle(sqlite_client)
    assert database.written() != before


def test_pages_that_are_watched_say_so(sqlite_client: FlaskClient, show: Show) -> None:
    identifier = record(sqlite_client, "1.0", "dev")
    paths = ("/services/checkout", "/environments/dev", "/incidents", f"/deployments/{identifier}")
    for path in ("/", *paths):
        assert '<main id="main" data-live>' in show(path).text
    for path in ("/sign-in", "/nothing"):
        assert '<main id="main">' in show(path).text


def test_every_age_is_where_the_script_does_not_take_it_for_a_change() -> None:
    for template in Path(pages.__file__).parent.glob("templates/*.html"):
        text = re.sub(r"\{%.*?%\}", "", template.read_text(encoding="utf-8"))
        for tag in re.findall(r"(<[^<>]+>)[^<>]*\{\{[^}]*\| age", text):
            assert tag.startswith("<small") or 'class="age"' in tag, f"{template.name}: {tag}"


def test_a_name_is_typed_where_there_are_too_many_to_choose_from(
    sqlite_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "MOST_CHOICES", 2)
    show = browser_of(sqlite_client)
    for service in ("cart", "web"):
        body = {"service": service, "environment": "prod", "version": "1"}
        json_of(sqlite_client.post("/api/v1/deployments", json=body))
        sqlite_client.put(f"/api/v1/services/{service}", json={"owner": f"of {service}"})
    pages = ["/deployments", "/incidents", "/insights"]
    assert [fields(show(page), "service") for page in pages] == [["select", "cart", "web"]] * 3
    assert fields(show("/"), "owner") == ["select", "of cart", "of web"]

    for service, environment in (("third", "prod"), ("third", "dev"), ("third", "staging")):
        body = {"service": service, "environment": environment, "version": "1"}
        json_of(sqlite_client.post("/api/v1/deployments", json=body))
    sqlite_client.put("/api/v1/services/third", json={"owner": "nobody"})

    for page in pages:
        assert fields(show(page, service="web"), "service") == ["input", "web"]
    assert fields(show("/"), "owner") == fields(show("/"), "environment") == ["input"]
    assert fields(show("/environments/prod"), "against") == ["select", "dev", "staging"]


def fields(page: TestResponse, name: str) -> list[str]:
    """Return what a field of a form is, and what it has or can be chosen."""
    found = re.search(rf'<(select|input) name="{name}"(.*?)</label>', page.text, re.DOTALL)
    assert found is not None, page.text
    return [found[1], *filter(None, re.findall('value="([^"]*)"', found[2]))]
