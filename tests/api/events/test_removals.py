"""What ends in the matrix: a service that was removed, an environment that was deleted."""

from __future__ import annotations

import json
import re
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from tests.api.conftest import json_of
from tests.api.events.payloads import CHECKOUT, argocd, cdevent, deliver, flux, github
from tests.api.events.test_inbox import items
from tests.api.transfer import empty, exported, imported, run

CLOUDEVENTS = "/api/v1/cloudevents"
ARGOCD = "/api/v1/webhooks/argocd"
STRUCTURED = {"Content-Type": "application/cloudevents+json"}


def at(minute: int) -> str:
    return f"2026-03-01T12:{minute:02}:00Z"


def tell(client: FlaskClient, what: str, minute: int, **told: Any) -> None:
    """Send a CDEvent of a minute past 12."""
    event = cdevent(what, id=f"{what} {minute} {told}", timestamp=at(minute), **told)
    answer = client.post(CLOUDEVENTS, json=event, headers=STRUCTURED)
    assert json_of(answer)["outcome"] == "projected", items(client, "events")[0]


def cells(client: FlaskClient, minute: int | None = None) -> dict[tuple[str, str], str]:
    """Return since when each service runs in each environment, now or at a minute past 12."""
    query = {} if minute is None else {"at": at(minute)}
    found = json_of(client.get("/api/v1/matrix", query_string=query))["cells"]
    return {(each["service"], each["environment"]): each["since"] for each in found}


@pytest.mark.parametrize("end", ["service.removed", "environment.deleted"])
def test_a_cell_ends_and_begins_again_in_whatever_order_that_becomes_known(
    app: APIFlask, client: FlaskClient, tmp_path: Path, end: str
) -> None:
    orders = list(permutations([("service.deployed", 1), (end, 3), ("service.deployed", 5)]))
    places = [("checkout", f"pr-{number}") for number in range(len(orders))]
    for (service, environment), order in zip(places, orders, strict=True):
        for what, minute in order:
            place = {"subject": service, "environment": {"id": environment}}
            if what == "environment.deleted":
                place = {"subject": environment}
            tell(client, what, minute, **place)

    begun = [None, 1, 1, None, None, 5, 5]

    def check(now: FlaskClient) -> None:
        for minute, since in enumerate(begun):
            expected = dict.fromkeys(places, at(since)) if since else {}
            assert cells(now, minute) == expected, minute
        assert cells(now) == dict.fromkeys(places, at(5))

    check(client)
    before = exported(app, tmp_path / "file")
    run(app, "rebuild")
    assert exported(app, tmp_path / "again") == before
    assert imported(app, tmp_path / "file")
    check(client)


def test_only_what_is_named_ends_and_its_history_stays(client: FlaskClient) -> None:
    for service in ("checkout", "catalog"):
        for environment in ("staging", "prod"):
            tell(client, "service.deployed", 1, subject=service, environment={"id": environment})
    tell(client, "service.removed", 2, subject="checkout", environment={"id": "prod"})
    running = {("catalog", "prod"), ("catalog", "staging"), ("checkout", "staging")}
    assert cells(client).keys() == running
    figures = json_of(
        client.get("/api/v1/metrics/dora?from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z")
    )
    assert len(items(client, "deployments")) == 4

    tell(client, "environment.deleted", 3, subject="staging")

    assert cells(client).keys() == {("catalog", "prod")}
    pending = json_of(client.get("/api/v1/promotions/pending?from=staging&to=prod"))
    assert pending["items"] == []
    assert len(items(client, "deployments")) == 4
    after = client.get("/api/v1/metrics/dora?from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z")
    assert json_of(after) == figures


def test_what_was_removed_waits_for_promotion_again(client: FlaskClient) -> None:
    for environment in ("staging", "prod"):
        tell(client, "service.deployed", 1, environment={"id": environment})
    asked = "/api/v1/promotions/pending?from=staging&to=prod"
    assert json_of(client.get(asked))["items"] == []

    tell(client, "service.removed", 2)

    (item,) = json_of(client.get(asked))["items"]
    assert (item["service"], item["replaces"]) == ("checkout", None)


