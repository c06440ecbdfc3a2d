"""Whatever is sent, the answer is what the description of the API says: schemathesis tries to show
otherwise. `HYPOTHESIS_PROFILE=long` lets it try for longer."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import settings
from schemathesis import Case, GenerationMode
from schemathesis.core import NOT_SET
from schemathesis.core.parameters import ParameterLocation
from schemathesis.pytest.plugin import SchemathesisFunction
from schemathesis.specs.openapi.checks import ignored_auth

from api import demo
from api.app import create_app
from api.domain.deployments.model import Status
from api.domain.kit.times import now
from tests.api.conftest import ADMIN_TOKEN, bearer

FOLDER = tempfile.TemporaryDirectory()
TOKEN_FILE = Path(FOLDER.name) / "admin-token"
TOKEN_FILE.write_text(ADMIN_TOKEN)
app = create_app(
    {
        "DATA_DIR": Path(FOLDER.name),
        "LOG_LEVEL": "error",
        "ADMIN_TOKEN_FILE": TOKEN_FILE,
        # It also tries wrong tokens, and many.
        "RATE_LIMIT": "1000000 per minute",
        "AUTH_FAILURE_LIMIT": "1000000 per minute",
    }
)
schema = schemathesis.openapi.from_wsgi("/openapi.json", app)

PAST = "2026-03-01T12:00:00Z"
LATER = "2026-04-01T12:00:00Z"
FUTURE = "2999-03-01T12:00:00Z"
TIMES = {
    *("at", "from", "to", "started_at", "finished_at"),
    *("detected_at", "resolved_at", "committed_at", "declared_at"),
}
BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/ci", "ce-type": "com.example.other"}
OPEN = {status for status in Status if not status.terminal}


@pytest.fixture(scope="module", autouse=True)
def history() -> None:
    """Record the demo history: only where the tests run, not wherever they are collected."""
    with app.extensions["database"].write() as connection:
        demo.record(connection, demo.history(now()))


@schema.parametrize()
def test_every_answer_is_described(case: Case[Any]) -> None:
    assert case.meta is not None
    if case.meta.generation.mode is GenerationMode.POSITIVE:
        obey(case)
    header = case.meta.components.get(ParameterLocation.HEADER)
    # What is wrong with a request may be its token.
    wrong = header is not None and header.mode is GenerationMode.NEGATIVE
    # test_auth.py holds of every route that it wants a token: asked of each answer, it is two
    # requests more.
    case.call_and_validate(
        headers={} if wrong else bearer(ADMIN_TOKEN), excluded_checks=[ignored_auth]
    )


def test_every_operation_is_tried_by_the_profile_in_force(request: pytest.FixtureRequest) -> None:
    told = [
        item.obj._hypothesis_internal_use_settings
        for item in request.session.items
        if isinstance(item, SchemathesisFunction)
    ]
    for name in ("database", "deadline", "derandomize", "max_examples", "suppress_health_check"):
        assert all(getattr(each, name) == getattr(settings.default, name) for each in told), name


def obey(case: Case[Any]) -> None:
    """Bring valid data within the rules that a JSON schema has no words for.

    Times are past, expiries to come, ends come after beginnings, services and environments exist;
    cursors, ETags, keys, ids of deployments and base64 are none that were made up, nor is where to
    send notifications. An event in binary mode has its attributes in headers.
    """
    query = dict(case.query or {})
    query.pop("cursor", None)
    query |= {name: LATER if name == "to" else PAST for name in TIMES & query.keys()}
    if case.path.endswith("/promotions/pending"):
        query |= {"from": "dev", "to": "prod"}
    if case.path.startswith("/api/v1/metrics/dora"):
        known = {"service": "checkout", "environment": "prod"}
        query |= {name: known[name] for name in known.keys() & query.keys()}
    case.query = query
    for made_up in ("If-Match", "If-None-Match", "Idempotency-Key"):
        case.headers.pop(made_up, None)
    binary = case.media_type == "application/json" or case.body is NOT_SET
    if case.path.startswith("/api/v1/cloudevents") and binary:
        case.headers.update(BINARY)
    body = sensible(case.body)
    if body != case.body:  # what is set is judged anew, and no body at all then counts as wrong
        case.body = body


def sensible(value: Any) -> Any:
    if isinstance(value, list):
        return [sensible(each) for each in value]
    if not isinstance(value, dict):
        return value
    told: dict[str, Any] = {
        name: PAST if name in TIMES and each else sensible(each)
        for name, each in value.items()
        if name not in ("deployment_id", "data_base64")
    }
    if told.get("expires_at"):
        told["expires_at"] = FUTURE
    # A payload of somebody else may have any value under these names.
    if isinstance(told.get("scopes"), list):  # each source exists
        told["scopes"] = [
            str(scope).partition(":")[0].replace("ingest", "ingest:github")
            for scope in told["scopes"]
        ]
    if {"url", "types"} <= told.keys():
        told["url"] = "https://chat.example.com/hooks/releases"
    status = told.get("status")
    if isinstance(status, str) and status in OPEN:
        told.pop("finished_at", None)
    if isinstance(told.get("services"), dict):  # each names a release
        told["services"] = {
            name: {**each, "version": each.get("version") or "1.4.2"}
            if isinstance(each, dict)
            else each
            for name, each in told["services"].items()
        }
    return told
