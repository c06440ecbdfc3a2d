"""Clusters: the same namespace in two of them is two environments, by what each sender tells."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from api.domain.events.adapter import Received
from api.domain.events.adapters import ADAPTERS
from api.domain.events.interpret import interpret
from api.domain.events.rules import SourceRules
from api.domain.kit.times import now
from tests.api.events.payloads import argocd, cdevent, flux
from tests.api.events.test_argorollouts import rollout
from tests.api.events.test_flagger import canary
from tests.api.events.test_inbox import items


def to(destination: dict[str, Any], labels: dict[str, str] | None = None, **told: str) -> Any:
    """Return an Application that is synced to a destination."""
    body = argocd() | told
    body["app"]["spec"]["destination"] = destination
    body["app"]["metadata"]["labels"] = labels or {}
    return body


def environment(source: str, body: Any, rule: str | None = None) -> str:
    rules = ADAPTERS[source].rules
    if rule is not None:
        rules = rules.model_copy(
            update=SourceRules(environment=rule).model_dump(exclude_unset=True)
        )
    meaning = interpret(ADAPTERS[source], {source: rules}, Received({}, body, "sha256:0", now()))
    ((report, _),) = meaning.deployments
    return report.environment


FLAT = {
    "app": "checkout",
    "phase": "Succeeded",
    "startedAt": "2026-03-01T12:00:00Z",
    "finishedAt": "2026-03-01T12:00:30Z",
    "images": ["checkout:1"],
    "destinationNamespace": "prod",
}
PROD = {"namespace": "prod"}
OWN = "https://kubernetes.default.svc"


@pytest.mark.parametrize(
    ("source", "body", "expected"),
    [
        ("argocd", to(PROD), "prod"),
        ("argocd", to({**PROD, "server": OWN}), "prod"),
        ("argocd", to({**PROD, "name": "in-cluster"}), "prod"),
        ("argocd", to({**PROD, "name": "eu-1"}), "prod-eu-1"),
        ("argocd", to({**PROD, "server": "https://10.0.0.5:6443"}), "prod-10.0.0.5"),
        ("argocd", to({**PROD, "server": "https://k8s.example.com/"}), "prod-k8s.example.com"),
        ("argocd", to({**PROD, "server": OWN}, cluster="eu-1"), "prod-eu-1"),
        ("argocd", to({**PROD, "server": OWN}, cluster="<no value>"), "prod"),
        ("argocd", to({**PROD, "name": "eu-1"}, {"environment": "live"}), "live"),
        ("argocd", to({**PROD, "name": "eu-1"}, environment="live"), "live"),
        ("argocd", FLAT, "prod"),
        ("argocd", {**FLAT, "destinationServer": OWN}, "prod"),
        ("argocd", {**FLAT, "destinationServer": "https://10.0.0.5:6443"}, "prod-10.0.0.5"),
        ("argocd", {**FLAT, "destination": {"name": "eu-1"}}, "prod-eu-1"),
        ("flux", flux(), "prod"),
        ("flux", flux(cluster="eu-1"), "prod-eu-1"),
        ("flagger", canary("Promoting", "", 1), "prod"),
        ("flagger", canary("Promoting", "", 1, metadata={"cluster": "eu-1"}), "prod-eu-1"),
        ("argorollouts", rollout(), "prod"),
        ("argorollouts", rollout(cluster="eu-1"), "prod-eu-1"),
    ],
)
def test_a_cluster_that_is_told_is_part_of_the_environment(
    source: str, body: Any, expected: str
) -> None:
    assert environment(source, body) == expected


@pytest.mark.parametrize(
    ("source", "body", "rule", "expected"),
    [
        (
            "argocd",
            to({**PROD, "name": "eu-1"}, {"environment": "live"}),
            "{app.metadata.labels.environment}-{cluster}",
            "live-eu-1",
        ),
        (
            "argocd",
            to({**PROD, "server": OWN}, {"environment": "live"}),
            "{app.metadata.labels.environment}-{cluster}",
            "live",
        ),
        ("cloudevents", cdevent(), "{environment.id}-{environment.source}", "prod--clusters-eu"),
    ],
)
def test_a_rule_adds_the_cluster_where_a_label_names_the_environment(
    source: str, body: Any, rule: str, expected: str
) -> None:
    assert environment(source, body, rule) == expected


def test_a_flux_event_without_an_environment_is_of_no_cluster() -> None:
    event = flux(environment="", cluster="eu-1")
    meaning = interpret(
        ADAPTERS["flux"], {"flux": ADAPTERS["flux"].rules}, Received({}, event, "sha256:0", now())
    )
    assert "environment" in str(meaning.reason)


def test_two_clusters_are_no_rollbacks_of_each_other(client: FlaskClient) -> None:
    for minute, (cluster, version) in enumerate(
        [("eu-1", "1.0.0"), ("us-1", "1.1.0"), ("us-1", "1.0.0"), ("eu-1", "1.1.0")]
    ):
        body = argocd(minute=minute, images=[f"acme/checkout:{version}"])
        body["app"]["metadata"] |= {"labels": {}, "uid": cluster}
        body["app"]["spec"]["destination"] = {**PROD, "name": cluster}
        assert client.post("/api/v1/webhooks/argocd", json=body).status_code == 202

    kinds = {
        (each["environment"], each["version"]): each["kind"]
        for each in items(client, "deployments")
    }
    assert set(kinds.values()) == {"rollout"}
    assert len(kinds) == 4