@pytest.mark.parametrize("ends", list(permutations(["service.removed", "environment.deleted"])))
def test_what_ended_of_one_service_and_of_all_moves_together(
    app: APIFlask, client: FlaskClient, tmp_path: Path, ends: tuple[str, ...]
) -> None:
    for service in ("checkout", "catalog"):
        for environment in ("staging", "prod"):
            tell(client, "service.deployed", 1, subject=service, environment={"id": environment})
    for what in ends:
        gone = {"subject": "staging" if what == "environment.deleted" else "checkout"}
        tell(client, what, 2, environment={"id": "prod"}, **gone)
    before = exported(app, tmp_path / "file")

    empty(app.extensions["database"])
    imported(app, tmp_path / "file")

    assert exported(app, tmp_path / "again") == before
    assert cells(client) == {("catalog", "prod"): at(1)}


def steps(client: FlaskClient) -> list[str]:
    """Return the promotions that a page says to wait."""
    page = client.get("/", headers={"Accept": "text/html"}).text
    return re.findall(r"<h3[^>]*>([^<:]+):", page)


@pytest.mark.parametrize(
    ("what", "told", "ours"),
    [
        ("incident.detected", {"subject": "7", "service": {"id": "checkout"}}, []),
        ("service.deployed", {"subject": "catalog"}, ["dev → staging"]),
        ("environment.created", {"subject": "staging"}, []),
    ],
)
def test_releases_wait_only_for_an_environment_that_has_any(
    client: FlaskClient, what: str, told: dict[str, Any], ours: list[str]
) -> None:
    subscription = {"url": "https://hooks.example.com/x", "types": ["promotion.pending"]}
    json_of(client.post("/api/v1/subscriptions", json=subscription))
    tell(client, what, 1, environment={"id": "staging"}, **told)
    for environment in ("prod", "dev"):
        place = {"service": "checkout", "environment": environment}
        version = f"2.0-{environment}"
        json_of(client.post("/api/v1/deployments", json={**place, "version": version}))

    through = ours or ["dev → prod"]
    assert [step for step in steps(client) if step.startswith("dev")] == through
    (delivery,) = items(client, "deliveries")
    told_of = json.loads(delivery["body"])["data"]
    assert [f"{told_of['from']} → {told_of['to']}"] == through


def test_nothing_waits_for_an_environment_that_was_deleted(client: FlaskClient) -> None:
    client.put("/api/v1/environments/prod", json={"tier": "production"})
    tell(client, "service.deployed", 1, environment={"id": "staging"})
    assert steps(client) == ["staging → prod"]
    tell(client, "service.deployed", 2, environment={"id": "prod"}, subject="catalog")

    tell(client, "environment.deleted", 3, subject="prod")
    assert steps(client) == []

    tell(client, "service.deployed", 4, environment={"id": "prod"}, subject="catalog")
    assert steps(client) == ["staging → prod"]


def status(state: str, number: int, *, of: int = 71, transient: Any = True) -> dict[str, Any]:
    told = {"id": of, "sha": f"{of:040}", "transient_environment": transient}
    return github(state, number, environment="pr-101", **told)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_transient_environment_ends_with_the_deployment_that_runs_there(
    client: FlaskClient, backwards: bool
) -> None:
    story = [
        status("success", 1),
        status("success", 3, of=72),
        # The older one is tidied up; then the environment is.
        status("inactive", 4),
        status("inactive", 6, of=72),
    ]
    for number, body in enumerate(reversed(story) if backwards else story):
        deliver(client, body, str(number))

    found = [cells(client, minute).get(("checkout", "pr-101")) for minute in range(8)]
    assert found == [None, at(1), at(1), at(3), at(3), at(3), None, None]
    assert [each["status"] for each in items(client, "deployments")] == ["succeeded"] * 2


