"""What Argo Rollouts' notifications mean, by the template that the documents have."""

from __future__ import annotations

import json
import re
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.domain.events.adapter import Received
from api.domain.events.adapters.argorollouts import ARGOROLLOUTS, REASONS
from api.domain.events.interpret import Meaning, Outcome, interpret
from api.domain.events.rules import SourceRules
from api.domain.kit.times import now
from tests.api.conftest import json_of
from tests.api.events.payloads import DIGEST
from tests.api.events.test_inbox import items

URL = "/api/v1/webhooks/argorollouts"
DOCUMENT = Path(__file__).parents[3] / "docs/events.md"
CHECKOUT = f"ghcr.io/acme/checkout:1.4.2@{DIGEST}"


def rollout(
    reason: str = "RolloutCompleted",
    minute: int = 9,
    revision: str = "2",
    images: tuple[Any, ...] = (CHECKOUT,),
    **changed: Any,
) -> dict[str, Any]:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return {
        "reason": reason,
        "at": f"2026-03-01T12:{minute:02}:00.250Z",
        "rollout": {
            "metadata": {
                "name": "checkout",
                "namespace": "prod",
                "uid": "d1e7",
                "labels": {"app": "checkout"},
                "annotations": {"rollout.argoproj.io/revision": revision},
            },
            "spec": {"template": {"spec": {"containers": containers}}},
        },
        **changed,
    }


def meaning(body: Any, **rules: Any) -> Meaning:
    made = ARGOROLLOUTS.rules.model_copy(update=SourceRules(**rules).model_dump(exclude_unset=True))
    return interpret(ARGOROLLOUTS, {"argorollouts": made}, Received({}, body, "sha256:0", now()))


@pytest.mark.parametrize("reason", REASONS)
def test_steps_are_progress_and_an_abort_is_a_failure(reason: str) -> None:
    ((report, _),) = meaning(rollout(reason)).deployments

    status = {"RolloutCompleted": "succeeded", "RolloutAborted": "failed"}.get(reason, "running")
    assert report.status == status
    assert (report.service, report.environment, report.version) == ("checkout", "prod", "1.4.2")
    assert (report.image_digest, report.external_id) == (DIGEST, "d1e7/2/checkout")
    assert (report.finished_at is None) == (status == "running")


@pytest.mark.parametrize(
    ("body", "outcome", "reason"),
    [
        (rollout("AnalysisRunFailed"), "not_ours", "AnalysisRunFailed"),
        (rollout(images=()), "unmapped", "workloadRef"),
        (rollout(images=("a/web:1", "b/web:1")), "unmapped", "Several images"),
        (rollout(images=tuple(f"a/{number}" for number in range(101))), "unmapped", "more than"),
        (rollout(images=("checkout",)), "unmapped", "version"),
        (rollout(images=(7,)), "failed", "not one of argorollouts"),
        (rollout(revision="first"), "failed", "first"),
        (rollout(at="now"), "failed", "RFC 3339"),
        (rollout(at=None), "failed", "RFC 3339"),
        (rollout(rollout={}), "failed", "metadata"),
        ({}, "failed", "reason"),
    ],
)
def test_what_is_not_a_deployment_says_why(body: Any, outcome: str, reason: str) -> None:
    found = meaning(body)

    assert found.outcome is Outcome(outcome)
    assert reason in (found.reason or "")


def test_rules_leave_out_what_runs_beside_a_service() -> None:
    body = rollout(images=(CHECKOUT, "envoyproxy/envoy:v1.30"))

    assert len(meaning(body).deployments) == 2
    ((report, _),) = meaning(body, services={"envoy": None}).deployments
    assert report.service == "checkout"
    left_out = meaning(body, services={"*": None})
    assert left_out.outcome is Outcome.NOT_OURS


@pytest.mark.parametrize(
    ("end", "status"), [("RolloutCompleted", "succeeded"), ("RolloutAborted", "failed")]
)
def test_a_canary_is_one_deployment_in_whatever_order_it_is_told(
    sqlite_client: FlaskClient, end: str, status: str
) -> None:
    story = [
        rollout("RolloutUpdated", 1),
        rollout("RolloutPaused", 3),
        rollout("RolloutStepCompleted", 5),
        rollout(end),
    ]
    for number, order in enumerate(permutations(story)):
        place = {"uid": f"u{number}", "namespace": f"n{number}"}
        metadata = {**story[0]["rollout"]["metadata"], **place}
        for body in (*order[:2], *order):
            sent = {**body, "rollout": {**body["rollout"], "metadata": metadata}}
            assert sqlite_client.post(URL, json=sent).status_code in (200, 202)

    found = items(sqlite_client, "deployments?limit=200")
    assert len(found) == 24
    ended = [(each["status"], each["started_at"], each["finished_at"]) for each in found]
    assert set(ended) == {(status, "2026-03-01T12:01:00.250000Z", "2026-03-01T12:09:00.250000Z")}


def test_the_template_of_the_documents_is_what_is_read(sqlite_client: FlaskClient) -> None:
    """Fill in the template as Go would, without a template engine: each action by its value."""
    template = re.compile(r"template\.slipway-completed: \|\n(.*?)\n\n", re.DOTALL)
    found = template.search(DOCUMENT.read_text())
    assert found is not None
    body = found[1].partition("body: |\n")[2]
    filled = rollout()
    metadata = filled["rollout"]["metadata"]
    containers = json.dumps(filled["rollout"]["spec"]["template"]["spec"]["containers"])
    values = {
        '(call .time.Now).UTC.Format "2006-01-02T15:04:05.000Z07:00"': filled["at"],
        'index .rollout.metadata.annotations "rollout.argoproj.io/revision" | toJson': '"2"',
        **{f"toJson .rollout.metadata.{name}": json.dumps(metadata[name]) for name in metadata},
    }
    body = re.sub(r"\[\{\{range .*\{\{end\}\}\]", lambda _: containers, body)
    text = re.sub(r"\{\{(.*?)\}\}", lambda action: str(values[action[1]]), body)

    told = json_of(sqlite_client.post(f"{URL}/dry-run", json=json.loads(text)))
    assert [each["external_id"] for each in told["deployments"]] == ["d1e7/2/checkout"]
