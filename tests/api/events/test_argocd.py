"""What Argo CD's notifications mean: a table of Applications."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.domain.events.adapter import Received
from api.domain.events.adapters.argocd import ARGOCD
from api.domain.events.interpret import Meaning, Outcome, interpret
from api.domain.events.rules import SourceRules
from api.domain.kit.times import now
from tests.api.conftest import json_of, problem
from tests.api.events.payloads import (
    CHECKOUT,
    COMMIT,
    DIGEST,
    REVISION,
    argocd,
    deliver,
    github,
    healing,
)
from tests.api.events.test_inbox import items

WEBHOOK = "/api/v1/webhooks/argocd"


def meaning(body: dict[str, Any], **rules: Any) -> Meaning:
    made = ARGOCD.rules.model_copy(update=SourceRules(**rules).model_dump(exclude_unset=True))
    return interpret(ARGOCD, {"argocd": made}, Received({}, body, "sha256:0", now()))


def running(*images: str, phase: str = "Succeeded", health: str = "Healthy") -> dict[str, Any]:
    """Return an Application of an Argo CD that does not say what a sync has applied."""
    return argocd(phase, health, images=[], status={"summary": {"images": [*images]}})


def test_a_sync_is_a_deployment() -> None:
    ((report, sequence),) = meaning(argocd()).deployments

    assert (report.service, report.environment) == ("checkout", "prod")
    assert (report.version, report.image_digest) == ("1.4.2", DIGEST)
    assert (report.config_revision, report.commit) == (REVISION, None)
    assert (report.source, report.external_id) == ("argocd", "0c5f/2026-03-01T12:00:00Z/checkout")
    assert report.model_dump(mode="json")["started_at"] == "2026-03-01T12:00:00Z"
    assert report.model_dump(mode="json")["finished_at"] == "2026-03-01T12:00:40Z"
    assert [link.title for link in report.links] == ["argocd"]
    assert sequence == 7


@pytest.mark.parametrize("version", ["0", "07", "a7", "", "9" * 19, 7, None])
def test_a_resource_version_that_is_none_is_left_out(version: Any) -> None:
    ((report, sequence),) = meaning(argocd(resource_version=version)).deployments

    assert (report.status, sequence) == ("succeeded", None)


@pytest.mark.parametrize(
    ("phase", "health", "status"),
    [
        ("Running", "Healthy", "running"),  # of what ran before
        ("Terminating", "Degraded", "running"),
        ("Succeeded", "Healthy", "succeeded"),
        ("Succeeded", "Progressing", "running"),
        ("Succeeded", "Missing", "running"),
        ("Succeeded", "Suspended", "running"),
        ("Succeeded", "Degraded", "failed"),
        ("Failed", "Healthy", "failed"),
        ("Error", "Progressing", "failed"),
    ],
)
def test_a_sync_ends_when_what_it_changed_is_healthy(phase: str, health: str, status: str) -> None:
    ((report, _),) = meaning(argocd(phase, health)).deployments

    assert report.status == status
    assert (report.finished_at is None) == (status == "running")


def test_a_sync_that_is_tried_again_has_not_ended() -> None:
    ((report, _),) = meaning(argocd("Running", finishedAt="2026-03-01T12:00:20Z")).deployments

    assert (report.status, report.finished_at) == ("running", None)


def test_health_from_before_the_sync_ended_is_not_looked_at() -> None:
    body = argocd(status={"reconciledAt": "2026-03-01T12:00:29Z"})
    ((report, _),) = meaning(body).deployments

    assert report.status == "running"


@pytest.mark.parametrize(
    ("changed_at", "ended_at"),
    [
        ("2026-02-27T09:00:00Z", "2026-03-01T12:00:30Z"),  # it was healthy all the while
        ("2026-03-01T12:20:00Z", "2026-03-01T12:20:00Z"),
        ("2026-03-01T14:20:00Z", "2026-03-01T14:20:00Z"),  # a canary
        ("2026-03-09T12:00:00Z", "2026-03-01T12:00:30Z"),  # it recovered from something else
        (None, "2026-03-01T12:00:30Z"),
    ],
)
def test_a_deployment_ends_when_it_became_healthy_if_the_sync_can_have_caused_it(
    changed_at: str | None, ended_at: str
) -> None:
    health = {"status": "Healthy", "lastTransitionTime": changed_at}
    ((report, _),) = meaning(argocd(status={"health": health})).deployments

    assert report.model_dump(mode="json")["finished_at"] == ended_at


@pytest.mark.parametrize(
    ("health", "status"),
    [("Degraded", "succeeded"), ("Suspended", "succeeded"), ("Progressing", "running")],
)
def test_health_that_has_not_changed_since_before_the_sync_says_nothing_of_it(
    health: str, status: str
) -> None:
    unchanged = {"status": health, "lastTransitionTime": "2026-03-01T11:59:59Z"}
    ((report, _),) = meaning(argocd(status={"health": unchanged})).deployments

    assert report.status == status


def at_health(health: str, changed_at: str | None, version: str = "7") -> dict[str, Any]:
    changed = {"status": health, "lastTransitionTime": changed_at}
    return argocd(resource_version=version, status={"health": changed})


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    ("said", "status", "ended_at"),
    [
        # What degrades long after it had settled is an incident; so is its recovery.
        (
            [
                at_health("Healthy", "2026-03-01T12:00:40Z"),
                at_health("Degraded", "2026-03-01T14:00:00Z"),
                at_health("Healthy", "2026-03-01T14:10:00Z"),
            ],
            "succeeded",
            "2026-03-01T12:00:40Z",
        ),
        # Soon after it, it is the deployment's.
        (
            [
                at_health("Healthy", "2026-03-01T12:00:40Z"),
                at_health("Degraded", "2026-03-01T12:30:00Z"),
            ],
            "failed",
            "2026-03-01T12:30:00Z",
        ),
        # A canary is paused, and then promoted or aborted.
        (
            [
                at_health("Suspended", "2026-03-01T12:00:40Z"),
                at_health("Healthy", "2026-03-01T14:00:00Z"),
                at_health("Degraded", "2026-03-03T14:00:00Z"),
            ],
            "succeeded",
            "2026-03-01T14:00:00Z",
        ),
        (
            [
                at_health("Suspended", "2026-03-01T12:00:40Z"),
                at_health("Degraded", "2026-03-01T14:00:00Z"),
            ],
            "failed",
            "2026-03-01T14:00:00Z",
        ),
        # Without a time it may have degraded days later: a success holds, whatever is newer.
        (
            [at_health("Healthy", None, "8"), at_health("Degraded", None, "9")],
            "succeeded",
            "2026-03-01T12:00:30Z",
        ),
        ([at_health("Degraded", None)], "failed", "2026-03-01T12:00:30Z"),
    ],
)
def test_a_deployment_is_what_its_health_settled_at(
    client: FlaskClient,
    said: list[dict[str, Any]],
    status: str,
    ended_at: str,
    backwards: bool,
) -> None:
    for body in reversed(said) if backwards else said:
        send(client, body)

    (deployment,) = items(client, "deployments")
    assert (deployment["status"], deployment["finished_at"]) == (status, ended_at)


def test_what_comes_late_does_not_join_what_was_deployed_meanwhile(client: FlaskClient) -> None:
    send(client, at_health("Healthy", "2026-03-01T12:00:40Z"))
    deliver(
        client,
        github(ref="1.4.2", created_at="2026-03-01T20:00:00Z")
        | {
            "deployment_status": {"id": 1, "state": "success", "created_at": "2026-03-01T20:01:00Z"}
        },
        "a",
    )
    send(client, at_health("Degraded", "2026-03-01T20:30:00Z"))

    assert [each["source"] for each in items(client, "deployments")] == ["github", "argocd"]


@pytest.mark.parametrize(
    ("operation", "actor"),
    [
        ({"automated": True}, None),
        ({"automated": True, "username": "argocd"}, None),
        ({"username": "ada@example.com"}, "ada@example.com"),
        ({}, None),
    ],
)
def test_the_actor_is_the_person_who_began_it(operation: dict[str, Any], actor: str | None) -> None:
    ((report, _),) = meaning(argocd(operation={"initiatedBy": operation})).deployments

    assert report.actor == actor


@pytest.mark.parametrize(
    ("operation", "revision"),
    [
        ({"syncResult": {"revision": "", "revisions": ["ab12", "1.2.3"]}}, "ab12,1.2.3"),
        ({"syncResult": None, "operation": {"sync": {"revision": "cd34"}}}, "cd34"),
        ({"syncResult": {}}, None),
    ],
)
def test_the_revision_is_the_configuration_that_was_synced(
    operation: dict[str, Any], revision: str | None
) -> None:
    status = {"sync": {"revision": "newer"}, "summary": {"images": [CHECKOUT]}}
    ((report, _),) = meaning(argocd(status=status, **operation)).deployments

    assert (report.config_revision, report.commit) == (revision, None)


def test_many_sources_have_a_revision_that_can_be_stored() -> None:
    body = argocd()
    result = body["app"]["status"]["operationState"]["syncResult"]
    result["revisions"] = [f"{number:040}" for number in range(9)]
    ((report, _),) = meaning(body).deployments

    assert report.config_revision is not None
    assert report.config_revision.startswith("sha256:")


def test_a_template_may_tell_the_commit_of_the_application() -> None:
    ((report, _),) = meaning(argocd() | {"application_commit": COMMIT}).deployments

    assert (report.commit, report.config_revision) == (COMMIT, REVISION)


def test_each_image_is_a_service_unless_the_rules_leave_it_out() -> None:
    body = argocd(images=[CHECKOUT, "docker.io/library/redis:7", "redis:7@sha256:bad"])
    body["app"]["status"]["operationState"]["syncResult"]["resources"].append(
        {"kind": "Deployment", "status": "Pruned", "images": ["ghcr.io/acme/gone:1"]}
    )
    found = meaning(body)
    assert found.outcome is Outcome.UNMAPPED
    assert "redis" in str(found.reason)

    body = argocd(images=[CHECKOUT, "localhost:5000/redis"])
    first, second = (
        report for report, _ in meaning(body, version="{image.tag|revision}").deployments
    )
    assert (first.service, first.version) == ("checkout", "1.4.2")
    assert (second.service, second.version) == ("redis", REVISION)
    assert first.external_id != second.external_id

    ((report, _),) = meaning(body, services={"redis": None}).deployments
    assert report.service == "checkout"
    left_out = meaning(body, services={"redis": None, "checkout": None})
    assert left_out.outcome is Outcome.NOT_OURS


@pytest.mark.parametrize(
    ("patterns", "services"),
    [
        (["*"], ["checkout", "envoy", "istio-proxy"]),
        (["ghcr.io/acme/*"], ["checkout"]),
        (["*/checkout", "envoy"], ["checkout", "envoy"]),
        (["ghcr.io/*", "*istio*"], ["checkout", "istio-proxy"]),
        (["ghcr.io/acme"], []),
        ([], []),
    ],
)
def test_a_rule_says_which_images_are_services(patterns: list[str], services: list[str]) -> None:
    sidecars = ["envoy:1.30", "docker.io/istio/istio-proxy:1.24"]
    body = argocd(images=[CHECKOUT, sidecars[0]], status={"summary": {"images": sidecars}})
    found = meaning(body, images=patterns)

    assert [report.service for report, _ in found.deployments] == services
    assert (found.outcome is Outcome.NOT_OURS) == (not services)


def test_what_was_applied_comes_before_what_still_runs() -> None:
    old = "ghcr.io/acme/checkout:1.4.1"
    body = argocd(status={"summary": {"images": [old, CHECKOUT, "envoy:1.30"]}})
    told = {report.service: report.version for report, _ in meaning(body).deployments}

    assert told == {"checkout": "1.4.2", "envoy": "1.30"}


@pytest.mark.parametrize(
    ("body", "outcome", "reason"),
    [
        # An Argo CD that does not say what it has applied.
        (running(CHECKOUT), "projected", ""),
        (running(CHECKOUT, health="Progressing"), "projected", ""),
        (running(CHECKOUT, phase="Running"), "not_ours", "which images"),
        (running(CHECKOUT, "acme/checkout:1", health="Progressing"), "not_ours", "checkout:1.4.2"),
        (running(CHECKOUT, "acme/checkout:1"), "unmapped", "checkout:1.4.2"),
        # What runs is what ran before a sync that has failed.
        (running(CHECKOUT, phase="Failed"), "not_ours", "which images"),
        (running(CHECKOUT, phase="Error"), "not_ours", "which images"),
        # Without images, it is the Application that is deployed.
        (running(), "projected", ""),
        (running(phase="Failed"), "projected", ""),
        (running(health="Progressing"), "not_ours", "which images"),
        # What is no deployment.
        (
            argocd(images=[], operation={"sync": {"resources": [{"kind": "Service"}]}}),
            "not_ours",
            "none of them has an image",
        ),
        (
            argocd(images=[], operation={"sync": {"resources": [{"kind": "Deployment"}]}}),
            "not_ours",
            "none of them has an image",
        ),
        (argocd(status={"operationState": None}), "not_ours", "never"),
        (argocd(operation={"sync": {"dryRun": True}}), "not_ours", "dry run"),
        (
            argocd(
                health="Degraded",
                status={
                    "health": {"status": "Degraded", "lastTransitionTime": "2026-03-09T14:00:00Z"}
                },
            ),
            "not_ours",
            "incident",
        ),
        # What is no Application, or not enough of one.
        ({}, "unmapped", "app"),
        ({"app": {"metadata": {}, "status": []}}, "failed", "not one of argocd"),
        (argocd("Astonished"), "failed", "Astonished"),
        (argocd(startedAt="yesterday"), "failed", "startedAt"),
        (argocd(startedAt=None, finishedAt=None), "unmapped", "startedAt"),
        (argocd(finishedAt=None), "unmapped", "finishedAt"),
        (argocd(images=[7]), "failed", "not one of argocd"),  # type: ignore[list-item]
        (argocd() | {"application_commit": "main"}, "failed", "commit"),
    ],
)
def test_what_an_event_says_or_why_it_says_nothing(
    body: dict[str, Any], outcome: str, reason: str
) -> None:
    found = meaning(body)

    assert found.outcome is Outcome(outcome), found
    assert reason in (found.reason or "")


def test_an_application_without_images_has_its_own_name() -> None:
    ((report, _),) = meaning(running()).deployments

    assert (report.service, report.version) == ("checkout-prod", REVISION)


FLAT: list[dict[str, Any]] = [
    {
        "app": "checkout",
        "namespace": "prod",
        "phase": "Succeeded",
        "healthStatus": "Healthy",
        "revision": REVISION,
        "startedAt": "2026-03-01T12:00:00Z",
        "finishedAt": "2026-03-01T12:00:30Z",
        "initiated_by": "<no value>",
    },
    {
        "application": {"name": "checkout", "namespace": "prod"},
        "sync": {"status": "Synced", "revision": REVISION},
        "health": {"status": "Healthy"},
        "operation": {
            "phase": "Succeeded",
            "startedAt": "2026-03-01T12:00:00Z",
            "finishedAt": "2026-03-01T12:00:30Z",
        },
    },
    {
        "appName": "checkout",
        "environment": "prod",
        "env": "",
        "syncStatus": "Synced",
        "health_status": "Healthy",
        "git_revision": REVISION,
        "started_at": "2026-03-01T12:00:00Z",
        "timestamp": "2026-03-01T12:00:30Z",
    },
    {
        "application": "checkout",
        "destination_namespace": "prod",
        "status": "Succeeded",
        "commit": REVISION,
        "started_at": "2026-03-01T12:00:00Z",
        "finished_at": "2026-03-01T12:00:30Z",
        "automated": "true",
        "user": "argocd",
        "project": "acme",
    },
]


@pytest.mark.parametrize("body", FLAT)
def test_fields_at_the_top_level_say_the_same(body: dict[str, Any]) -> None:
    ((report, _),) = meaning(body).deployments

    assert report.model_dump(mode="json", exclude={"source", "external_id"}) == {
        "service": "checkout",
        "environment": "prod",
        "version": REVISION,
        "image_digest": None,
        "commit": None,
        "config_revision": REVISION,
        "kind": None,
        "status": "succeeded",
        "started_at": "2026-03-01T12:00:00Z",
        "finished_at": "2026-03-01T12:00:30Z",
        "actor": None,
        "links": [],
    }


def test_healing_tells_of_the_whole_sync_that_it_hides() -> None:
    ((found, _),) = meaning(healing()).deployments
    ((whole, _),) = meaning(argocd(operation={"initiatedBy": {"username": "ada"}})).deployments

    assert found == whole


@pytest.mark.parametrize(
    "body",
    [
        healing(phase="Failed"),
        healing(phase="Running"),
        healing(history=None),
        healing(whole={"revision": COMMIT}),
        healing(whole={"deployStartedAt": None}),
        healing(sync={"status": "OutOfSync"}),
        # The pods of the release before are still there, or none is known yet.
        healing(summary={"images": [CHECKOUT, "ghcr.io/acme/checkout:1.4.1"]}),
        healing(summary={}),
    ],
)
def test_healing_alone_is_no_deployment(body: dict[str, Any]) -> None:
    assert meaning(body).outcome is Outcome.NOT_OURS


def test_healing_what_has_an_image_is_a_deployment_of_its_own() -> None:
    ((report, _),) = meaning(healing(images=[CHECKOUT])).deployments

    assert report.external_id == "0c5f/2026-03-01T12:01:00Z/checkout"


@pytest.mark.parametrize("told", [[argocd()], []])
def test_a_sync_is_known_once_whether_healing_hides_it_or_not(
    client: FlaskClient, told: list[dict[str, Any]]
) -> None:
    for body in [*told, healing(), healing()]:
        assert send(client, body) in (200, 202)

    (deployment,) = items(client, "deployments")
    assert (deployment["kind"], deployment["status"]) == ("rollout", "succeeded")
    assert deployment["started_at"] == "2026-03-01T12:00:00Z"


def test_fields_at_the_top_level_may_have_images_and_names() -> None:
    body = FLAT[0] | {"images": [CHECKOUT], "user": "ada", "service": "shop"}
    ((report, _),) = meaning(body).deployments

    assert (report.service, report.version) == ("shop", "1.4.2")
    assert (report.image_digest, report.actor) == (DIGEST, "ada")
    assert meaning(FLAT[0] | {"phase": "Running"}).outcome is Outcome.NOT_OURS
    assert meaning({**FLAT[0], "phase": None}).outcome is Outcome.UNMAPPED


@pytest.mark.parametrize("revisions", ["[aaaaaaa bbbbbbb]", ["aaaaaaa", "bbbbbbb"]])
def test_fields_at_the_top_level_may_have_several_revisions(revisions: Any) -> None:
    body = {"app": "checkout", "namespace": "prod", "phase": "Succeeded", "revisions": revisions}
    body |= {"finishedAt": "2026-03-01T12:00:30Z", "images": "checkout:1.4.2"}
    ((report, _),) = meaning(body).deployments

    assert (report.version, report.config_revision) == ("1.4.2", "aaaaaaa,bbbbbbb")


def send(client: FlaskClient, body: dict[str, Any]) -> int:
    return client.post(WEBHOOK, json=body).status_code


def test_only_its_own_token_opens_it(client: FlaskClient) -> None:
    def bearer(scope: str) -> dict[str, str]:
        body = {"name": scope.replace(":", "-"), "scopes": [scope]}
        made = client.post("/api/v1/tokens", json=body)
        return {"Authorization": f"Bearer {json_of(made)['token']}"}

    answers = [
        client.post(WEBHOOK, json=argocd(), headers=headers).status_code
        for headers in ({"Authorization": ""}, bearer("ingest:github"), bearer("ingest:argocd"))
    ]
    assert answers == [401, 403, 202]
    problem(client.post(WEBHOOK, json=argocd(), headers={"Authorization": ""}), 401)


def test_a_notification_again_changes_nothing_and_a_sync_again_is_a_resync(
    client: FlaskClient,
) -> None:
    for body in (argocd("Running"), argocd(health="Progressing"), argocd(), argocd("Running")):
        send(client, body)
    assert send(client, argocd()) == 200
    assert send(client, argocd(minute=30)) == 202

    second, first = items(client, "deployments")
    assert (first["kind"], first["status"]) == ("rollout", "succeeded")
    assert (second["kind"], second["status"]) == ("resync", "succeeded")


@pytest.mark.parametrize("turns", list(itertools.permutations(range(3))))
@pytest.mark.parametrize(
    ("last", "status"), [("Healthy", "succeeded"), ("Degraded", "failed"), ("Suspended", "failed")]
)
def test_of_states_in_the_second_in_which_the_sync_ended_the_newest_holds(
    sqlite_client: FlaskClient, turns: tuple[int, ...], last: str, status: str
) -> None:
    at_its_end = "2026-03-01T12:00:30Z"

    def state(health: str, version: str) -> dict[str, Any]:
        changed = {"status": health, "lastTransitionTime": at_its_end}
        return argocd(
            resource_version=version, status={"health": changed, "reconciledAt": at_its_end}
        )

    said = [state("Healthy", "8"), state("Degraded", "9"), state(last, "10")]
    for turn in turns:
        send(sqlite_client, said[turn])

    (deployment,) = items(sqlite_client, "deployments")
    assert (deployment["status"], deployment["finished_at"]) == (status, at_its_end)


def test_a_rollback_to_a_revision_already_seen_is_one(client: FlaskClient) -> None:
    newer = f"ghcr.io/acme/checkout:1.4.3@sha256:{'5e' * 32}"
    send(client, argocd())
    send(client, argocd(health="Degraded", minute=10, images=[newer]))
    by_hand = {"initiatedBy": {"username": "ada"}}
    send(client, argocd(minute=20, operation=by_hand))

    back, bad, _ = items(client, "deployments")
    assert (bad["kind"], bad["status"], bad["version"]) == ("rollout", "failed", "1.4.3")
    assert (back["kind"], back["status"], back["version"]) == ("rollback", "succeeded", "1.4.2")
    assert back["actor"] == "ada"


def test_github_and_argocd_tell_of_one_deployment(client: FlaskClient) -> None:
    deliver(client, github("in_progress", 1, ref="v1.4.2"), "a")
    deliver(client, github("success", 2, payload={"version": "1.4.2"}), "b")
    send(client, argocd())

    (deployment,) = items(client, "deployments")
    assert deployment["source"] == "argocd"
    assert deployment["image_digest"] == DIGEST
    assert (deployment["commit"], deployment["actor"]) == (COMMIT, "ada")
    evidence = json_of(client.get(f"/api/v1/deployments/{deployment['id']}/evidence"))
    assert {each["source"] for each in evidence["items"]} == {"github", "argocd"}
