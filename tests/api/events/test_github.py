"""What GitHub's events mean: a table of payloads."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.domain.events.adapter import Received
from api.domain.events.adapters.github import GITHUB
from api.domain.events.interpret import Meaning, Outcome, interpret
from api.domain.events.rules import SourceRules
from api.domain.kit.times import now
from tests.api.conftest import json_of
from tests.api.events.payloads import COMMIT, argocd, deliver, event_of, github
from tests.api.events.test_inbox import items


def meaning(body: dict[str, Any], event: str | None = None, **rules: Any) -> Meaning:
    headers = {"x-github-event": event or event_of(body)}
    made = GITHUB.rules.model_copy(update=SourceRules(**rules).model_dump(exclude_unset=True))
    return interpret(GITHUB, {"github": made}, Received(headers, body, "sha256:0", now()))


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (None, "pending"),
        ("pending", "pending"),
        ("queued", "pending"),
        ("waiting", "pending"),
        ("in_progress", "running"),
        ("success", "succeeded"),
        ("failure", "failed"),
        ("error", "failed"),
        ("inactive", "cancelled"),
    ],
)
def test_each_state_is_one_of_ours(state: str | None, status: str) -> None:
    ((report, sequence),) = meaning(github(state)).deployments

    assert report.status == status
    assert report.commit == report.version == COMMIT
    assert report.external_id == "github.com/7/71/checkout/prod"
    assert (report.source, report.actor) == ("github", "ada")
    assert sequence == (3 if state else 0)
    assert (report.finished_at is None) == (status in ("pending", "running"))


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ({}, "github.com"),
        ({"html_url": "https://github.com/acme/checkout"}, "github.com"),
        ({"url": "https://api.github.com/repos/acme/checkout"}, "github.com"),
        ({"html_url": "https://git.example.com/acme/checkout"}, "git.example.com"),
        ({"html_url": 7}, "github.com"),
    ],
)
def test_two_hosts_may_have_the_same_numbers(address: dict[str, Any], host: str) -> None:
    body = github()
    body["repository"] |= address
    ((report, _),) = meaning(body).deployments

    assert report.external_id == f"{host}/7/71/checkout/prod"


def test_a_status_may_move_a_deployment() -> None:
    body = github(environment="staging")
    body["deployment_status"]["environment"] = "production"
    ((report, _),) = meaning(body).deployments

    assert report.environment == "production"


@pytest.mark.parametrize(
    ("body", "event", "outcome", "reason"),
    [
        ({"zen": "Design for failure."}, "ping", "not_ours", "ping"),
        (github(environment="???"), None, "unmapped", "environment"),
        (github("astonished"), None, "failed", "astonished"),
        ({"deployment": {}}, "deployment", "failed", "repository"),
        (github(sha="no commit"), None, "failed", "commit"),
        ({"deployment": 7, "repository": []}, "deployment", "failed", "not one of github"),
        (github(number=10**30), None, "failed", "sequence number"),
        (github() | {"deployment_status": {"state": "success", "id": "x"}}, None, "failed", ""),
        (github(created_at=5), None, "failed", "started_at"),
    ],
)
def test_what_is_not_a_deployment_says_why(
    body: dict[str, Any], event: str | None, outcome: str, reason: str
) -> None:
    found = meaning(body, event)

    assert found.outcome is Outcome(outcome)
    assert found.reason is not None
    assert reason in found.reason


@pytest.mark.parametrize(
    ("ref", "payload", "version"),
    [
        ("main", {}, COMMIT),
        ("v1.4.2", {}, "v1.4.2"),
        ("refs/tags/release-9", {}, "release-9"),
        ("1.4.2", {"version": "2.0.0"}, "2.0.0"),
        ("main", "a text", COMMIT),
        ("main", '{"version": "2.0.0"}', "2.0.0"),
        ("main", '{"version": "2.0.0"', COMMIT),
        ("main", '{"a":' * 200 + "1" + "}" * 200, COMMIT),
        ("2026.11.28-rc.1", {}, "2026.11.28-rc.1"),
        ("1.x", {}, COMMIT),
        ("1.4", {}, COMMIT),
        ("123-fix-login", {}, COMMIT),
        ("20261128", {}, COMMIT),
        ("refs/heads/1.4.2", {}, COMMIT),
    ],
)
def test_the_version_is_stated_or_the_tag_or_the_commit(
    ref: str, payload: Any, version: str
) -> None:
    ((report, _),) = meaning(github(ref=ref, payload=payload)).deployments

    assert report.version == version


def test_rules_name_and_leave_out() -> None:
    rules: dict[str, Any] = {
        "service": "{repository.full_name}",
        "services": {"acme-checkout": "shop"},
        "environments": {"production": "prod", "preview": None},
    }
    ((report, _),) = meaning(github(environment="Production"), **rules).deployments
    assert (report.service, report.environment) == ("shop", "prod")

    assert meaning(github(environment="preview"), **rules).outcome is Outcome.NOT_OURS


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    ("states", "status"),
    [
        (["in_progress", "success", "inactive"], "succeeded"),  # another one has replaced it
        (["failure", "success", "inactive"], "succeeded"),
        (["in_progress", "failure", "inactive"], "cancelled"),
        (["waiting", "inactive"], "cancelled"),  # never approved
    ],
)
def test_inactive_cancels_what_has_not_succeeded(
    client: FlaskClient, states: list[str], status: str, backwards: bool
) -> None:
    bodies = [github(state, number) for number, state in enumerate(states, start=1)]
    for number, body in enumerate(reversed(bodies) if backwards else bodies):
        deliver(client, body, f"delivery {number}")

    (deployment,) = items(client, "deployments")
    assert deployment["status"] == status


def test_what_is_tidied_up_later_has_failed_all_the_same(client: FlaskClient) -> None:
    later = github("inactive", 4)
    later["deployment_status"]["created_at"] = "2026-03-09T12:00:00Z"
    deliver(client, github("failure", 3), "a")
    deliver(client, later, "b")

    (deployment,) = items(client, "deployments")
    assert (deployment["status"], deployment["finished_at"]) == ("failed", "2026-03-01T12:03:00Z")


def test_inactive_cancels_nothing_that_another_has_seen_succeed(client: FlaskClient) -> None:
    deliver(client, github("in_progress", 1, ref="1.4.2"), "a")
    deliver(client, github("inactive", 5, ref="1.4.2"), "b")
    client.post("/api/v1/webhooks/argocd", json=argocd())

    (deployment,) = items(client, "deployments")
    assert (deployment["source"], deployment["status"]) == ("argocd", "succeeded")


def test_what_has_failed_stays_so_until_a_second_try_has_ended(client: FlaskClient) -> None:
    seen = []
    for number, state in enumerate(["in_progress", "failure", "in_progress", "success"], start=1):
        deliver(client, github(state, number), f"delivery {number}")
        (deployment,) = items(client, "deployments")
        seen.append(deployment["status"])

    assert seen == ["running", "failed", "failed", "succeeded"]


def environment(client: FlaskClient, name: str = "eu") -> dict[str, Any]:
    return json_of(client.get(f"/api/v1/environments/{name}"))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 1)])
def test_a_deployment_says_that_its_environment_is_production(
    client: FlaskClient, order: tuple[int, ...]
) -> None:
    bodies = [
        github("in_progress", 1, environment="eu", production_environment=False),
        github("success", 2, environment="eu", production_environment=True),
        github("success", 1, id=72, environment="eu"),
    ]
    for number, which in enumerate(order):
        assert deliver(client, bodies[which], f"{number}").status_code == 202

    told = environment(client)
    assert (told["tier"], told["promotion_order"]) == ("production", 300)


def test_what_a_person_says_of_an_environment_stays(client: FlaskClient) -> None:
    described = json_of(client.put("/api/v1/environments/eu", json={"tier": "development"}))
    flags = {"production_environment": True, "transient_environment": True}

    deliver(client, github("success", 1, environment="eu", **flags), "1")

    assert environment(client) == described


def test_a_transient_environment_is_noted(client: FlaskClient) -> None:
    deliver(client, github("success", 1, environment="eu", transient_environment=True), "1")

    told = environment(client)
    assert (told["tier"], told["transient"]) == ("development", True)


def test_the_environment_that_a_status_names_is_not_the_one_that_was_made_for_production(
    client: FlaskClient,
) -> None:
    body = github("success", 1, environment="eu", production_environment=True)
    body["deployment_status"]["environment"] = "us"
    deliver(client, body, "1")

    assert environment(client, "us")["tier"] == "development"


def moved(environment: str, state: str | None, number: int) -> dict[str, Any]:
    """Return an event of one deployment, in the environment that its status names."""
    body = github(state, number, environment="staging")
    if state is not None:
        body["deployment_status"]["environment"] = environment
    return body


# Events of one deployment, which was made for staging, by environment and state; and the status
# that it has in each environment.
@pytest.mark.parametrize(
    ("told", "statuses"),
    [
        (
            [("staging", None), ("prod", "success")],
            {"staging": "cancelled", "prod": "succeeded"},
        ),
        (
            [("staging", None), ("staging", "in_progress"), ("prod", "in_progress")],
            {"staging": "cancelled", "prod": "running"},
        ),
        (
            [("staging", "in_progress"), ("qa", "in_progress"), ("prod", "failure")],
            {"staging": "cancelled", "qa": "cancelled", "prod": "failed"},
        ),
        (
            [("staging", "success"), ("prod", "success")],
            {"staging": "succeeded", "prod": "succeeded"},
        ),
        (
            [("staging", "failure"), ("prod", "in_progress")],
            {"staging": "failed", "prod": "running"},
        ),
        (
            [("staging", "in_progress"), ("prod", "in_progress"), ("staging", "success")],
            {"staging": "succeeded", "prod": "cancelled"},
        ),
    ],
)
def test_what_a_deployment_leaves_does_not_stay_pending(
    sqlite_client: FlaskClient, told: list[tuple[str, str | None]], statuses: dict[str, str]
) -> None:
    bodies = [moved(*each, number) for number, each in enumerate(told)]
    for repository, order in enumerate(itertools.permutations(range(len(bodies)))):
        for number in order:
            bodies[number]["repository"]["id"] = repository
            answer = deliver(sqlite_client, bodies[number], f"{order} {number}")
            assert answer.status_code == 202, answer.text
        made = [
            each
            for each in items(sqlite_client, "deployments")
            if each["external_id"].startswith(f"github.com/{repository}/")
        ]
        assert {each["environment"]: each["status"] for each in made} == statuses, order
    before = items(sqlite_client, "deployments")
    cli = sqlite_client.application.test_cli_runner()
    assert cli.invoke(args=["ledger", "rebuild"]).exit_code == 0
    assert items(sqlite_client, "deployments") == before
