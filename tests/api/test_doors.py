"""What one door accepts, every other one can tell, replay, and move to the other database."""

from __future__ import annotations

import base64
import copy
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from api.domain.events.cloudevents import BATCH, STRUCTURED
from api.domain.kit.strictjson import MAX_DEPTH
from tests import postgresql, sqlite
from tests.api.conftest import NewApp, json_of
from tests.api.events.payloads import argocd, cdevent, flux, github
from tests.api.events.test_argorollouts import rollout
from tests.api.events.test_flagger import canary
from tests.api.events.test_gitlab import deployment as gitlab
from tests.api.events.test_gitlab import job, pipeline
from tests.api.transfer import exported, imported, run

# Of all pairs of a place and a value, one in so many is sent: a prime, so that all of both are.
STRIDE = 7 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 211
# Where a value stands in the JSON text.
RAW = "a number that Python cannot write"


def nested(depth: int) -> Any:
    value: Any = 1
    for number in range(depth):
        value = [value] if number % 2 else {"a": value}
    return value


VALUES: list[Any] = [
    *("a\x00b", "a\x1fb", "a\x7fb\x9f", "a\nb", "\ud800", "a\udfffb", "\u2028\ufeff", "\U0001f600"),
    *("", " ", "x" * 64, "x" * 300, "x" * 70_000, "__proto__", "../..", "%00", "<no value>", "NaN"),
    *(None, True, 0, -1, 2**31, 2**63, 2**64, 10**300, 0.5, -0.0, 1e308, RAW),
    *([], {}, [None], [[]], {"": ""}, {"__proto__": {"x": 1}}, {"a\x00": "b"}, {"x" * 3000: 1}),
    *(nested(30), nested(MAX_DEPTH - 10), nested(MAX_DEPTH + 1), nested(256), nested(900)),
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00-14:00"),
    *("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999999+14:00"),
    *("1970-01-01T00:00:00Z", "1970-01-01T00:00:00+14:00", "1970-01-01T00:00:00-14:00"),
    *("99999999999999999999", "-62135596800000", "253402300799999", "1" * 400),
    *("1969-12-31T23:59:59Z", "2026-03-01T12:00:00.123456789+05:30", "2026-02-30T12:00:00Z"),
]
FLUX, ARGOCD = "/api/v1/webhooks/flux", "/api/v1/webhooks/argocd"
GITLAB, FLAGGER = "/api/v1/webhooks/gitlab", "/api/v1/webhooks/flagger"
ROLLOUTS = "/api/v1/webhooks/argorollouts"
GITHUB, CLOUDEVENTS = "/api/v1/webhooks/github", "/api/v1/cloudevents"
INCIDENT = cdevent(
    "incident.detected", id="i", environment={"id": "prod"}, service={"id": "checkout"}
)
# A body for each way in.
DOORS: list[tuple[str, str, str, Any]] = [
    ("POST", FLUX, "", flux(revision="1.2.0@sha256:" + "a" * 64)),
    ("POST", FLUX, "", flux("HealthCheckFailed", 5)),
    ("POST", FLUX, "", flux("UpgradeSucceeded", 9, kind="HelmRelease", revision="6.5.4")),
    ("POST", ARGOCD, "", argocd()),
    (
        "POST",
        ARGOCD,
        "",
        {
            "app": "checkout",
            "env": "prod",
            "phase": "Succeeded",
            "startedAt": "2026-03-01T12:00:00Z",
            "finishedAt": "2026-03-01T12:01:00Z",
            "images": "[a/checkout:1.4.2]",
            "healthStatus": "Healthy",
        },
    ),
    ("POST", GITLAB, "", gitlab()),
    ("POST", GITLAB, "", pipeline(job())),
    ("POST", FLAGGER, "", canary("Initialized", "Initialization done! podinfo.prod", 0)),
    ("POST", ROLLOUTS, "", rollout()),
    ("POST", GITHUB, "", github()),
    ("POST", CLOUDEVENTS, STRUCTURED, cdevent("service.deployed", id="s")),
    ("POST", CLOUDEVENTS, STRUCTURED, INCIDENT),
    ("POST", CLOUDEVENTS, BATCH, [cdevent("service.upgraded", id="b")]),
    ("POST", CLOUDEVENTS, "binary", cdevent("service.deployed", id="c")["data"]),
    ("POST", CLOUDEVENTS, "base64", cdevent("service.deployed", id="d")),
    (
        "POST",
        "/api/v1/deployments",
        "",
        {
            "service": "checkout",
            "environment": "prod",
            "version": "1.0",
            "commit": "9fceb02",
            "config_revision": "8b13789",
            "kind": "hotfix",
            "status": "failed",
            "started_at": "2026-03-01T12:00:00Z",
            "actor": "ada",
            "finished_at": "2026-03-01T12:01:00Z",
            "source": "ci",
            "external_id": "1",
            "links": [{"title": "run", "url": "https://ci.example.com/1"}],
        },
    ),
    (
        "POST",
        "/api/v1/incidents",
        "",
        {
            "service": "checkout",
            "environment": "prod",
            "title": "Slow",
            "detected_at": "2026-03-01T12:00:00Z",
            "resolved_at": "2026-03-01T13:00:00Z",
            "source": "pager",
            "external_id": "1",
            "links": [],
        },
    ),
    (
        "POST",
        "/api/v1/changes",
        "",
        {
            "service": "checkout",
            "changes": [
                {
                    "commit": "9fceb02",
                    "committed_at": "2026-02-28T12:00:00Z",
                    "author": "ada",
                    "title": "Do it",
                }
            ],
            "version": "1.0",
        },
    ),
    ("PUT", "/api/v1/services/checkout", "", {"owner": "ada", "repository": "https://x.org/y"}),
    ("PUT", "/api/v1/environments/prod", "", {"tier": "production", "promotion_order": 3}),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where each value is, the whole one included, and a place of a new key."""
    yield path
    if isinstance(value, dict):
        yield (*path, "x\x00\u2028")
    for step in (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    ):
        yield from places(value[step], (*path, step))


def replaced(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    body = copy.deepcopy(body)
    at = body
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return body


def sent(client: FlaskClient, door: tuple[str, str, str, Any], body: Any, number: int) -> Any:
    method, url, mode, _ = door
    text = json.dumps(body).replace(json.dumps(RAW), "1e400")
    headers = {"Content-Type": mode if "/" in mode else "application/json"}
    if url == GITHUB:
        headers |= {"X-GitHub-Event": "deployment_status", "X-GitHub-Delivery": f"{number}"}
    if mode == "binary":
        headers |= {"ce-id": f"{number}", "ce-source": "/x", "ce-specversion": "1.0"}
        headers |= {"ce-type": "dev.cdevents.service.deployed.0.3.0"}
    if mode == "base64" and isinstance(body, dict) and "data" in body:
        data = json.dumps(body["data"]).replace(json.dumps(RAW), "1e400")
        encoded = base64.b64encode(data.encode()).decode()
        text = json.dumps({**body, "data": None, "data_base64": encoded})
        headers["Content-Type"] = STRUCTURED
    return client.open(url, method=method, data=text.encode(), headers=headers)


def fill(client: FlaskClient) -> int:
    """Send everything; return how much was accepted."""
    accepted = 0
    pairs = [
        (door, path, value)
        for door in DOORS
        for path, value in itertools.product(places(door[3]), VALUES)
    ]
    for number, (door, path, value) in enumerate(pairs[::STRIDE] + seen_before()):
        body = replaced(door[3], path, value)
        if isinstance(body, dict) and body.get("id") in ("s", "i", "d"):
            body = {**body, "id": f"{number}"}
        answer = sent(client, door, body, number)
        assert answer.status_code < 500, (door[:3], path, str(value)[:80], answer.text)
        accepted += answer.status_code < 300
        if answer.status_code < 300 and (where := answer.headers.get("Location")):
            assert client.get(where).status_code == 200, (door[:3], path, str(value)[:80])
    return accepted


def seen_before() -> list[tuple[Any, ...]]:
    """Return what was once stored and could not be told, moved or replayed."""
    (revised, _, helm, applied, flat, *_) = DOORS
    deployed = next(door for door in DOORS if door[1] == CLOUDEVENTS)
    state = ("app", "status", "operationState")
    return [
        (revised, ("reason",), "Build\x00Failed"),
        (revised, ("metadata", "revision"), "main\x00@sha1:" + "a" * 40),
        (revised, ("timestamp",), "0001-01-01T00:00:00Z"),
        (revised, ("timestamp",), "1970-01-01T00:00:00Z"),
        (revised, ("metadata", "x"), RAW),
        (helm, ("metadata", "service"), "x" * 60),
        (applied, (*state, "syncResult", "resources", 0, "images", 0), "x/a\x00b:1"),
        (applied, (*state, "phase"), "a\x00b"),
        (applied, (*state, "startedAt"), "0001-01-01T00:00:00Z"),
        (applied, (*state, "finishedAt"), "9999-12-31T23:59:59Z"),
        (applied, ("app", "metadata", "x"), nested(256)),
        (flat, ("startedAt",), "0001-01-01T00:00:00Z"),
        (deployed, ("data", "context", "timestamp"), "0001-01-01T00:00:00Z"),
        (deployed, ("data", "customData"), nested(MAX_DEPTH - 3)),
    ]


def listed(client: FlaskClient, name: str) -> list[Any]:
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = json_of(
            client.get(f"/api/v1/{name}?limit=100&cursor={cursor}".removesuffix("&cursor="))
        )
        found += page["items"]
        cursor = page["next_cursor"]
    return found


def walked(app: APIFlask, folder: Path) -> list[dict[str, Any]]:
    """Tell, replay and rebuild everything; return what is exported, before that and after it."""
    client = app.test_client()
    for name in ("deployments", "incidents", "changes", "services", "environments"):
        listed(client, name)
    for event in listed(client, "events"):
        url = f"/api/v1/events/{event['id']}"
        assert json_of(client.get(url))["body"] is not None
        assert client.post(f"{url}/replay").status_code == 202, event
    for name in ("metrics/dora", "metrics/dora/explain", "matrix"):
        assert client.get(f"/api/v1/{name}").status_code == 200, name
    before = exported(app, folder / "before")
    result = run(app, "rebuild")
    assert result.exit_code == 0, result.output
    after = exported(app, folder / "after")
    assert after == before
    return after


@pytest.fixture
def both(
    new_app: NewApp, sqlite_lender: sqlite.Lender, postgresql_lender: postgresql.Lender
) -> Iterator[dict[str, APIFlask]]:
    with sqlite_lender.lend() as one, postgresql_lender.lend() as other:
        yield {"sqlite": new_app(**one), "postgresql": new_app(**other)}


@pytest.mark.parametrize(("first", "second"), [("sqlite", "postgresql"), ("postgresql", "sqlite")])
def test_every_door_agrees_with_every_other(
    both: dict[str, APIFlask], tmp_path: Path, first: str, second: str
) -> None:
    accepted = fill(both[first].test_client())
    assert accepted > 50

    told = walked(both[first], tmp_path)
    imported(both[second], tmp_path / "after")

    assert exported(both[second], tmp_path / "moved") == told
    assert walked(both[second], tmp_path) == told
