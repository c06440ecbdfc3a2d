"""The timeline of a service: what it shows is where and when it happened, and as long."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from api.domain.deployments.history import Fate, stays
from api.pages.timeline import LANE, LEAST, WIDTH, Scale, Timeline, timeline
from tests.api.conftest import json_of
from tests.api.events.payloads import cdevent
from tests.api.test_pages import ago, browser_of, cells, deliver, record, text_of

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
# A day is ten units wide.
SCALE = Scale(MARCH, MARCH + timedelta(days=72))


def on(day: float) -> datetime:
    return MARCH + timedelta(days=day)


def deployment(version: str, day: float, environment: str = "prod", **more: Any) -> dict[str, Any]:
    """Return a deployment that took an hour and ended on a day."""
    times = {"started_at": on(day - 1 / 24), "finished_at": on(day)}
    known = {"id": UUID(int=int(day * 24) + 9999), "status": "succeeded", "kind": "rollout"}
    return {"version": version, "environment": environment, **known, **times, **more}


def incident(day: float, until: float | None, environment: str = "prod") -> dict[str, Any]:
    times = {"detected_at": on(day), "resolved_at": None if until is None else on(until)}
    return {"id": UUID(int=1), "title": "It is down", "environment": environment, **times}


def drawn(
    rows: list[dict[str, Any]],
    incidents: list[dict[str, Any]] | None = None,
    running: set[str] | None = None,
    removed_at: dict[str, datetime] | None = None,
) -> Timeline:
    """Return the timeline of dev and prod; both run what they got last."""
    names = ("dev", "prod")
    live = {"dev", "prod"} if running is None else running
    here = {name: [row for row in rows if row["environment"] == name] for name in names}
    ran = {name: list(stays(here[name], live, removed_at or {})) for name in names}
    return timeline(SCALE, names, rows, ran, incidents or [])


def test_what_ran_is_as_long_as_it_ran() -> None:
    rows = [
        deployment("1.0", 2),
        deployment("1.1", 10),
        deployment("v1.1", 12),
        deployment("1.0", 20, kind="rollback"),
    ]
    (lane,) = drawn(rows).lanes
    assert [(span.words, span.x, span.width, span.fate) for span in lane.ran] == [
        ("1.0", 20.0, 80.0, Fate.WAS_HERE),
        ("1.1", 100.0, 100.0, Fate.ROLLED_BACK),
        ("1.0", 200.0, 520.0, Fate.LIVE),
    ]
    assert (lane.environment, lane.live, lane.y) == ("prod", "1.0", 0.0)
    assert [span.fits for span in lane.ran] == [True, True, True]


def test_what_began_before_or_lasts_is_cut_off_and_what_ended_before_is_not_shown() -> None:
    rows = [deployment("1.0", -9), deployment("1.1", -5), deployment("1.2", 71.99)]
    (lane,) = drawn(rows).lanes
    assert [(span.words, span.x, span.width) for span in lane.ran] == [
        ("1.1", 0.0, 719.9),
        ("1.2", WIDTH - LEAST, LEAST),
    ]
    assert not lane.ran[1].fits
    assert drawn([deployment("1.0", -9, status="failed")]).lanes == []


def test_what_was_removed_ends_then_as_far_as_that_is_known() -> None:
    rows = [deployment("1.0", 2, "dev"), deployment("1.0", 4)]
    made = drawn(rows, running=set(), removed_at={"dev": on(12)})
    found = [
        (span.fate, span.x, span.width, span.until) for lane in made.lanes for span in lane.ran
    ]
    assert found == [
        (Fate.REMOVED, 20.0, 100.0, on(12)),
        (Fate.REMOVED, 40.0, 680.0, None),
    ]
    assert [lane.y for lane in made.lanes] == [0.0, LANE]
    assert made.lanes[0].live is None


def test_failures_and_incidents_are_shown_where_they_happened() -> None:
    rows = [deployment("1.0", 2), deployment("1.1", 10, status="failed")]
    found = [incident(20, 30), incident(-9, -1), incident(60, None), incident(1, 2, "dev")]
    dev, prod = drawn(rows, found).lanes
    assert [(span.x + span.width, span.words) for span in prod.failed] == [(100.0 + 2.6, "1.1")]
    assert [(span.x, span.width) for span in prod.incidents] == [(200.0, 100.0), (600.0, 120.0)]
    assert dev.ran == []
    assert prod.summary == (
        "prod: 1 release, 1 failure, 2 incidents, one of them open; it runs 1.0."
    )
    assert dev.summary == "dev: 0 releases, 0 failures, 1 incident; it runs nothing."


def test_the_table_has_all_that_the_picture_shows() -> None:
    rows = [deployment("1.0", 2), deployment("1.1", 10, status="failed"), deployment("2", 4, "dev")]
    made = drawn(rows, [incident(20, 30)])
    assert [(where, what, span.words) for where, what, span in made.rows] == [
        ("prod", "incident", "It is down"),
        ("prod", "failed", "1.1"),
        ("dev", "live", "2"),
        ("prod", "live", "1.0"),
    ]


@pytest.mark.parametrize(
    ("days", "number", "apart"), [(1, 1, 1), (7, 4, 2), (30, 5, 7), (90, 4, 28), (365, 6, 61)]
)
def test_dates_are_midnights_and_few(days: int, number: int, apart: int) -> None:
    scale = Scale(on(0.5), on(0.5 + days))
    dates = list(scale.dates)
    assert (len(dates), dates[0]) == (number, (round(0.5 / days * WIDTH, 1), on(1)))
    assert {later - earlier for (_, earlier), (_, later) in pairwise(dates)} <= {
        timedelta(days=apart)
    }


def test_a_date_has_its_year_where_it_changes() -> None:
    scale = Scale(datetime(2025, 11, 20, tzinfo=UTC), datetime(2026, 1, 20, tzinfo=UTC))

    words = [words for _, words in scale.labels]
    assert words == ["2025-11-21", "12-05", "12-19", "2026-01-02", "01-16"]


def picture(text: str) -> str:
    """Return the picture on a page."""
    return text.partition('<svg class="timeline"')[2].partition("</svg>")[0]


def test_a_service_has_a_picture_with_words_and_links(client: FlaskClient) -> None:
    show = browser_of(client)
    first = record(client, "1.0", "prod", finished_at=ago(days=50))
    record(client, "1.1", "prod", finished_at=ago(days=8))
    failed = record(client, "1.2", "prod", finished_at=ago(days=4), status="failed")
    broken = {"service": "checkout", "environment": "prod", "title": "It is down"}
    told = json_of(client.post("/api/v1/incidents", json={**broken, "detected_at": ago(days=3)}))

    page = show("/services/checkout").text

    drawn = picture(page)
    assert 'aria-labelledby="timeline timeline-summary"' in drawn
    assert "prod: 2 releases, 1 failure, 1 incident, one of them open; it runs 1.1." in drawn
    labels = dict(re.findall(r'href="([^"]+)" class="[^"]+"[^>]*>\s*<title>([^<]+)</title>', drawn))
    assert labels[f"/deployments/{first}"].startswith("1.0, was here, ")
    assert labels[f"/deployments/{failed}"].endswith(", failed")
    assert labels[f"/incidents/{told['id']}"].startswith("Incident: It is down, ")
    assert labels[f"/incidents/{told['id']}"].endswith(" until now")
    rows = cells(show("/services/checkout"))
    assert rows[:8] == [
        *("What", "Where", "Became", "From", "To"),
        *("It is down", "prod", "incident"),
    ]
    shorter = show("/services/checkout", days="7").text
    assert f"/deployments/{first}" not in picture(shorter)
    assert "<strong>90 days</strong>" in page
    assert show("/services/checkout", days="0").status_code == 422


def test_a_service_without_a_history_says_so(sqlite_client: FlaskClient) -> None:
    sqlite_client.put("/api/v1/services/checkout", json={})
    page = browser_of(sqlite_client)("/services/checkout").text
    assert "Nothing happened, and nothing ran." in page
    assert picture(page) == ""


def test_a_preview_ends_when_it_was_removed(client: FlaskClient) -> None:
    show = browser_of(client)
    record(client, "1.0", "preview-7", finished_at="2026-03-01T12:00:00Z")
    structured = {"Content-Type": "application/cloudevents+json"}
    for number, at in enumerate(("2026-03-05T12:00:00Z", "2026-03-04T12:00:00Z")):
        place: dict[str, Any] = {"environment": {"id": "preview-7"}, "timestamp": at}
        event = cdevent("service.removed", id=str(number), **place)
        assert client.post("/api/v1/cloudevents", json=event, headers=structured).status_code == 202

    told = cells(show("/services/checkout"))

    assert "removed 2026-03-01 12:00 to 2026-03-04 12:00" in told


def test_of_many_environments_those_that_came_and_went_are_folded(
    sqlite_client: FlaskClient,
) -> None:
    for number in range(14):
        record(sqlite_client, "1.0", f"preview-{number}", finished_at=ago(days=2))
    record(sqlite_client, "1.0", "prod", finished_at=ago(days=2))
    show = browser_of(sqlite_client)
    structured = {"Content-Type": "application/cloudevents+json"}
    for number in range(3):
        gone: dict[str, Any] = {"subject": f"preview-{number}", "id": str(number)}
        event = cdevent("environment.deleted", timestamp=ago(days=1), **gone)
        sent = sqlite_client.post("/api/v1/cloudevents", json=event, headers=structured)
        assert sent.status_code == 202

    page = show("/services/checkout").text

    assert "Without 3 environments that came and went." in page
    assert picture(page).count("<g ") == 12
    assert re.findall(r'src="/badges/checkout/([^"]+)"', page) == ["prod.svg"]


def test_long_names_do_not_run_into_each_other(sqlite_client: FlaskClient) -> None:
    environment, version = "e" * 63, "v" * 128
    record(sqlite_client, version, environment, finished_at=ago(days=2))

    words = re.findall(
        r"<text[^>]+>([^<]+)</text>", picture(browser_of(sqlite_client)("/services/checkout").text)
    )

    assert {"e" * 29 + "…", "v" * 23 + "…"} <= set(words)
    assert not {environment, version} & set(words)


def test_what_waits_says_which_changes_it_brings(client: FlaskClient) -> None:
    show = browser_of(client)
    deliver(client, "1.0.0", "1.1.0", "1.2.0")
    record(client, "1.2.0", "dev", finished_at=ago(days=3))
    record(client, "1.0.0", "prod", finished_at=ago(days=4))
    record(client, "2.0.0", "dev", service="web", finished_at=ago(days=4))

    page = html.unescape(show("/services/checkout").text)
    waits = text_of(page.partition("Waiting to be promoted")[2].partition("<h2")[0])

    assert "dev → prod: 1" in waits
    assert "Brings 2 known changes Part of 1.2.0 ada, 000000000000 Part of 1.1.0 ada" in waits
    assert "Part of 1.0.0" not in waits
    assert "web" not in waits
    record(client, "1.2.0", "prod", finished_at=ago(days=1))
    assert "Nothing waits." in show("/services/checkout").text
