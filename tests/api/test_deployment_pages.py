"""The pages of a deployment and of an event: what the metrics make of it, and who said what."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from api.tables import events
from tests.api.conftest import ADMIN_TOKEN, json_of
from tests.api.events.payloads import argocd, cdevent, event_of, github
from tests.api.test_pages import PLANTED, browser_of, cells, record, text_of
from tests.api.test_sessions import Browser, csrf, make_token

METRICS = (
    "Deployment frequency",
    "Lead time for changes",
    "Change failure rate",
    "Failed deployment recovery time",
    "Rework rate",
)


@pytest.fixture
def browser(sqlite_client: FlaskClient) -> Browser:
    return Browser(sqlite_client.application)


def verdicts(page: TestResponse) -> list[tuple[str, str]]:
    """Return what a deployment counts for each metric, and why, as its page says it."""
    found = cells(page)
    first = found.index(METRICS[0])
    told = [found[first + 3 * place : first + 3 * place + 3] for place in range(len(METRICS))]
    assert [name for name, *_ in told] == list(METRICS)
    return [(counts, why) for _, counts, why in told]


def test_a_deployment_says_what_each_metric_makes_of_it_and_why(client: FlaskClient) -> None:
    show = browser_of(client)
    change = {"service": "checkout", "commit": "a" * 40, "version": "1.1", "title": "Mend"}
    told = {"changes": [{**change, "committed_at": "2026-03-01T10:00:00Z"}]}
    assert client.post("/api/v1/changes", json=told).status_code < 300
    record(client, "1.0", "prod", finished_at="2026-03-01T12:00:00Z")
    good = record(client, "1.1", "prod", finished_at="2026-03-02T12:00:00Z")
    bad = record(client, "1.2", "prod", finished_at="2026-03-03T12:00:00Z", status="failed")
    last = record(client, "1.3", "prod", finished_at="2026-03-03T13:30:00Z")

    page = show(f"/deployments/{good}")
    assert verdicts(page) == [
        ("1", "It succeeded."),
        ("1", "It was the first to deliver some changes."),
        ("0 of 1", "It did not fail."),
        ("\N{EN DASH}", "It did not fail."),
        ("0 of 1", "It is neither a rollback nor a hotfix."),
    ]
    assert "aaaaaaaaaaaa of 1.1, 1 d 2 h after its commit" in text_of(page.text)
    assert "when asked about" not in page.text
    page = show(f"/deployments/{bad}")
    assert verdicts(page)[2:4] == [
        ("1 of 1", "It failed."),
        ("1", "It failed, and the failure ended in the window."),
    ]
    assert "2026-03-03 13:30 UTC , after 1 h 30 min" in text_of(page.text)
    assert f'by <a href="/deployments/{last}">' in page.text


def test_the_verdicts_are_those_of_the_api(client: FlaskClient) -> None:
    show = browser_of(client)
    for number, status in enumerate(("succeeded", "failed", "succeeded", "cancelled")):
        at = f"2026-03-0{number + 1}T12:00:00Z"
        record(client, f"1.{number}", "prod", finished_at=at, status=status)
    broken = {"service": "checkout", "environment": "prod", "title": "It is down"}
    client.post("/api/v1/incidents", json={**broken, "detected_at": "2026-03-03T13:00:00Z"})

    window = "from=2026-03-01T00:00:00Z&to=2026-03-31T00:00:00Z"
    explained = json_of(client.get(f"/api/v1/metrics/dora/explain?{window}"))

    assert len(explained["items"]) == 4
    for item in explained["items"]:
        page = show(f"/deployments/{item['id']}")
        whys = [verdict["explanation"] for verdict in item["metrics"].values()]
        assert [why for _, why in verdicts(page)] == whys
    assert "Incidents put down to it" in show(f"/deployments/{explained['items'][1]['id']}").text


def test_a_deployment_elsewhere_or_under_way_is_judged_too(sqlite_client: FlaskClient) -> None:
    show = browser_of(sqlite_client)
    busy = record(sqlite_client, "1.0", "dev", status="running")
    ahead = (datetime.now(UTC) + timedelta(minutes=4)).isoformat()
    early = record(sqlite_client, "1.1", "dev", finished_at=ahead)

    page = show(f"/deployments/{busy}")
    assert verdicts(page)[0] == ("left out", "It has not finished.")
    assert "when asked about dev" in page.text
    assert "ahead of this server" in show(f"/deployments/{early}").text


def test_who_disagrees_is_shown_beside_what_the_ledger_takes(client: FlaskClient) -> None:
    show = browser_of(client)
    assert client.post("/api/v1/webhooks/argocd", json=argocd()).status_code == 202
    structured = {"Content-Type": "application/cloudevents+json"}
    sent = client.post("/api/v1/cloudevents", json=cdevent(), headers=structured)
    event = json_of(sent)["id"]
    (deployment,) = json_of(client.get(f"/api/v1/events/{event}"))["deployments"]

    page = show(f"/deployments/{deployment}")

    assert "They disagree about version." in text_of(page.text)
    assert [text.partition(" ")[0] for text in cells(page)[:4]] == [
        *("What", "This", "argocd", "cloudevents")
    ]
    ours, *said = cells(page)[5:8]
    assert ours == json_of(client.get(f"/api/v1/deployments/{deployment}"))["version"] == said[0]
    assert said[0] != said[1]
    assert f'<a href="/events/{event}">as received</a>' in page.text
    assert "2026-03-01 12:00 UTC" in cells(page)


def send_from_github(client: FlaskClient) -> str:
    """Send an event of GitHub; return its id."""
    body = github("success")
    headers = {"X-GitHub-Event": event_of(body), "X-GitHub-Delivery": "1"}
    return str(json_of(client.post("/api/v1/webhooks/github", json=body, headers=headers))["id"])


def test_an_event_shows_what_became_of_it_and_its_content_to_admins_only(
    sqlite_client: FlaskClient, browser: Browser
) -> None:
    event = send_from_github(sqlite_client)
    (deployment,) = json_of(sqlite_client.get(f"/api/v1/events/{event}"))["deployments"]
    assert browser.get(f"/events/{event}").status_code == 303
    browser.sign_in(make_token(sqlite_client, "read"))

    page = browser.get(f"/events/{event}")
    assert "projected" in text_of(page.text)
    assert f'<a href="/deployments/{deployment}">' in page.text
    assert "full_name" not in page.text
    assert "x-github-event" not in page.text
    browser.sign_in(ADMIN_TOKEN)
    page = browser.get(f"/events/{event}")
    assert "&#34;full_name&#34;: &#34;acme/checkout&#34;" in page.text
    assert "x-github-event deployment_status" in text_of(page.text)
    assert browser.get(f"/events/{UUID(int=1)}").status_code == 404


def test_an_admin_tries_the_rules_on_an_event_and_projects_it_again(
    sqlite_client: FlaskClient, browser: Browser
) -> None:
    event = send_from_github(sqlite_client)
    path = f"/events/{event}/replay"
    assert browser.post(path).status_code == 401
    browser.sign_in(make_token(sqlite_client, "write"))
    form = {"csrf": csrf(browser.get("/"))}
    assert browser.post(path, data=form).status_code == 403
    browser.sign_in(ADMIN_TOKEN)
    page = browser.get(f"/events/{event}").text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    fields = {name: value.replace("&#34;", '"') for name, value in hidden.items()}
    assert "projected : it would be" in text_of(
        browser.post("/admin/rules/dry-run", data=fields).text
    )
    (before,) = json_of(sqlite_client.get(f"/api/v1/events/{event}"))["deployments"]
    with sqlite_client.application.extensions["database"].write() as connection:
        connection.execute(update(events).values(outcome="failed", reason=PLANTED))
    assert "&lt;script&gt;" in browser.get(f"/events/{event}").text

    answer = browser.post(path, data={"csrf": csrf(browser.get(f"/events/{event}"))})

    assert (answer.status_code, answer.location) == (303, f"/events/{event}")
    again = json_of(sqlite_client.get(f"/api/v1/events/{event}"))
    assert (again["outcome"], again["deployments"]) == ("projected", [before])
    unknown = browser.post(path.replace(event, str(UUID(int=1))), data={"csrf": fields["csrf"]})
    assert unknown.status_code == 404


def correct(browser: Browser, deployment: str, **fields: str) -> TestResponse:
    """Send the form that corrects a deployment."""
    page = browser.get(f"/deployments/{deployment}")
    path = f"/deployments/{deployment}/correction"
    assert f'action="{path}"' in page.text
    return browser.post(path, data={"csrf": csrf(page), **fields})


def test_who_may_write_corrects_a_deployment(sqlite_client: FlaskClient, browser: Browser) -> None:
    browser.sign_in(make_token(sqlite_client, "write"))
    more = {"external_id": "1", "started_at": "2026-03-01T12:00:00Z"}
    deployment = record(sqlite_client, "1.0", "prod", status="running", **more)

    def known() -> dict[str, Any]:
        return json_of(sqlite_client.get(f"/api/v1/deployments/{deployment}"))

    ended = {"status": "failed", "finished_at": "2026-03-01T12:30", "kind": "hotfix"}
    answer = correct(browser, deployment, **ended, actor="")
    assert (answer.status_code, answer.location) == (303, f"/deployments/{deployment}")
    assert [known()[name] for name in ("status", "finished_at", "kind", "actor")] == [
        *("failed", "2026-03-01T12:30:00Z", "hotfix", None)
    ]
    assert "It has become" not in browser.get(f"/deployments/{deployment}").text
    assert correct(browser, deployment, status="succeeded").status_code == 409
    assert correct(browser, deployment, kind="mistake").status_code == 422
    assert correct(browser, deployment, kind="history", actor="ada").status_code == 303
    assert (known()["kind"], known()["actor"]) == ("rollout", "ada")
    record(sqlite_client, "1.0", "prod", status="succeeded", **more)
    assert (known()["status"], known()["actor"]) == ("failed", "ada")


def test_a_form_that_says_nothing_changes_nothing(
    sqlite_client: FlaskClient, browser: Browser
) -> None:
    browser.sign_in(ADMIN_TOKEN)
    deployment = record(sqlite_client, "1.0", "prod", external_id="1")
    assert correct(browser, deployment, kind="", actor="").status_code == 303
    assert "a correction" not in browser.get(f"/deployments/{deployment}").text


def test_nobody_corrects_a_deployment_without_the_scope_and_the_form(
    sqlite_client: FlaskClient, browser: Browser
) -> None:
    deployment = record(sqlite_client, "1.0", "prod")
    path = f"/deployments/{deployment}/correction"
    assert browser.post(path, data={"actor": "eve"}).status_code == 401
    browser.sign_in(make_token(sqlite_client, "read"))
    page = browser.get(f"/deployments/{deployment}")
    assert path not in page.text
    assert browser.post(path, data={"csrf": csrf(page), "actor": "eve"}).status_code == 403
    browser.sign_in(ADMIN_TOKEN)
    assert browser.post(path, data={"actor": "eve"}).status_code == 403
    unknown = path.replace(deployment, str(UUID(int=1)))
    form = {"csrf": csrf(browser.get("/")), "actor": "eve"}
    assert browser.post(unknown, data=form).status_code == 404
    assert json_of(sqlite_client.get(f"/api/v1/deployments/{deployment}"))["actor"] is None
