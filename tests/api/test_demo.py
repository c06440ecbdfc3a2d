"""The demo history: the same for the same day, one that could have happened, and all there is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from api import demo
from api.database import Database
from api.demo import History
from api.domain.deployments.model import Status
from api.domain.kit import times
from tests.api.conftest import json_of

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def told() -> History:
    return demo.history(NOW)


@pytest.fixture(scope="module")
def recorded(shared_app: APIFlask, told: History) -> FlaskClient:
    database: Database = shared_app.extensions["database"]
    with database.write() as connection:
        demo.record(connection, told)
    return shared_app.test_client()


def every(client: FlaskClient, path: str) -> Iterator[dict[str, Any]]:
    """Yield what all pages of a list have."""
    url = f"/api/v1/{path}?limit=200"
    cursor = ""
    while cursor is not None:
        page = json_of(client.get(f"{url}&cursor={cursor}" if cursor else url))
        yield from page["items"]
        cursor = page["next_cursor"]


def test_it_is_the_same_for_the_same_moment(told: History) -> None:
    assert demo.history(NOW) == told


def test_a_day_goes_on_as_it_began(told: History) -> None:
    morning = demo.history(NOW.replace(hour=9))

    assert set(map(repr, morning.deployments)) < set(map(repr, told.deployments))


@pytest.mark.parametrize("day", range(7))
@pytest.mark.parametrize("hour", [0, 9, 12, 17])
def test_nothing_is_to_come_whatever_the_time(
    monkeypatch: pytest.MonkeyPatch, day: int, hour: int
) -> None:
    now = NOW.replace(hour=hour) + timedelta(days=day)
    monkeypatch.setattr(times, "now", lambda: now)
    told = demo.history(now)

    assert all(new.finished_at and new.finished_at <= now for new in told.deployments)
    assert all(new.committed_at <= now for new in told.changes)
    for incident, _ in told.outages:
        ends = [incident.detected_at, incident.resolved_at]
        assert all(each <= now for each in ends if each)
    assert any(incident.resolved_at is None for incident, _ in told.outages)


def test_it_covers_six_services_three_environments_and_ninety_days(told: History) -> None:
    starts = [new.started_at for new in told.deployments if new.started_at]

    assert {new.service for new in told.deployments} == set(told.services)
    assert len(told.services) == 6
    assert {new.environment for new in told.deployments} == {"dev", "staging", "prod"}
    assert starts == sorted(starts)
    assert timedelta(days=85) < NOW - starts[0] <= timedelta(days=91)


def test_a_version_is_one_image_and_one_commit_and_reaches_prod_only_through_staging(
    told: History,
) -> None:
    versions = {(new.service, new.version) for new in told.deployments}
    images = {(new.service, new.version, new.image_digest, new.commit) for new in told.deployments}
    assert len(images) == len(versions)

    seen: set[tuple[str, str]] = set()
    for new in told.deployments:
        if new.environment == "staging" and new.status is Status.SUCCEEDED:
            seen.add((new.service, new.version))
        assert new.environment != "prod" or (new.service, new.version) in seen


def test_an_environment_has_one_deployment_of_a_service_at_a_time(told: History) -> None:
    ends: dict[tuple[str, str], datetime] = {}
    for new in told.deployments:
        cell = (new.service, new.environment)
        assert new.started_at
        assert new.finished_at
        assert cell not in ends or ends[cell] < new.started_at
        ends[cell] = new.finished_at


def test_each_version_has_changes_of_the_days_before_and_its_commit_is_the_last(
    told: History,
) -> None:
    for new in told.deployments:
        of_it = [
            change
            for change in told.changes
            if (change.service, change.version) == (new.service, new.version)
        ]
        assert new.started_at
        assert of_it[-1].commit == new.commit
        assert of_it[-1].committed_at < new.started_at
        assert all(change.author and change.title for change in of_it)


def test_incidents_are_stated_or_inferred_and_one_is_open(recorded: FlaskClient) -> None:
    incidents = list(every(recorded, "incidents"))

    assert {each["link"] for each in incidents} == {"stated", "inferred"}
    assert [each["environment"] for each in incidents if not each["resolved_at"]] == ["staging"]


def test_the_kinds_are_what_the_ledger_makes_of_it(recorded: FlaskClient) -> None:
    deployments = list(every(recorded, "deployments"))
    in_prod = {each["kind"] for each in deployments if each["environment"] == "prod"}

    assert in_prod == {"rollout", "rollback", "hotfix"}
    assert {each["kind"] for each in deployments if each["environment"] != "prod"} == {"rollout"}
    assert all(each["actor"] and each["links"] for each in deployments)


def test_the_metrics_are_those_of_people_who_know_their_trade(recorded: FlaskClient) -> None:
    window = f"from={NOW - timedelta(days=90):%Y-%m-%dT%H:%M:%SZ}&to={NOW:%Y-%m-%dT%H:%M:%SZ}"
    told = json_of(recorded.get(f"/api/v1/metrics/dora?{window}"))
    (period,) = told["overall"]["periods"]
    hour, day = 3600, 24 * 3600

    assert 2 < period["deployment_frequency"]["per_day"] < 5
    assert day < period["lead_time_for_changes"]["median_seconds"] < 5 * day
    assert 0.05 < period["change_failure_rate"]["ratio"] < 0.25
    assert hour / 4 < period["failed_deployment_recovery_time"]["median_seconds"] < 4 * hour
    assert 0.05 < period["rework_rate"]["ratio"] < 0.25
    assert period["lead_time_for_changes"]["coverage"]["ratio"] == 1


def test_what_waits_has_commits_and_two_are_blocked(recorded: FlaskClient) -> None:
    items = json_of(recorded.get("/api/v1/promotions/pending?from=staging&to=prod"))["items"]
    reasons = {item["service"]: [each["reason"] for each in item["blockers"]] for item in items}

    assert all(item["change_count"] and item["declared_in"] for item in items)
    assert reasons["catalog"] == ["incident_open"]
    assert reasons["notifications"] == ["deployment_failed"]


def test_the_last_deployment_of_one_service_to_prod_failed_and_the_one_before_runs(
    recorded: FlaskClient,
) -> None:
    where = "service=notifications&environment=prod"
    (last,) = json_of(recorded.get(f"/api/v1/deployments?{where}&limit=1"))["items"]
    (cell,) = json_of(recorded.get(f"/api/v1/matrix?{where}"))["cells"]

    assert (last["status"], cell["state"]) == ("failed", "drifted")
    assert cell["version"] != last["version"] == cell["declared"]["version"]


def test_each_service_has_an_owner_a_repository_and_an_image(recorded: FlaskClient) -> None:
    for service in every(recorded, "services"):
        assert service["owner"]
        assert service["repository"]
        assert service["image"]
