"""What CDEvents mean: a table of events."""

from __future__ import annotations

from typing import Any

import pytest

from api.domain.events.adapter import Received
from api.domain.events.adapters.cdevents import CLOUDEVENTS
from api.domain.events.interpret import Meaning, Outcome, interpret
from api.domain.events.rules import SourceRules
from api.domain.kit.times import now
from tests.api.events.payloads import COMMIT, DIGEST, cdevent


def meaning(event: dict[str, Any], **rules: Any) -> Meaning:
    made = CLOUDEVENTS.rules.model_copy(update=SourceRules(**rules).model_dump(exclude_unset=True))
    return interpret(CLOUDEVENTS, {"cloudevents": made}, Received({}, event, "sha256:0", now()))


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("service.deployed", None),
        ("service.upgraded", None),
        ("service.rolledback", "rollback"),
    ],
)
def test_a_service_that_was_deployed(what: str, kind: str | None, old: bool) -> None:
    ((report, sequence),) = meaning(cdevent(what, old=old)).deployments

    assert (report.service, report.environment) == ("checkout", "prod")
    assert (report.kind, report.status) == (kind, "succeeded")
    assert (report.image_digest, report.version) == (DIGEST, DIGEST.replace(":", "-"))
    assert report.started_at == report.finished_at
    assert str(report.started_at) == "2026-03-01 12:03:00+00:00"
    assert (report.source, report.external_id) == ("cloudevents", "/ci/acme#271069a8")
    assert sequence is None


@pytest.mark.parametrize("version", ["", ".0.1.0", ".0.9.7-draft", ".1.0.0"])
def test_the_version_of_a_type_does_not_matter(version: str) -> None:
    event = cdevent() | {"type": f"dev.cdevents.service.deployed{version}"}

    assert meaning(event).outcome is Outcome.PROJECTED


@pytest.mark.parametrize(
    ("artifact", "version", "digest"),
    [
        ("pkg:oci/shop@sha256%3A" + "4F" * 32, DIGEST.replace(":", "-"), DIGEST),
        (f"pkg:oci/shop@{DIGEST}?tag=1.4.2&repository_url=r.example.com/shop", "1.4.2", DIGEST),
        ("pkg:docker/acme/shop@v1.4.2", "v1.4.2", None),
        (f"pkg:golang/example.com/acme/shop@{COMMIT}", COMMIT, None),
    ],
)
def test_the_artifact_says_version_and_digest(
    artifact: str, version: str, digest: str | None
) -> None:
    ((report, _),) = meaning(cdevent(artifactId=artifact)).deployments

    assert (report.version, report.image_digest) == (version, digest)


@pytest.mark.parametrize(
    ("event", "outcome", "reason"),
    [
        (cdevent("service.published"), "not_ours", "service.published"),
        (cdevent("service.removed", environment={}), "unmapped", "environment"),
        (cdevent("service.removed", timestamp="2026-03-01"), "failed", "RFC 3339"),
        (cdevent("environment.deleted", subject="pr/101", timestamp=None), "failed", "RFC 3339"),
        (cdevent("environment.deleted", timestamp="9026-03-01T12:00:00Z"), "failed", "ahead"),
        (cdevent("build.finished"), "not_ours", "build.finished"),
        ({**cdevent(), "type": "dev.cdeventsx.acme-tool.thing.done.0.1.0"}, "not_ours", "acme"),
        ({**cdevent(), "type": "com.github.push"}, "not_ours", "com.github.push is not a CDEvent"),
        (cdevent(artifactId="checkout-1.4.2.whl"), "unmapped", "version"),
        (cdevent(artifactId="pkg:oci/checkout"), "unmapped", "version"),
        (cdevent(environment={"id": ""}), "unmapped", "environment"),
        (cdevent(environment=None), "unmapped", "environment"),
        (cdevent(subject="???"), "unmapped", "service"),
        (cdevent(artifactId=None), "unmapped", "version"),
        (cdevent(timestamp="2026-03-01"), "failed", "started_at"),
        ({**cdevent(), "data": "a text"}, "failed", "not one of cloudevents"),
        ({**cdevent(), "data": {"context": {}}}, "failed", "subject"),
        ({**cdevent(), "data": None}, "failed", "not one of cloudevents"),
    ],
)
def test_what_is_not_a_deployment_says_why(
    event: dict[str, Any], outcome: str, reason: str
) -> None:
    found = meaning(event)

    assert found.outcome is Outcome(outcome)
    assert found.reason is not None
    assert reason in found.reason