def test_another_witness_of_the_deployment_ends_with_it(client: FlaskClient) -> None:
    synced = argocd()
    synced["app"]["metadata"]["labels"] = {"environment": "pr-101"}
    for number, state in ((1, "success"), (6, "inactive")):
        body = status(state, number)
        body["deployment"]["ref"] = "1.4.2"
        deliver(client, body, state)
    client.post("/api/v1/webhooks/argocd", json=synced)

    (deployment,) = items(client, "deployments")
    assert deployment["source"] == "argocd"
    assert cells(client, 5).keys() == {("checkout", "pr-101")}
    assert cells(client) == {}


@pytest.mark.parametrize("transient", [False, None, "true"])
def test_inactive_elsewhere_says_only_that_another_has_replaced_it(
    client: FlaskClient, transient: Any
) -> None:
    deliver(client, status("success", 1, transient=transient), "a")
    deliver(client, status("inactive", 4, transient=transient), "b")

    assert cells(client) == {("checkout", "pr-101"): at(1)}


def test_nothing_is_being_deployed_where_nothing_is(client: FlaskClient) -> None:
    declared = {
        "repository": "https://git.example.com/acme/config",
        "config_revision": "5c6e289",
        "declared_at": at(0),
        "services": {"checkout": {"version": "1.0"}},
    }
    assert client.put("/api/v1/declarations/pr-101", json=declared).status_code < 300
    deliver(client, status("in_progress", 1), "a")
    tell(client, "environment.deleted", 3, subject="pr-101")

    (cell,) = json_of(client.get("/api/v1/matrix"))["cells"]
    assert (cell["deploying"], cell["version"], cell["state"]) == (False, None, "unknown")
    (cell,) = json_of(client.get("/api/v1/matrix", query_string={"at": at(2)}))["cells"]
    assert cell["deploying"]


def test_a_dry_run_shows_what_ends(sqlite_client: FlaskClient) -> None:
    headers = {"X-GitHub-Event": "deployment_status"}
    url = "/api/v1/webhooks/github/dry-run"
    told = json_of(sqlite_client.post(url, json=status("inactive", 4), headers=headers))

    ended = {"service": "checkout", "environment": "pr-101", "at": at(4)}
    assert told["removals"] == [ended]


def being_deleted(health: str = "Healthy", **metadata: Any) -> dict[str, Any]:
    """Return an Application whose pods go since five minutes past 12."""
    body = argocd(health=health)
    body["app"]["metadata"] |= {"resourceVersion": "9", "deletionTimestamp": at(5), **metadata}
    return body


@pytest.mark.parametrize("health", ["Healthy", "Degraded", "Missing", "Progressing"])
@pytest.mark.parametrize("backwards", [False, True])
def test_an_application_that_is_deleted_ends_its_services_and_fails_none(
    client: FlaskClient, health: str, backwards: bool
) -> None:
    story = [argocd(), being_deleted(health)]
    if health == "Degraded":
        story[1]["app"]["status"]["health"]["lastTransitionTime"] = at(6)
    for body in story[::-1] if backwards else story:
        assert json_of(client.post(ARGOCD, json=body))["outcome"] == "projected"

    assert cells(client, 4) == {("checkout", "prod"): "2026-03-01T12:00:40Z"}
    assert cells(client) == {}
    (found,) = items(client, "deployments")
    assert (found["status"], found["finished_at"]) == ("succeeded", "2026-03-01T12:00:40Z")

    assert json_of(client.post(ARGOCD, json=argocd(minute=7)))["outcome"] == "projected"
    assert cells(client) == {("checkout", "prod"): "2026-03-01T12:07:40Z"}


@pytest.mark.parametrize(
    ("finalizers", "left"),
    [
        (["resources-finalizer.argocd.argoproj.io"], 0),
        (["x", "resources-finalizer.argocd.argoproj.io/background"], 0),
        (None, 0),
        (["foregroundDeletion"], 1),
    ],
)
def test_an_application_ends_its_services_only_if_it_takes_them_along(
    sqlite_client: FlaskClient, finalizers: list[str] | None, left: int
) -> None:
    for body in (argocd(), being_deleted(finalizers=finalizers)):
        assert sqlite_client.post(ARGOCD, json=body).status_code < 300

    assert len(cells(sqlite_client)) == left


