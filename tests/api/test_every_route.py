"""What holds for every route, whichever they are: they are asked of the application itself."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask import jsonify
from flask.testing import FlaskClient
from pydantic import BaseModel
from werkzeug.routing import Rule

from api.domain.kit import times
from api.http import bodies
from tests.api.conftest import json_of, problem

API = "/api/v1"
FINISHED = "deployment.finished"
NEEDED = {
    "promotions.list_pending": {"from": "staging", "to": "prod"},
    "pages.explain_insight": {
        "metric": "rework_rate",
        "from": "2026-03-01T12:00:00Z",
        "to": "2026-03-02T12:00:00Z",
    },
}
# What the process counts of itself is another number each time.
COUNTERS = {"metrics"}
# A list by a filter that leaves something of it, and by one that does not.
FILTERS = {
    "services.list_services": [],
    "environments.list_environments": [],
    "tokens.list_tokens": [],
    "deployments.list_deployments": ["service=web", "service=search"],
    "incidents.list_incidents": ["environment=prod", "environment=staging"],
    "changes.list_changes": ["version=1.0.1", "version=1.0.0"],
    "declarations.list_declarations": ["service=web", "environment=prod"],
    "events.list_events": ["source=github", "outcome=failed"],
    "subscriptions.list_subscriptions": [],
    "deletions.list_deletions": [],
    "deliveries.list_deliveries": ["state=waiting", "state=dead"],
    "dora.explain_metrics": ["service=web", "service=search"],
}


@pytest.fixture(scope="module")
def app(shared_app: APIFlask) -> APIFlask:
    return shared_app


@pytest.fixture(scope="module")
def client(app: APIFlask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def ids(client: FlaskClient) -> dict[str, str]:
    """Record three of everything; return what stands for one of it in a path."""
    made: dict[str, str] = {}
    for number in range(3):
        place = {"service": "web", "environment": "prod"}
        at = f"2026-03-0{number + 1}T12:00:00Z"
        change = {"service": "web", "commit": f"{number:07}", "committed_at": at}
        sent: dict[str, dict[str, Any]] = {
            "deployment_id": {**place, "version": f"1.0.{number}", "finished_at": now()},
            "incident_id": {**place, "title": "It is down", "detected_at": at},
            "change_id": {"changes": [{**change, "version": "1.0.1"}]},
            "token_id": {"name": "ci", "scopes": ["read"]},
            "event_id": {"number": number},
            "subscription_id": {"url": f"https://x.org/{number}", "types": [FINISHED]},
        }
        for name, body in sent.items():
            collection = "webhooks/github" if name == "event_id" else f"{name[:-3]}s"
            answer = client.post(f"{API}/{collection}", json=body)
            assert answer.status_code < 300
            location = answer.headers.get("Location")
            made[name] = (location or answer.json["items"][0]["id"]).rpartition("/")[2]  # type: ignore[index]
        release = {"web": {"version": f"1.0.{number}"}}
        told = {"repository": "https://x.org/y", "config_revision": at, "declared_at": at}
        client.put(f"{API}/declarations/prod", json={**told, "services": release})
        for name in ("dev", "staging", "prod"):
            client.put(f"{API}/environments/{name}", json={"tier": "production"})
            client.put(f"{API}/services/{'web' if name == 'prod' else name}", json={})
        client.put(f"{API}/services/old", json={})
        client.delete(f"{API}/services/old")
    # What the later deployments told the earlier subscriptions.
    made["delivery_id"] = json_of(client.get(f"{API}/deliveries"))["items"][0]["id"]
    return made


def now() -> str:
    return datetime.now(UTC).isoformat()


def routes(app: APIFlask, ids: dict[str, str]) -> Iterator[tuple[Rule, str, dict[str, str]]]:
    """Yield each route with a path of it that exists, and the query it needs."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in ("static", "pages.serve_asset"):
            name = "web" if "services" in rule.rule else "prod"
            known = {**ids, "name": name, "service": "web", "environment": "prod"}
            known["operation_id"] = "getMatrix"
            values = {argument: known[argument] for argument in rule.arguments}
            path = app.url_map.bind("").build(rule.endpoint, values)
            yield rule, path, NEEDED.get(rule.endpoint, {})


def test_an_unknown_parameter_is_refused(
    app: APIFlask, client: FlaskClient, ids: dict[str, str]
) -> None:
    for rule, path, query in routes(app, ids):
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            answer = client.open(path, method=method, query_string={**query, "page": "2"}, json={})
            faults = problem(answer, 422)["errors"]
            assert isinstance(faults, list), f"{method} {path}"
            assert "page" in {fault.get("parameter") for fault in faults}, f"{method} {path}"


