"""What GitLab's events mean: payloads as its documentation has them, and a table of others."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.domain.events.adapter import Received
from api.domain.events.adapters.gitlab import GITLAB, MAX_JOBS
from api.domain.events.interpret import Meaning, Outcome, interpret
from api.domain.events.rules import SourceRules
from api.domain.kit.times import now
from tests.api.conftest import json_of, problem
from tests.api.events.payloads import OLD_SECRET, SECRET
from tests.api.events.test_inbox import items

URL = "/api/v1/webhooks/gitlab"
COMMIT = "279484c09fbe69ededfced8c1bb6e6d24616b468"
PROJECT = {
    "id": 30,
    "name": "Test Deployment Webhooks",
    "web_url": "http://10.126.0.2:3000/root/test-deployment-webhooks",
    "namespace": "Administrator",
    "visibility_level": 0,
    "path_with_namespace": "root/test-deployment-webhooks",
    "default_branch": "master",
}
SERVICE = "test-deployment-webhooks"


def deployment(state: str = "success", minute: int = 50, **changed: Any) -> dict[str, Any]:
    return {
        "object_kind": "deployment",
        "status": state,
        "status_changed_at": f"2021-04-28 21:{minute}:00 +0200",
        "deployment_id": 15,
        "deployable_id": 796,
        "deployable_url": "http://10.126.0.2:3000/root/test-deployment-webhooks/-/jobs/796",
        "environment": "staging",
        "environment_tier": "staging",
        "environment_slug": "staging",
        "environment_external_url": "https://staging.example.com",
        "project": PROJECT,
        "short_sha": COMMIT[:8],
        "user": {"id": 1, "name": "Administrator", "username": "root", "email": "x@example.com"},
        "user_url": "http://10.126.0.2:3000/root",
        "commit_url": f"http://10.126.0.2:3000/root/test-deployment-webhooks/-/commit/{COMMIT}",
        "commit_title": "Add new file",
        "ref": "master",
        **changed,
    }


def job(state: str = "success", number: int = 796, **changed: Any) -> dict[str, Any]:
    ended = state in ("success", "failed", "canceled")
    return {
        "id": number,
        "stage": "deploy",
        "name": "staging",
        "status": state,
        "created_at": "2021-04-28 19:30:00 UTC",
        "started_at": "2021-04-28 19:45:00 UTC",
        "finished_at": "2021-04-28 19:50:00 UTC" if ended else None,
        "manual": False,
        "environment": {"name": "staging", "action": "start", "deployment_tier": "staging"},
        **changed,
    }


def pipeline(*jobs: dict[str, Any], **changed: Any) -> dict[str, Any]:
    tests = {**job(number=700), "name": "test", "environment": None}
    return {
        "object_kind": "pipeline",
        "object_attributes": {
            "id": 31,
            "iid": 3,
            "ref": "master",
            "tag": False,
            "sha": COMMIT,
            "source": "push",
            "status": "running",
            "created_at": "2021-04-28 19:30:00 UTC",
            "variables": [{"key": "NESTOR_PROD_ENVIRONMENT", "value": "us-west-1"}],
            "url": "http://10.126.0.2:3000/root/test-deployment-webhooks/-/pipelines/31",
            **changed,
        },
        "user": {"id": 1, "name": "Administrator", "username": "root"},
        "project": PROJECT,
        "commit": {"id": COMMIT, "message": "Add new file\n"},
        "builds": [tests, *jobs],
    }


def meaning(body: Any, **rules: Any) -> Meaning:
    made = GITLAB.rules.model_copy(update=SourceRules(**rules).model_dump(exclude_unset=True))
    return interpret(GITLAB, {"gitlab": made}, Received({}, body, "sha256:0", now()))


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("running", "running"),
        ("success", "succeeded"),
        ("failed", "failed"),
        ("canceled", "cancelled"),
    ],
)
def test_a_deployment_and_the_job_of_its_pipeline_tell_the_same(state: str, status: str) -> None:
    ((one, sequence),) = meaning(deployment(state)).deployments
    ((other, _),) = meaning(pipeline(job(state))).deployments

    assert (one.service, one.environment) == (other.service, other.environment)
    assert (one.service, one.environment) == (SERVICE, "staging")
    assert one.status == other.status == status
    assert one.version == one.commit == other.version == other.commit == COMMIT
    assert one.external_id == other.external_id == f"10.126.0.2/30/jobs/796/{SERVICE}/staging"
    assert one.finished_at == other.finished_at
    assert str(one.finished_at) == ("None" if status == "running" else "2021-04-28 19:50:00+00:00")
    assert str(other.started_at) == "2021-04-28 19:45:00+00:00"
    assert (one.actor, other.actor, sequence) == ("root", "root", None)
    assert [link.title for link in one.links] == ["job", "deployed"]
    assert [link.title for link in other.links] == ["pipeline"]


@pytest.mark.parametrize(
    ("body", "version"),
    [
        (deployment(ref="v1.4.2"), "v1.4.2"),
        (deployment(ref="1.x"), COMMIT),
        (deployment(ref=None, commit_url=None), COMMIT[:8]),
        (pipeline(job(), ref="release-9", tag=True), "release-9"),
        (pipeline(job(), ref="1.4.2"), "1.4.2"),
        (pipeline(job(), ref="release-9"), COMMIT),
    ],
)
def test_the_version_is_the_tag_or_the_commit(body: dict[str, Any], version: str) -> None:
    ((report, _),) = meaning(body).deployments

    assert report.version == version


@pytest.mark.parametrize(
    ("body", "outcome", "reason"),
    [
        ({"object_kind": "push"}, "not_ours", "push"),
        ({}, "not_ours", "object_kind"),
        (pipeline(), "not_ours", "Nothing was deployed yet"),
        (pipeline(job("manual", started_at=None)), "not_ours", "Nothing was deployed yet"),
        (pipeline(job("pending"), job("skipped", 797)), "not_ours", "Nothing was deployed yet"),
        (pipeline(job(environment={"name": "x", "action": "verify"})), "not_ours", "Nothing"),
        (deployment("blocked"), "not_ours", "Nothing was deployed yet"),
        (deployment(environment="???"), "unmapped", "environment"),
        (pipeline(*(job(number=each) for each in range(MAX_JOBS + 1))), "unmapped", "more than"),
        (deployment(project=None), "failed", "not one of gitlab"),
        (deployment(status_changed_at="2021-04-28"), "failed", "started_at"),
        (deployment(status_changed_at="9021-04-28 21:50:00 +0200"), "failed", "ahead"),
        (deployment(status_changed_at="2021-04-28 21:50:00 +9999"), "failed", "started_at"),
        (deployment(commit_url=None, short_sha="no commit"), "failed", "commit"),
        (deployment(deployable_id="ä"), "failed", "external_id"),
        (pipeline(job(), job(number="x")), "failed", "not one of gitlab"),  # type: ignore[arg-type]
        (pipeline(job(finished_at="2021-04-28 19:40:00 UTC")), "failed", "finished_at"),
        ({"object_kind": "pipeline"}, "failed", "object_attributes"),
        (pipeline() | {"builds": 7}, "failed", "not one of gitlab"),
    ],
)
def test_what_is_not_a_deployment_says_why(body: Any, outcome: str, reason: str) -> None:
    found = meaning(body)

    assert found.outcome is Outcome(outcome)
    assert reason in (found.reason or "")


@pytest.mark.parametrize("tier", ["production", "staging", "other", None])
def test_the_tier_of_the_environment_is_taken(tier: str | None) -> None:
    environment = {"name": "eu-west", "action": "start", "deployment_tier": tier}
    for body in (
        deployment(environment="eu-west", environment_tier=tier),
        pipeline(job(environment=environment)),
    ):
        shown = [(each.name, each.production) for each in meaning(body).environments]
        assert shown == ([("eu-west", True)] if tier == "production" else [])


def test_rules_name_and_leave_out() -> None:
    rules: dict[str, Any] = {
        "service": "{project.path_with_namespace}",
        "services": {"root-test-deployment-webhooks": "shop"},
        "environments": {"review/*": None},
    }
    ((report, _),) = meaning(deployment(), **rules).deployments
    assert (report.service, report.environment) == ("shop", "staging")
    body = deployment(environment="review/fix-login")
    assert meaning(body, **rules).outcome is Outcome.NOT_OURS


def test_a_job_that_the_rules_leave_out_says_nothing_of_the_others() -> None:
    review = job(environment={"name": "review/fix-login", "action": "start"})
    rules: dict[str, Any] = {"environments": {"review/*": None}}
    for jobs in ([review, job(number=797)], [job(), {**review, "id": 797}]):
        ((report, _),) = meaning(pipeline(*jobs), **rules).deployments
        assert report.environment == "staging"
    alone = meaning(pipeline(review), **rules)
    assert (alone.outcome, alone.reason) == (
        Outcome.NOT_OURS,
        "The rules leave out the environment review-fix-login.",
    )


def test_a_deployment_made_by_the_api_of_gitlab_has_no_job() -> None:
    ((report, _),) = meaning(deployment(deployable_id=None, deployable_url=None)).deployments

    assert report.external_id == f"10.126.0.2/30/deployments/15/{SERVICE}/staging"


def send(client: FlaskClient, body: dict[str, Any], token: str = SECRET) -> Any:
    headers = {"Authorization": "", "X-Gitlab-Token": token, "X-Gitlab-Event": "A Hook"}
    return client.post(URL, json=body, headers=headers)


def test_repeated_and_in_any_order_they_are_one_deployment(sqlite_client: FlaskClient) -> None:
    story = [
        deployment("running", 45),
        pipeline(job("running")),
        deployment("success"),
        pipeline(job()),
    ]
    for number, order in enumerate(permutations(story)):
        for body in order[:2] + order:
            renamed = {**PROJECT, "id": number, "path_with_namespace": f"acme/shop-{number}"}
            assert send(sqlite_client, {**body, "project": renamed}).status_code in (200, 202)

    found = items(sqlite_client, "deployments?limit=200")
    assert len(found) == 24
    times = ("status", "started_at", "finished_at")
    ended = ("succeeded", "2021-04-28T19:45:00Z", "2021-04-28T19:50:00Z")
    assert {tuple(each[name] for name in times) for each in found} == {ended}


def test_a_job_that_stops_the_environment_ends_its_cell(client: FlaskClient) -> None:
    review = {"name": "review/fix-login", "action": "start"}
    assert send(client, pipeline(job(environment=review))).status_code == 202
    assert len(json_of(client.get("/api/v1/matrix"))["cells"]) == 1
    stop = job("failed", 797, environment={**review, "action": "stop"})
    assert send(client, pipeline(stop)).status_code == 204

    again = job("success", 798, environment={**review, "action": "stop"})
    assert send(client, pipeline(again)).status_code == 202

    assert json_of(client.get("/api/v1/matrix"))["cells"] == []
    assert len(items(client, "deployments")) == 1


@pytest.mark.parametrize("token", ["", "another secret altogether", SECRET[:-1], "ü"])
def test_whoever_knows_no_secret_is_refused(client: FlaskClient, token: str) -> None:
    problem(send(client, deployment(), token), 401)
    assert items(client, "events") == []
    assert send(client, deployment(), OLD_SECRET).status_code == 202


def test_the_secret_is_not_kept(client: FlaskClient) -> None:
    where = send(client, deployment()).headers["Location"]

    assert SECRET not in json.dumps(json_of(client.get(where)))