def test_a_template_of_peoples_own_may_say_that_an_application_is_deleted(
    sqlite_client: FlaskClient,
) -> None:
    told = {"app": {"name": "checkout-prod"}, "env": "prod", "images": "ghcr.io/acme/checkout:1"}
    synced = {"phase": "Succeeded", "startedAt": at(1), "finishedAt": at(2)}
    assert sqlite_client.post(ARGOCD, json=told | synced).status_code == 202
    assert len(cells(sqlite_client)) == 1

    assert sqlite_client.post(ARGOCD, json=told | {"deletedAt": at(3)}).status_code == 202
    assert cells(sqlite_client) == {}


def synced(minute: int, *images: str, pruned: str = "", skipped: str = "") -> dict[str, Any]:
    """Return what an Application says that has applied images, and deleted or left another one."""
    body = argocd(minute=minute, images=list(images), resource_version=str(minute))
    operation = body["app"]["status"]["operationState"]
    for status, image in (("Pruned", pruned), ("PruneSkipped", skipped)):
        resource = {"kind": "Deployment", "status": status, "images": [image] if image else []}
        operation["syncResult"]["resources"].append(resource)
    # Its pods are still there for a moment.
    body["app"]["status"]["summary"]["images"] = [*images, *filter(None, (pruned, skipped))]
    return body


WEB, WEB_2 = "ghcr.io/acme/web:2.0.0", "ghcr.io/acme/web:2.1.0"


