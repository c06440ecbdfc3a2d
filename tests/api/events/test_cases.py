"""What senders really have: each case is sent as its sender does, and adds up to what it should."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.domain.events.adapters import ADAPTERS
from api.domain.events.signatures import sign
from tests.api.conftest import NewApp, json_of
from tests.api.events.payloads import SECRET
from tests.api.events.test_inbox import items

CASES = Path(__file__).parent / "cases"
# Of each deployment, in the order of their starts: version, kind, status, and when it ended.
EXPECTED: dict[str, list[tuple[str, str, str, str | None]]] = {
    "01a-late-degraded-flat": [
        ("1" * 40, "rollout", "succeeded", "2026-11-10T10:00:30Z"),
        ("2" * 40, "rollout", "succeeded", "2026-11-20T10:00:30Z"),
    ],
    "02-degraded-before-the-sync": [
        ("1.0.0", "rollout", "succeeded", "2026-11-20T10:00:40Z"),
        ("1.1.0", "rollout", "succeeded", "2026-11-21T10:00:30Z"),
        ("1.2.0", "rollout", "succeeded", "2026-11-22T10:00:30Z"),
    ],
    "03b-canary-aborted-after-90-minutes": [
        ("1.1.0", "rollout", "failed", "2026-11-20T11:30:00Z"),
    ],
    "04-helmrelease-values-only": [
        ("1.16.0", "rollout", "succeeded", "2026-11-20T10:00:00Z"),
        ("1.16.0", "rollout", "succeeded", "2026-11-21T10:00:00Z"),
        ("1.16.0", "rollout", "failed", "2026-11-22T10:00:00Z"),
        ("1.16.0", "rollout", "failed", "2026-11-22T12:00:00Z"),
    ],
    "05-v-prefix": [
        ("1.2.3", "rollout", "succeeded", "2026-11-20T10:01:00Z"),
    ],
    "06-branch-like-a-tag": [
        ("1" * 40, "rollout", "succeeded", "2026-11-20T10:01:00Z"),
        ("2" * 40, "rollout", "succeeded", "2026-11-21T10:01:00Z"),
    ],
    "07-status-moves-environment": [
        ("9" * 40, "rollout", "succeeded", "2026-11-20T10:01:00Z"),
        ("9" * 40, "rollout", "succeeded", "2026-11-20T10:30:00Z"),
    ],
    "08-github-cancelled": [
        ("9" * 40, "rollout", "cancelled", "2026-11-20T10:03:00Z"),
    ],
    "14-flux-monorepo": [
        ("1.4.2", "rollout", "succeeded", "2026-11-20T10:00:00Z"),
        ("1.4.2", "resync", "succeeded", "2026-11-21T10:00:00Z"),
        ("1.4.2", "resync", "succeeded", "2026-11-22T10:00:00Z"),
        ("1.4.2", "resync", "succeeded", "2026-11-23T10:00:00Z"),
    ],
}


class Case:
    """A case: the rules of the ledger, and the requests that come to it."""

    def __init__(self, name: str) -> None:
        content = json.loads((CASES / f"{name}.json").read_text())
        self.rules: str | None = content["rules"]
        self.steps: list[dict[str, Any]] = content["steps"]

    def send(self, client: FlaskClient, *, backwards: bool = False) -> list[TestResponse]:
        """Send all steps, and return the answers in the order of the steps."""
        steps = [*reversed(self.steps)] if backwards else self.steps
        answers = [_send(client, step) for step in steps]
        return answers[::-1] if backwards else answers


def _send(client: FlaskClient, step: dict[str, Any]) -> TestResponse:
    """Send a step; who signs needs no token."""
    raw = json.dumps(step["body"]).encode()
    headers = {"Content-Type": "application/json", **step.get("headers", {})}
    source = step["path"].removeprefix("/api/v1/webhooks/")
    signature = ADAPTERS[source].signature if source in ADAPTERS else None
    if signature:
        headers |= {signature: f"sha256={sign(SECRET, raw)}", "Authorization": ""}
    return client.post(step["path"], data=raw, headers=headers)


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


@pytest.fixture
def ledger(
    case: Case, new_app: NewApp, tmp_path: Path, migrated_folder: Path, secret_file: Path
) -> FlaskClient:
    """Return a client of a ledger with the rules of the case."""
    shutil.copytree(migrated_folder, tmp_path, dirs_exist_ok=True)
    settings: dict[str, object] = {
        "DATA_DIR": tmp_path,
        "WEBHOOK_FLUX_SECRET_FILE": secret_file,
        "WEBHOOK_GITHUB_SECRET_FILE": secret_file,
    }
    if case.rules is not None:
        settings["EVENT_RULES_FILE"] = tmp_path / "rules.yaml"
        (tmp_path / "rules.yaml").write_text(case.rules)
    return new_app(**settings).test_client()


def deployments(client: FlaskClient) -> list[dict[str, Any]]:
    """Return the deployments, the one that began first at the start."""
    return sorted(
        items(client, "deployments"),
        key=lambda each: (each["started_at"], each["finished_at"] or ""),
    )


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(("case", "expected"), EXPECTED.items(), indirect=["case"])
def test_a_case_adds_up_to_what_it_should(
    case: Case,
    ledger: FlaskClient,
    expected: list[tuple[str, str, str, str | None]],
    backwards: bool,
) -> None:
    assert all(answer.status_code < 300 for answer in case.send(ledger, backwards=backwards))

    fields = ("version", "kind", "status", "finished_at")
    assert [tuple(each[name] for name in fields) for each in deployments(ledger)] == expected


@pytest.mark.parametrize("case", ["01a-late-degraded-flat"], indirect=True)
def test_what_degrades_much_later_still_runs(case: Case, ledger: FlaskClient) -> None:
    case.send(ledger)

    (cell,) = json_of(ledger.get("/api/v1/matrix"))["cells"]
    assert cell["version"] == "2" * 40


@pytest.mark.parametrize("case", ["07-status-moves-environment"], indirect=True)
def test_a_status_moves_a_deployment_to_another_environment(
    case: Case, ledger: FlaskClient
) -> None:
    case.send(ledger)

    told = [(each["environment"], each["status"]) for each in deployments(ledger)]
    assert told == [("staging", "succeeded"), ("production", "succeeded")]


@pytest.mark.parametrize("case", ["10-images-as-go-prints-them"], indirect=True)
def test_images_as_go_prints_them(case: Case, ledger: FlaskClient) -> None:
    case.send(ledger)

    digest = "sha256:" + "4" * 64
    told = [
        (each["service"], each["version"], each["image_digest"]) for each in deployments(ledger)
    ]
    assert sorted(told, key=str) == [
        ("redis", "7", None),
        ("shop", "1.4.2", None),
        ("shop", "1.4.2", None),
        ("shop", digest.replace(":", "-"), digest),
    ]


@pytest.mark.parametrize("case", ["12-rules-that-never-match"], indirect=True)
def test_rules_match_what_their_writer_meant(case: Case, ledger: FlaskClient) -> None:
    dry_run, _ = case.send(ledger)

    (told,) = json_of(dry_run)["deployments"]
    assert told["environment"] == "prod"
    # Without the label that comes first in the rule.
    assert [each["service"] for each in deployments(ledger)] == ["img"]


@pytest.mark.parametrize("case", ["16-incident-title-redacted"], indirect=True)
def test_a_title_that_only_sounds_like_a_credential_is_told(
    case: Case, ledger: FlaskClient
) -> None:
    (dry_run,) = case.send(ledger)

    (told,) = json_of(dry_run)["incidents"]
    assert told["title"] == "Basic checkout is broken"


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("case", ["13-preview-promotions"], indirect=True)
def test_no_promotion_of_a_preview_is_announced(
    case: Case, ledger: FlaskClient, backwards: bool
) -> None:
    subscription = {"url": "https://hooks.example.com/x", "types": ["promotion.pending"]}
    json_of(ledger.post("/api/v1/subscriptions", json=subscription))
    case.send(ledger, backwards=backwards)

    assert items(ledger, "deliveries") == []
