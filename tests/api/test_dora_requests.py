"""What the DORA metrics may be asked, on SQLite and on PostgreSQL."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from pydantic import BaseModel

from api.domain.dora import report
from api.domain.dora.model import Metrics
from api.domain.dora.query import MAX_FIGURES
from api.http import turns
from api.routes.dora import ExplanationPage
from tests.api.conftest import Record, json_of, problem

URL = "/api/v1/metrics/dora"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("from=2026-03-02T00:00:00Z&to=2026-03-02T00:00:00Z", "to"),
        ("to=0001-01-01T00:00:00Z", "to"),
        ("from=yesterday", "from"),
        ("interval=year", "interval"),
        ("interval=day&from=2025-01-01T00:00:00Z&to=2026-02-06T00:00:00Z", "interval"),
        ("service=Check Out", "service"),
        ("limit=1", "limit"),
    ],
)
def test_a_wrong_question_names_the_parameter(
    sqlite_client: FlaskClient, query: str, parameter: str
) -> None:
    document = problem(sqlite_client.get(f"{URL}?{query}"), 422)

    errors = document["errors"]
    assert isinstance(errors, list)
    assert [error["parameter"] for error in errors] == [parameter]


@pytest.mark.parametrize("path", [URL, f"{URL}/explain"])
def test_one_is_added_up_at_a_time_and_who_waits_too_long_is_told(
    sqlite_client: FlaskClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 0.01)
    with turns.TURN:
        refused = sqlite_client.get(path)

    assert "try again" in str(problem(refused, 503)["detail"])
    assert refused.headers["Retry-After"] == "5"
    assert sqlite_client.get(path).status_code == 200


@pytest.mark.parametrize(("path", "model"), [(URL, Metrics), (f"{URL}/explain", ExplanationPage)])
@pytest.mark.parametrize("tier", ["production", "staging"])
def test_the_body_is_that_of_its_model(
    client: FlaskClient, path: str, model: type[BaseModel], tier: str
) -> None:
    """With all its fields, in their order: it is not made of the model."""
    deployed(client, 2)
    failed = {"service": "s0", "environment": "prod", "version": "1.1", "status": "failed"}
    json_of(client.post("/api/v1/deployments", json=failed))
    json_of(client.put("/api/v1/environments/prod", json={"tier": tier}))

    body = client.get(path).get_data(as_text=True)

    assert body == model.model_validate_json(body).model_dump_json(by_alias=True) + "\n"


def test_400_periods_are_not_too_many(sqlite_client: FlaskClient) -> None:
    # 1 January 2025 is a Wednesday; 400 days later is 5 February 2026.
    days = "interval=day&from=2025-01-01T00:00:00Z&to=2026-02-05T00:00:00Z"

    assert len(json_of(sqlite_client.get(f"{URL}?{days}"))["overall"]["periods"]) == 400


def test_without_a_window_it_is_the_last_90_days(sqlite_client: FlaskClient) -> None:
    told = json_of(sqlite_client.get(URL))
    since, until = (datetime.fromisoformat(told[name]) for name in ("from", "to"))

    assert until - since == timedelta(days=90)
    assert abs(datetime.now(UTC) - until) < timedelta(minutes=1)
    assert len(told["overall"]["periods"]) == 1


@pytest.mark.parametrize("path", [URL, f"{URL}/explain"])
@pytest.mark.parametrize("parameter", ["service", "environment"])
def test_a_name_that_does_not_exist_is_refused(
    sqlite_client: FlaskClient, path: str, parameter: str
) -> None:
    document = problem(sqlite_client.get(f"{path}?{parameter}=nobody"), 422)

    detail = f"there is no {parameter} nobody"
    assert document["errors"] == [{"parameter": parameter, "detail": detail}]


def test_the_cursor_keeps_the_window_of_the_first_page(client: FlaskClient) -> None:
    for version in "12":
        body = {"service": "web", "environment": "prod", "version": version}
        client.post("/api/v1/deployments", json=body)
    first = client.get(f"{URL}/explain?limit=1")
    following = json_of(client.get(first.headers["Link"].partition(">")[0].removeprefix("<")))
    page = json_of(first)

    assert (following["from"], following["to"]) == (page["from"], page["to"])
    assert [each["version"] for each in page["items"] + following["items"]] == ["2", "1"]
    assert following["next_cursor"] is None
    other = f"{URL}/explain?service=web&cursor={page['next_cursor']}"
    problem(client.get(other), 422)


def test_without_production_the_answer_has_the_tiers_that_there_are(
    client: FlaskClient, record: Record
) -> None:
    for name in ("pr-7", "eu", "staging"):
        record(environment=name)
    tiers = {"development": ["eu", "pr-7"], "staging": ["staging"], "production": []}

    for path in (URL, f"{URL}/explain"):
        told = json_of(client.get(path))
        assert (told["environments"], told["tiers"]) == ([], tiers)
    record(environment="prod-eu-1")
    told = json_of(client.get(URL))
    assert (told["environments"], told["tiers"]) == (["prod-eu-1"], {})


def deployed(client: FlaskClient, services: int) -> None:
    for number in range(services):
        body = {"service": f"s{number}", "environment": "prod", "version": "1.0"}
        json_of(client.post("/api/v1/deployments", json=body))


def test_the_periods_of_all_services_together_are_bounded_too(
    sqlite_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(sqlite_client, 4)
    ten_days = f"from={datetime.now(UTC) - timedelta(days=9):%Y-%m-%dT00:00:00Z}&interval=day"

    monkeypatch.setattr(report, "MAX_FIGURES", 50)
    told = json_of(sqlite_client.get(f"{URL}?{ten_days}"))
    assert sum(len(each["periods"]) for each in [told["overall"], *told["services"]]) == 50
    monkeypatch.setattr(report, "MAX_FIGURES", 49)
    document = problem(sqlite_client.get(f"{URL}?{ten_days}"), 422)
    assert document["errors"] == [
        {
            "parameter": "interval",
            "detail": "makes 10 periods of each of 4 services, and at most 49 are answered at once:"
            " use a longer interval, a shorter window or one service",
        }
    ]
    # What one service and one period need is never too much.
    monkeypatch.setattr(report, "MAX_FIGURES", 4)
    assert len(json_of(sqlite_client.get(URL))["services"]) == 4


def test_the_memory_of_a_series_is_bounded(sqlite_client: FlaskClient) -> None:
    """At the bound, a series takes a quarter of what a pod may have; it took all of it."""
    deployed(sqlite_client, MAX_FIGURES // 400 - 1)
    days = f"from={datetime.now(UTC) - timedelta(days=399):%Y-%m-%dT00:00:00Z}&interval=day"
    sqlite_client.get(URL)

    tracemalloc.start()
    try:
        told = sqlite_client.get(f"{URL}?{days}")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert told.status_code == 200
    assert peak < 64 * 1024 * 1024
