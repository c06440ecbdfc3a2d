"""What is beside a deployment, such as a link or a name, never loses the deployment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from api.domain.deployments.model import NewDeployment
from api.domain.events import inbox
from api.domain.events.adapter import ObservedDeployment
from api.domain.events.adapters import ADAPTERS
from api.domain.events.mapper import Mapper
from api.domain.incidents.model import NewIncident
from tests.api.events.payloads import COMMIT, argocd, cdevent, flux, github

GERMAN, ENCODED = "https://ci.example.com/l\u00e4ufe/1 2?a=%20", "https://ci.example.com/l%C3%A4ufe"
LONG = "https://ci.example.com/" + "x" * 2048


def observed(source: str, body: dict[str, Any]) -> Sequence[Any]:
    adapter = ADAPTERS[source]
    headers = {"x-github-event": "deployment_status"}
    received = inbox.received(adapter, headers, body, b"")
    return adapter.observations(received, Mapper(adapter.rules))


def deployment(source: str, body: dict[str, Any]) -> NewDeployment:
    found = observed(source, body)[0]
    assert isinstance(found, ObservedDeployment)
    return found.report


def links(found: NewDeployment | NewIncident) -> list[str]:
    return [link.url for link in found.links]


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        (GERMAN, [f"{ENCODED}/1%202?a=%20"]),
        ("https://m\u00fcnchen.example/", ["https://m%C3%BCnchen.example/"]),
        (" https://ci.example.com ", ["https://ci.example.com"]),
        ("https://", []),
        (LONG, []),
        ("javascript:alert(1)", []),
        ({"url": "https://ci.example.com"}, []),
    ],
)
def test_a_link_is_stored_in_ascii_or_left_out(url: Any, stored: list[str]) -> None:
    status = github()
    status["deployment_status"]["log_url"] = url
    assert links(deployment("github", status)) == stored
    assert links(deployment("argocd", argocd() | {"url": url})) == stored
    told = cdevent("incident.detected", service={"id": "checkout"}, ticketURI=url)
    assert links(observed("cloudevents", told)[0]) == stored


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("a" * 200, "a" * 128),
        ("ada\n\x00lovelace", "ada \ufffdlovelace"),
        ("  ", None),
        (None, None),
        (7, None),
    ],
)
def test_an_actor_is_a_line_or_left_out(name: Any, stored: str | None) -> None:
    operation = {"initiatedBy": {"username": name}}
    assert deployment("argocd", argocd(operation=operation)).actor == stored
    assert deployment("github", github(creator={"login": name})).actor == stored


def test_a_title_is_a_line() -> None:
    told: dict[str, Any] = {"service": {"id": "checkout"}, "subject": "7"}
    title = "Down\r\n\x00since 12" + " again" * 50
    (found,) = observed("cloudevents", cdevent("incident.detected", description=title, **told))
    assert found.title.startswith("Down \ufffdsince 12 again")
    assert len(found.title) <= 200
    (found,) = observed("cloudevents", cdevent("incident.detected", description="\n", **told))
    assert found.title == "Incident 7"
    repository = {"id": "acme/checkout"}
    merged = cdevent("change.merged", subject=COMMIT, repository=repository, description=title)
    assert observed("cloudevents", merged)[0].title.startswith("Down \ufffdsince")


def test_a_branch_may_have_any_name() -> None:
    stored = f"r\u00fcckbau@sha1:{COMMIT}"
    assert deployment("flux", flux(revision=stored)).config_revision == (
        f"r%C3%BCckbau@sha1:{COMMIT}"
    )
    helm = flux("UpgradeSucceeded", kind="HelmRelease", revision="1.0.0-\u00fc", version="1")
    assert deployment("flux", helm).config_revision == "1.0.0-%C3%BC@2026-03-01T12:00:00Z"
    synced = argocd(syncResult={"revision": "r\u00fcckbau"})
    assert deployment("argocd", synced).config_revision == "r%C3%BCckbau"