def test_what_is_the_same_is_not_sent_again(
    app: APIFlask, client: FlaskClient, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Time goes by: half a second with each look at the clock.
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    ticks = itertools.count()
    monkeypatch.setattr(times, "now", lambda: minute + timedelta(seconds=next(ticks) / 2))
    for rule, path, query in routes(app, ids):
        if "GET" in (rule.methods or set()):
            first = client.get(path, query_string=query)
            assert first.status_code == 200, f"{path}: {first.text}"
            assert "no-cache" in first.headers["Cache-Control"], path
            assert client.head(path, query_string=query).data == b""
            if rule.endpoint not in COUNTERS:
                seen = {"If-None-Match": first.headers["ETag"]}
                again = client.get(path, query_string=query, headers=seen)
                assert (again.status_code, again.data) == (304, b""), path
                assert again.headers["ETag"] == first.headers["ETag"]


def test_a_body_is_written_as_its_model_would_be(
    app: APIFlask, client: FlaskClient, ids: dict[str, str]
) -> None:
    """Also where it is made straight from what is stored: the same fields, order and values."""
    compared = set()
    for rule, path, query in routes(app, ids):
        view = app.view_functions[rule.endpoint]
        model = getattr(view, "_spec", {}).get("response", {}).get("schema")
        if (
            isinstance(model, type)
            and issubclass(model, BaseModel)
            and "GET" in (rule.methods or ())
        ):
            body = client.get(path, query_string=query).data
            told = model.model_validate_json(body).model_dump(mode="json", by_alias=True)
            with app.test_request_context():
                assert jsonify(told).data == body, path
            compared.add(rule.endpoint)
    assert compared > {*FILTERS, "deployments.get_deployment", "matrix.get_matrix"}


def test_a_body_is_ascii(app: APIFlask) -> None:
    with app.test_request_context():
        made = bodies.response({"actor": "Zoë 🚀", "state": "in-sync"}, {"Link": "<next>"})

        assert made.data == jsonify(actor="Zoë 🚀", state="in-sync").data
        assert made.data == rb'{"actor":"Zo\u00eb \ud83d\ude80","state":"in-sync"}' + b"\n"
        assert (made.mimetype, made.headers["Link"]) == ("application/json", "<next>")


def lists(app: APIFlask) -> dict[str, str]:
    """Return the path of each list that has pages, by the name of its view."""
    paths = json.loads(app.test_client().get("/openapi.json").text)["paths"]
    return {
        rule.endpoint: rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or set())
        and rule.endpoint != "matrix.get_matrix"  # without a limit it is whole
        and "cursor" in {each["name"] for each in parameters(paths, rule.rule)}
    }


def parameters(paths: dict[str, Any], path: str) -> list[dict[str, Any]]:
    return list(paths.get(path, {}).get("get", {}).get("parameters", []))


def test_every_list_has_a_link_to_its_next_page(
    app: APIFlask, client: FlaskClient, ids: dict[str, str]
) -> None:
    assert ids
    assert lists(app).keys() == FILTERS.keys()
    for path in lists(app).values():
        whole = json_of(client.get(path))["items"]
        found, url = [], f"{path}?limit=1"
        while url:
            answer = client.get(url)
            found += json_of(answer)["items"]
            link = answer.headers.get("Link", "")
            assert bool(link) == bool(json_of(answer)["next_cursor"]), path
            url = link.partition(">")[0].removeprefix("<")
        assert found == whole, path
        assert len(found) >= 3, path


def test_a_cursor_is_good_only_for_its_own_list_and_filters(
    app: APIFlask, client: FlaskClient, ids: dict[str, str]
) -> None:
    assert ids
    cursors = {
        path: json_of(client.get(f"{path}?limit=1"))["next_cursor"] for path in lists(app).values()
    }
    for endpoint, path in lists(app).items():
        others = [cursor for other, cursor in cursors.items() if other != path]
        asked = [f"cursor={cursor}" for cursor in (*others, "made-up", "W10", "%00", "a" * 300)]
        if FILTERS[endpoint]:
            one, another = FILTERS[endpoint]
            cursor = json_of(client.get(f"{path}?limit=1&{one}"))["next_cursor"]
            assert client.get(f"{path}?{one}&cursor={cursor}").status_code == 200, path
            asked += [f"cursor={cursor}", f"{another}&cursor={cursor}"]
        for query in asked:
            problem(client.get(f"{path}?{query}"), 422)