@pytest.mark.parametrize(
    ("second", "running"),
    [
        (synced(10, CHECKOUT, pruned=WEB), {"checkout"}),
        (synced(10, pruned=WEB), {"checkout"}),
        (synced(10, CHECKOUT, skipped=WEB), {"checkout", "web"}),
        # Its Deployment has another name now.
        (synced(10, CHECKOUT, WEB_2, pruned=WEB), {"checkout", "web"}),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_a_service_that_an_application_no_longer_has_ends(
    client: FlaskClient, second: dict[str, Any], running: set[str], backwards: bool
) -> None:
    story = [synced(0, CHECKOUT, WEB), second]
    for body in reversed(story) if backwards else story:
        assert json_of(client.post(ARGOCD, json=body))["outcome"] == "projected"

    assert {service for service, _ in cells(client, 5)} == {"checkout", "web"}
    assert {service for service, _ in cells(client)} == running

    assert client.post(ARGOCD, json=synced(20, CHECKOUT, WEB_2)).status_code == 202
    assert {service for service, _ in cells(client)} == {"checkout", "web"}


def test_a_service_that_another_application_has_stays(client: FlaskClient) -> None:
    other = synced(5, WEB)
    other["app"]["metadata"]["uid"] = "green"
    for body in (synced(0, CHECKOUT, WEB), other, synced(10, CHECKOUT, pruned=WEB)):
        assert json_of(client.post(ARGOCD, json=body))["outcome"] == "projected"

    assert cells(client).keys() == {("checkout", "prod"), ("web", "prod")}


def test_a_release_that_helm_uninstalls_ends_until_it_is_installed_again(
    sqlite_client: FlaskClient,
) -> None:
    steps = [("InstallSucceeded", 1, 1), ("UninstallSucceeded", 3, 0), ("InstallSucceeded", 5, 1)]
    for reason, minute, left in steps:
        body = flux(reason, minute, "6.5.0", kind="HelmRelease")
        answer = sqlite_client.post("/api/v1/webhooks/flux", json=body)
        assert json_of(answer)["outcome"] == "projected"
        assert len(cells(sqlite_client)) == left


def applied(uid: str, minute: int, **metadata: Any) -> tuple[str, dict[str, Any]]:
    """Return what one of several Applications of a service says."""
    body = argocd(minute=minute, images=[f"ghcr.io/acme/checkout:1.{minute}.0"])
    body["app"]["metadata"] |= {"uid": uid, **metadata}
    return ARGOCD, body


def released(uid: str, reason: str, minute: int) -> tuple[str, dict[str, Any]]:
    """Return what one of several HelmReleases of a service says."""
    body = flux(reason, minute, f"1.{minute}.0", kind="HelmRelease", service="checkout")
    body["involvedObject"]["uid"] = uid
    return "/api/v1/webhooks/flux", body


TWO_OF_ONE = {
    "argocd": (
        [applied("blue", 1), applied("green", 2)],
        applied("blue", 1, deletionTimestamp=at(5)),
        applied("green", 2, deletionTimestamp=at(5)),
    ),
    "flux": (
        [released("blue", "InstallSucceeded", 1), released("green", "InstallSucceeded", 2)],
        released("blue", "UninstallSucceeded", 5),
        released("green", "UninstallSucceeded", 5),
    ),
}


def versions(client: FlaskClient, minute: int | None = None) -> list[str]:
    query = {} if minute is None else {"at": at(minute)}
    found = json_of(client.get("/api/v1/matrix", query_string=query))["cells"]
    return [each["version"] for each in found]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("source", TWO_OF_ONE)
def test_what_another_object_has_deployed_still_runs(
    client: FlaskClient, source: str, backwards: bool
) -> None:
    both, blue_ends, green_ends = TWO_OF_ONE[source]
    story = [*both, green_ends]
    for url, body in reversed(story) if backwards else story:
        assert json_of(client.post(url, json=body))["outcome"] == "projected"

    assert versions(client, 4) == ["1.2.0"]
    assert versions(client) == ["1.1.0"]

    url, body = blue_ends
    assert json_of(client.post(url, json=body))["outcome"] == "projected"
    assert versions(client) == []


@pytest.mark.parametrize("source", TWO_OF_ONE)
def test_the_end_of_what_was_deployed_before_ends_nothing(client: FlaskClient, source: str) -> None:
    both, blue_ends, _ = TWO_OF_ONE[source]
    for url, body in [*both, blue_ends]:
        assert json_of(client.post(url, json=body))["outcome"] == "projected"

    assert versions(client) == ["1.2.0"]


LEFT = {"finalizers": ["foregroundDeletion"], "deletionTimestamp": at(5)}


@pytest.mark.parametrize(
    ("story", "left"),
    [
        ([applied("blue", 3), applied("blue", 3, **LEFT)], ["1.3.0"]),
        # Another Application has taken it over, and takes it along.
        ([applied("blue", 3), applied("blue", 3, **LEFT), applied("gold", 7)], []),
        (
            [
                applied("green", 2),
                applied("blue", 3),
                applied("blue", 3, **LEFT),
                applied("gold", 7),
            ],
            ["1.2.0"],
        ),
        # It was there before, and has not deployed anything since.
        ([applied("gold", 2), applied("blue", 3), applied("blue", 3, **LEFT)], ["1.3.0"]),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_what_an_application_leaves_behind_stays_until_another_takes_it_over(
    client: FlaskClient, story: list[tuple[str, dict[str, Any]]], left: list[str], backwards: bool
) -> None:
    gold = [minute for minute in (2, 7) if applied("gold", minute) in story]
    for url, body in reversed(story) if backwards else story:
        assert json_of(client.post(url, json=body))["outcome"] == "projected"
    before = versions(client)

    for minute in gold:
        url, body = applied("gold", minute, deletionTimestamp=at(12))
        assert json_of(client.post(url, json=body))["outcome"] == "projected"
    assert versions(client) == left
    assert versions(client, 11) == before != []


def test_a_dry_run_shows_no_end_of_what_stays(sqlite_client: FlaskClient) -> None:
    url, body = applied("blue", 3, **LEFT)
    told = json_of(sqlite_client.post(f"{url}/dry-run", json=body))
    assert (told["outcome"], told["removals"]) == ("projected", [])


def test_an_object_takes_along_what_only_others_have_told_of(client: FlaskClient) -> None:
    deliver(client, github("success", environment="prod"), "a")
    url, body = applied("blue", 1, deletionTimestamp=at(5))
    assert json_of(client.post(url, json=body))["outcome"] == "projected"

    assert versions(client, 4) == [github()["deployment"]["sha"]]
    assert versions(client) == []
