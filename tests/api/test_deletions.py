"""Deleting: it is gone, it stays gone, and who did it is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from tests.api.conftest import json_of, problem
from tests.api.events.payloads import argocd, cdevent, github
from tests.api.transfer import exported, imported, run

API = "/api/v1"
HISTORY = ("deployments", "incidents", "changes", "declarations")
LISTS = ("services", "environments", *HISTORY)


@pytest.fixture
def full(client: FlaskClient) -> FlaskClient:
    """Return the client of a ledger with two services in two environments, told in every way."""
    for place in (
        {"service": service, "environment": environment}
        for service in ("checkout", "catalog")
        for environment in ("staging", "prod")
    ):
        deployment = sent(client, "deployments", {**place, "version": "1.0"})
        incident = {**place, "title": "It is down", "deployment_id": deployment["id"]}
        sent(client, "incidents", {**incident, "external_id": "-".join(place.values())})
        change = {"service": place["service"], "commit": "5c6e289", "committed_at": at(0)}
        sent(client, "changes", {"changes": [change]})
    for environment in ("staging", "prod"):
        declared = {
            "repository": "https://git.example.com/acme/config",
            "config_revision": "5c6e289",
            "services": {name: {"version": "1.0"} for name in ("checkout", "catalog")},
        }
        json_of(client.put(f"{API}/declarations/{environment}", json=declared))
    told = {"X-GitHub-Event": "deployment_status"}
    sent(client, "webhooks/github", github(ref="1.4.2"), **told)
    sent(client, "webhooks/argocd", argocd())
    for what in ("incident.detected", "service.removed", "environment.deleted"):
        cdevents(client, what, 5)
    return client


def at(minute: int) -> str:
    return f"2026-03-01T12:{minute:02}:00Z"


def sent(client: FlaskClient, path: str, body: Any, **headers: str) -> dict[str, Any]:
    return json_of(client.post(f"{API}/{path}", json=body, headers=headers))


def cdevents(client: FlaskClient, what: str, minute: int) -> None:
    subject = {"environment": "prod", "incident": "I-7"}.get(what.partition(".")[0], "checkout")
    service: dict[str, Any] = {}
    if what.startswith("incident"):
        service = {"service": {"id": "checkout"}}
    event = cdevent(what, id=what, subject=subject, timestamp=at(minute), **service)
    sent(client, "cloudevents", event, **{"Content-Type": "application/cloudevents+json"})


def items(client: FlaskClient, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json_of(client.get(f"{API}/{path}"))["items"]
    return found


def names(client: FlaskClient, field: str) -> set[str]:
    """Return the services or environments that anything in the ledger is about."""
    found = {each["name"] for each in items(client, f"{field}s")}
    cells = json_of(client.get(f"{API}/matrix"))["cells"]
    lists = [each for path in HISTORY for each in items(client, path)]
    return found | {each[field] for each in (*cells, *lists) if field in each}


@pytest.mark.parametrize(
    ("field", "name", "left"),
    [("service", "checkout", {"catalog"}), ("environment", "prod", {"staging"})],
)
def test_a_service_or_an_environment_is_gone_with_its_history(
    app: APIFlask, full: FlaskClient, tmp_path: Path, field: str, name: str, left: set[str]
) -> None:
    url = f"{API}/{field}s/{name}"
    assert names(full, field) == {name, *left}

    assert full.delete(url).status_code == 204

    assert names(full, field) == left
    problem(full.get(url), 404)
    problem(full.delete(url), 404)
    (deletion,) = items(full, "deletions")
    assert (deletion["deleted"], deletion[field], deletion["actor"]) == (field, name, "bootstrap")
    before = exported(app, tmp_path / "before")
    run(app, "rebuild")
    assert exported(app, tmp_path / "after") == before

    # It happened before, and becomes known only now.
    sent(full, "webhooks/argocd", argocd(minute=20))
    assert names(full, field) == left
    # It happens later.
    full.post(f"{API}/deployments", json={**here(), "version": "2.0"})
    assert names(full, field) == {name, *left}


def here() -> dict[str, str]:
    return {"service": "checkout", "environment": "prod"}


def test_a_deployment_is_gone_and_what_followed_it_is_decided_anew(
    client: FlaskClient,
) -> None:
    def reported(version: str, minute: int) -> dict[str, Any]:
        times = {"started_at": at(minute), "finished_at": at(minute)}
        return sent(client, "deployments", {**here(), "version": version, **times})

    first, second, third = reported("1.0", 1), reported("2.0", 2), reported("1.0", 3)
    incident = {**here(), "title": "It is down", "deployment_id": second["id"]}
    sent(client, "incidents", {**incident, "detected_at": at(3)})
    assert third["kind"] == "rollback"

    assert client.delete(f"{API}/deployments/{second['id']}").status_code == 204

    kinds = {each["id"]: each["kind"] for each in items(client, "deployments")}
    assert kinds == {first["id"]: "rollout", third["id"]: "resync"}
    (known,) = items(client, "incidents")
    assert known["deployment_id"] != second["id"]
    problem(client.get(f"{API}/deployments/{second['id']}"), 404)
    problem(client.delete(f"{API}/deployments/{second['id']}"), 404)
    (deletion,) = items(client, "deletions")
    assert (deletion["deployment"], deletion["external_id"]) == (second["id"], None)


def test_a_deleted_deployment_stays_so_whoever_tells_of_it_again(
    app: APIFlask, client: FlaskClient, tmp_path: Path
) -> None:
    told = {"X-GitHub-Event": "deployment_status"}
    sent(client, "webhooks/github", github("in_progress", 1, ref="1.4.2"), **told)
    sent(client, "webhooks/argocd", argocd())
    (deployment,) = items(client, "deployments")

    assert client.delete(f"{API}/deployments/{deployment['id']}").status_code == 204

    before = exported(app, tmp_path / "before")
    run(app, "rebuild")
    assert exported(app, tmp_path / "after") == before
    for event in items(client, "events"):
        client.post(f"{API}/events/{event['id']}/replay")
    sent(client, "webhooks/github", github("success", 3, ref="1.4.2"), **told)
    assert items(client, "deployments") == []
    assert {each["source"] for each in items(client, "deletions")} == {"argocd", "github"}
    assert {each["outcome"] for each in items(client, "events")} == {"projected"}
    # The next sync is another deployment.
    sent(client, "webhooks/argocd", argocd(minute=20))
    assert len(items(client, "deployments")) == 1


def test_what_is_deleted_stays_so_where_the_ledger_moves_to(
    app: APIFlask, full: FlaskClient, tmp_path: Path
) -> None:
    full.delete(f"{API}/environments/prod")
    lines = exported(app, tmp_path / "file")
    assert [each["deleted"] for each in lines if each.get("type") == "deletion"] == ["environment"]

    assert "0 deletion" not in imported(app, tmp_path / "file")
    full.delete(f"{API}/services/catalog")
    imported(app, tmp_path / "file")
    assert "prod" not in names(full, "environment")


@pytest.mark.parametrize("path", ["services/web", "environments/dev", "deployments/{id}"])
def test_only_an_admin_deletes_and_the_log_says_who(
    sqlite_client: FlaskClient, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    client = sqlite_client
    report = {"service": "web", "environment": "dev", "version": "1.0"}
    url = f"{API}/{path.format(**sent(client, 'deployments', report))}"
    problem(client.delete(url, headers={"Authorization": ""}), 401)
    for scope, status in (("write", 403), ("admin", 412)):
        made = sent(client, "tokens", {"name": f"a-{scope}", "scopes": [scope]})
        token = {"Authorization": f"Bearer {made['token']}"}
        problem(client.delete(url, headers={**token, "If-Match": '"other"'}), status)
    capsys.readouterr()

    etag = {"If-Match": str(client.get(url).headers["ETag"])}
    assert client.delete(url, headers={**token, **etag}).status_code == 204

    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [each for each in logged if each["event"] == "deleted"]
    assert (line["deleted"], line["actor"]) == (path.partition("/")[0][:-1], "a-admin")
    assert line["token_id"] == made["id"]
    assert line["timestamp"]
    assert line["request_id"]
    problem(client.get(f"{API}/deletions", headers={"Authorization": ""}), 401)
