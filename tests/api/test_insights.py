"""The metrics over time: the plots say what the API says, and each point what it is made of."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.domain.dora.model import Period
from api.pages.plots import Metric, plots
from tests.api.conftest import json_of
from tests.api.test_pages import browser_of, cells, declare, deliver, record, text_of

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def period(week: int, **figures: Any) -> Period:
    """Return the metrics of a week, with these figures and none of the others."""
    since = MONDAY + timedelta(weeks=week)
    median: dict[str, Any] = {
        "median_seconds": None,
        "p90_seconds": None,
        "count": 0,
        "excluded": [],
    }
    ratio: dict[str, Any] = {"ratio": None, "numerator": 0, "denominator": 0}
    kinds = dict.fromkeys(("rollouts", "rollbacks", "hotfixes"), 0)
    frequency = {"per_day": 0.0, "numerator": 0, "denominator": 7.0, "excluded": [], **kinds}
    nothing: dict[str, dict[str, Any]] = {
        "deployment_frequency": frequency,
        "lead_time_for_changes": {**median, "coverage": ratio},
        "change_failure_rate": {**ratio, "excluded": []},
        "failed_deployment_recovery_time": median,
        "rework_rate": {**ratio, "excluded": []},
    }
    told = {name: {**nothing[name], **figures.get(name, {})} for name in nothing}
    return Period.model_validate({"from": since, "to": since + timedelta(weeks=1), **told})


def plot(metric: Metric, *told: dict[str, Any]) -> Any:
    periods = [period(week, **{metric: figures}) for week, figures in enumerate(told)]
    return next(made for made in plots(periods) if made.metric == metric)


@pytest.mark.parametrize(
    ("metric", "told", "words", "counted", "top"),
    [
        (
            Metric.DEPLOYMENT_FREQUENCY,
            {"per_day": 3.0, "numerator": 21},
            "3 a day",
            "21 deployments in 7 days",
            "5 a day",
        ),
        (Metric.DEPLOYMENT_FREQUENCY, {}, "0 a day", "0 deployments in 7 days", "1 a day"),
        (
            Metric.LEAD_TIME,
            {"median_seconds": 5400.0, "count": 1},
            "1 h 30 min",
            "median of 1 change",
            "2 h",
        ),
        (
            Metric.RECOVERY_TIME,
            {"median_seconds": 0.0, "count": 2},
            "0 s",
            "median of 2 recoveries",
            "2 min",
        ),
        (
            Metric.FAILURE_RATE,
            {"ratio": 0.25, "numerator": 1, "denominator": 4},
            "25%",
            "1 of 4 deployments",
            "50%",
        ),
        (Metric.REWORK_RATE, {}, "\N{EN DASH}", "0 of 0 deployments", "10%"),
    ],
)
def test_a_point_says_its_value_and_what_it_is_made_of(
    metric: Metric, told: dict[str, Any], words: str, counted: str, top: str
) -> None:
    made = plot(metric, told)
    assert (made.points[0].words, made.points[0].counted) == (words, counted)
    assert made.grid[-1][1] == top
    assert made.points[0].y is None or made.grid[-1][0] <= made.points[0].y <= made.grid[0][0]


def test_a_line_has_a_gap_where_there_is_no_value() -> None:
    ratios = [{"ratio": ratio} for ratio in (0.1, 0.2, None, 0.2)]
    made = plot(Metric.FAILURE_RATE, *ratios)

    assert [line.count(",") for line in made.lines] == [2, 1]
    heights = [point.y for point in made.points]
    assert heights == [93.0, 14.0, None, 14.0]
    assert [point.x for point in made.points] == [80.0, 206.7, 333.3, 460.0]
    assert made.summary == (
        "3 of 4 periods have a value: from 10% to 20%, and 20% in the last one."
    )


def test_the_days_below_a_plot_have_their_year_where_it_changes() -> None:
    def labels(weeks: int) -> list[str]:
        return [words for _, words in plot(Metric.REWORK_RATE, *[{}] * weeks).labels]

    assert labels(20) == ["03-02", "03-30", "04-27", "05-25", "06-22"]
    assert labels(53) == ["2026-03-02", "07-06", "11-09"]
    assert labels(90) == ["2026-03-02", "09-28", "2027-04-26"]


def days_ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def points(page: TestResponse, metric: Metric) -> list[tuple[str, str]]:
    """Return where the points of a plot lead to, and what they say."""
    section = page.text.partition(f'<h2 id="{metric}"')[2].partition("</svg>")[0]
    found = re.findall(r'<a href="([^"]+)"><circle [^>]+/><title>([^<]+)</title>', section)
    return [(html.unescape(url), words) for url, words in found]


def test_every_point_leads_to_what_it_is_made_of(client: FlaskClient) -> None:
    show = browser_of(client)
    deliver(client, "1.0", "1.1")
    record(client, "1.0", "prod", finished_at=days_ago(20))
    record(client, "1.1", "prod", finished_at=days_ago(12.2), status="failed")
    record(client, "1.1", "prod", finished_at=days_ago(12.1))
    record(client, "2.0", "prod", finished_at=days_ago(12), service="web")

    page = show("/insights", days="30", interval="month")
    whole = show("/insights", days="30", interval="all")

    assert (
        sum(int(words.split()[-5]) for _, words in points(page, Metric.DEPLOYMENT_FREQUENCY)) == 3
    )
    ((url, said),) = points(whole, Metric.FAILURE_RATE)
    assert said.endswith("25%, 1 of 4 deployments")
    explained = show(url)
    assert "Change failure rate: 25%" in explained.text
    told = cells(explained)
    assert [told[place : place + 5][3:] for place in range(5, len(told), 5)] == [
        ["0 of 1", "It did not fail."],
        ["0 of 1", "It did not fail."],
        ["1 of 1", "It failed."],
        ["0 of 1", "It did not fail."],
    ]
    for metric in Metric:
        (first, *_) = points(whole, metric)
        assert show(first[0]).status_code == 200
    period = {key: value for key, value in parse_qsl(urlsplit(url).query) if key != "metric"}
    metrics = json_of(client.get("/api/v1/metrics/dora", query_string=period))
    assert metrics["overall"]["periods"][0]["change_failure_rate"]["ratio"] == 0.25


def test_insights_can_be_narrowed(sqlite_client: FlaskClient) -> None:
    show = browser_of(sqlite_client)
    record(sqlite_client, "1.0", "prod", finished_at=days_ago(2))
    record(sqlite_client, "2.0", "dev", finished_at=days_ago(2), service="web")

    def deployments(**query: str) -> int:
        page = show("/insights", days="7", interval="all", **query)
        ((_, words),) = points(page, Metric.DEPLOYMENT_FREQUENCY)
        return int(words.rpartition(" deployment")[0].split()[-1])

    assert deployments() == 1
    assert deployments(environment="dev", service="") == 1
    assert deployments(environment="dev", service="checkout") == 0
    for wrong in (
        {"service": "nothing"},
        {"environment": "x"},
        {"days": "0"},
        {"interval": "year"},
    ):
        assert show("/insights", **wrong).status_code == 422
    assert show("/insights/explanation", metric="mood").status_code == 422


def test_insights_without_production_say_what_to_do(sqlite_client: FlaskClient) -> None:
    declare(sqlite_client, "dev", "1.0")
    page = text_of(browser_of(sqlite_client)("/insights").text)
    assert "No environment is of the tier production" in page


def test_the_explanation_of_many_deployments_has_pages(sqlite_client: FlaskClient) -> None:
    show = browser_of(sqlite_client)
    for number in range(51):
        at = f"2026-03-01T12:{number:02}:00Z"
        record(sqlite_client, f"1.{number}", "prod", finished_at=at)
    asked = {"metric": "rework_rate", "from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}

    first = show("/insights/explanation", **asked)
    older = re.search(r'rel="next" href="([^"]+)"', first.text)

    assert older
    assert (len(cells(first)), len(cells(show(html.unescape(older[1]))))) == (5 * 51, 5 * 2)


def test_a_period_that_ends_before_it_begins_has_no_explanation(sqlite_client: FlaskClient) -> None:
    show = browser_of(sqlite_client)
    asked = {"metric": "rework_rate", "from": "2026-03-02T00:00"}
    for end in ("2026-03-01T00:00", "2026-03-02T00:00"):
        page = show("/insights/explanation", **asked, to=end)
        assert page.status_code == 422
        assert "to must be after from" in text_of(page.text)