def test_rules_may_use_the_artifact_and_what_the_sender_adds() -> None:
    event = cdevent(subject="daemonset/x", artifactId="pkg:oci/shop@sha256%3A" + "4f" * 32)
    event["data"]["customData"] = {"release": "v7"}
    ((report, _),) = meaning(
        event, service="{artifact.name}", version="{customData.release|artifact.version}"
    ).deployments

    assert (report.service, report.version) == ("shop", "v7")


def test_an_address_of_the_sender_is_a_link() -> None:
    url = "https://ci.example.com/acme/checkout/runs/7"
    ((report, _),) = meaning({**cdevent(), "source": url}).deployments

    assert [link.url for link in report.links] == [url]
    assert report.external_id == f"{url}#271069a8"


@pytest.mark.parametrize(
    ("told", "service", "commit", "title"),
    [
        ({"subject": COMMIT}, "checkout", COMMIT, None),
        ({"subject": COMMIT, "repository": {"id": "shop"}}, "shop", COMMIT, None),
        ({"subject": COMMIT, "description": "Refuse\nit"}, "checkout", COMMIT, "Refuse it"),
        ({"subject": "pr-7", "customData": {"commit": "5c6e289"}}, "checkout", "5c6e289", None),
        ({"subject": COMMIT, "service": {"id": "web"}}, "web", COMMIT, None),
    ],
)
def test_a_merged_change(
    told: dict[str, Any], service: str, commit: str, title: str | None
) -> None:
    event = merged(**told)
    (report,) = meaning(event).changes

    assert (report.service, report.commit, report.title) == (service, commit, title)
    assert str(report.committed_at) == "2026-03-01 12:03:00+00:00"


@pytest.mark.parametrize(
    ("told", "outcome", "reason"),
    [
        ({"subject": "pr-7"}, "unmapped", "customData.commit"),
        ({"subject": "1234567"}, "unmapped", "customData.commit"),
        ({"subject": "pr-7", "customData": "a text"}, "unmapped", "customData.commit"),
        ({"subject": "pr-7", "customData": {"commit": "HEAD"}}, "failed", "commit"),
        ({"subject": COMMIT, "repository": None}, "unmapped", "service"),
        ({"subject": COMMIT, "timestamp": "soon"}, "failed", "committed_at"),
    ],
)
def test_a_change_without_a_commit_says_so(told: dict[str, Any], outcome: str, reason: str) -> None:
    found = meaning(merged(**told))

    assert found.outcome is Outcome(outcome)
    assert reason in (found.reason or "")


def merged(**told: Any) -> dict[str, Any]:
    added = {"customData": told.pop("customData")} if "customData" in told else {}
    repository = {"id": "acme/checkout", "source": "https://git.example.com"}
    event = cdevent("change.merged", **{"repository": repository, **told})
    return {**event, "data": {**event["data"], **added}}


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize(
    ("what", "moment"),
    [
        ("incident.detected", "detected_at"),
        ("incident.reported", "detected_at"),
        ("incident.resolved", "resolved_at"),
    ],
)
def test_an_incident(what: str, moment: str, old: bool) -> None:
    event = cdevent(
        what,
        old=old,
        subject="incident-7",
        description="Payments\nare refused",
        service={"id": "checkout"},
        ticketURI="https://tickets.example.com/7",
    )
    (incident,) = meaning(event).incidents

    assert (incident.service, incident.environment) == ("checkout", "prod")
    assert incident.title == "Payments are refused"
    assert str(getattr(incident, moment)) == "2026-03-01 12:03:00+00:00"
    assert (incident.source, incident.external_id) == ("cloudevents", "/ci/acme#incident-7")
    assert [link.title for link in incident.links] == ["ticket"]


def test_an_incident_may_be_without_words_but_not_without_a_service() -> None:
    event = cdevent("incident.detected", subject="7", service={"id": "checkout"})
    (incident,) = meaning(event).incidents
    assert incident.title == "Incident 7"

    found = meaning(cdevent("incident.detected", subject="7"))
    assert (found.outcome, found.incidents) == (Outcome.UNMAPPED, ())


@pytest.mark.parametrize("what", ["environment.created", "environment.modified"])
def test_an_environment_is_known_by_its_id(what: str) -> None:
    found = meaning(cdevent(what, subject="prod1", name="Production"))

    assert [each.name for each in found.environments] == ["prod1"]
    assert (found.deployments, found.incidents) == ([], [])
