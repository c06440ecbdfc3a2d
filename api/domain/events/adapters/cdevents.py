"""CDEvents 0.4 and 0.5, as CloudEvents: deployments, incidents, changes and environments.

Fields: cdevents/spec, continuous-deployment.md, continuous-operations.md and conformance/. The
version of a type is ignored: the fields that the ledger reads are the same since 0.1 of each.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from packageurl import PackageURL

from api.domain.changes.model import NewChange
from api.domain.deployments.model import Kind, NewDeployment, Status
from api.domain.events.adapter import (
    Adapter,
    NotOursError,
    Observation,
    ObservedDeployment,
    ObservedEnvironment,
    ObservedRemoval,
    Received,
    UnmappedError,
)
from api.domain.events.links import links
from api.domain.events.mapper import Mapper
from api.domain.events.rules import SourceRules
from api.domain.events.texts import line
from api.domain.incidents.model import DetectedIncident, NewIncident
from api.domain.kit.times import parse_time
from api.domain.kit.types import LINE_LENGTH

SOURCE = "cloudevents"
TYPE = re.compile(r"dev\.cdevents\.([a-z]+)\.([a-z]+)(\.[0-9].*)?")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
WHOLE_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
MAX_KEY = 256
SAFE = "/:@!$&'()*+,;=?"


def observations(received: Received, mapper: Mapper) -> Sequence[Observation]:
    """Return the deployment, incident or environment of an event."""
    event = received.body
    found = TYPE.fullmatch(event["type"])
    if found is None:
        raise NotOursError(f"{event['type']} is not a CDEvent")
    read = READERS.get((found[1], found[2]))
    if read is None:
        raise NotOursError(f"{found[1]}.{found[2]} is not an event that the ledger records")
    return [read(event, mapper)]


def delivery_id(received: Received) -> str | None:
    """Return the source and the id of an event, which together are unique."""
    return _key(received.body["source"], received.body["id"])


def _deployed(kind: Kind | None) -> Callable[[dict[str, Any], Mapper], ObservedDeployment]:
    def read(event: dict[str, Any], mapper: Mapper) -> ObservedDeployment:
        data = event["data"]
        content = data["subject"]["content"]
        artifact = _artifact(content["artifactId"])
        fields = {"service": data["subject"], "environment": content["environment"]}
        names = mapper.names({**data, **fields, "artifact": artifact})
        at = data["context"]["timestamp"]
        report = {
            **names._asdict(),
            "image_digest": artifact.get("digest"),
            "kind": kind,
            "status": Status.SUCCEEDED,
            "started_at": at,
            "finished_at": at,
            "links": links({"source": event["source"]}),
            "source": SOURCE,
            "external_id": _key(event["source"], event["id"]),
        }
        return ObservedDeployment(NewDeployment.model_validate(report))

    return read


def _incident(
    moment: str, model: type[NewIncident] = NewIncident
) -> Callable[[dict[str, Any], Mapper], NewIncident]:
    """Return a reader of incident events whose timestamp is the incident's `moment`."""

    def read(event: dict[str, Any], mapper: Mapper) -> NewIncident:
        data = event["data"]
        subject = data["subject"]
        content = subject["content"]
        fields = {**data, **content, "artifact": _artifact(content.get("artifactId"))}
        title = line(content.get("description"), LINE_LENGTH)
        return model.model_validate(
            {
                "service": mapper.name("service", fields),
                "environment": mapper.name("environment", fields),
                "title": title or line(f"Incident {subject['id']}", LINE_LENGTH),
                moment: data["context"]["timestamp"],
                "links": links({"source": event["source"], "ticket": content.get("ticketURI")}),
                "source": SOURCE,
                "external_id": _key(subject.get("source") or event["source"], subject["id"]),
            }
        )

    return read


def _merged(event: dict[str, Any], mapper: Mapper) -> NewChange:
    """Return the change of a commit: the subject's id, or a field that the sender adds."""
    data = event["data"]
    subject = data["subject"]
    content = subject["content"]
    repository = content.get("repository") or {}
    added = data.get("customData")
    commit = subject["id"]
    if not WHOLE_COMMIT.fullmatch(commit):
        commit = added.get("commit") if isinstance(added, dict) else None
    if not commit:
        raise UnmappedError("The change names no commit: send it as customData.commit.")
    # Unless the sender says which service it is, that of the repository.
    service = {"id": str(repository.get("id") or "").rpartition("/")[2]}
    fields = {"service": service, **data, **content}
    return NewChange.model_validate(
        {
            "service": mapper.name("service", fields),
            "commit": commit,
            "committed_at": data["context"]["timestamp"],
            "title": line(content.get("description"), LINE_LENGTH),
        }
    )


def _environment(event: dict[str, Any], mapper: Mapper) -> ObservedEnvironment:
    data = event["data"]
    name = mapper.name("environment", {**data, "environment": data["subject"]})
    return ObservedEnvironment(name, parse_time(data["context"]["timestamp"]))


def _removed(event: dict[str, Any], mapper: Mapper) -> ObservedRemoval:
    data = event["data"]
    subject = data["subject"]
    fields = {**data, "service": subject, "environment": subject["content"]["environment"]}
    service, environment = mapper.name("service", fields), mapper.name("environment", fields)
    return ObservedRemoval(service, environment, parse_time(data["context"]["timestamp"]))


def _deleted(event: dict[str, Any], mapper: Mapper) -> ObservedRemoval:
    shown = _environment(event, mapper)
    return ObservedRemoval(None, shown.name, shown.at)


READERS: dict[tuple[str, str], Callable[[dict[str, Any], Mapper], Observation]] = {
    ("service", "deployed"): _deployed(None),
    ("service", "upgraded"): _deployed(None),
    ("service", "rolledback"): _deployed(Kind.ROLLBACK),
    ("service", "removed"): _removed,
    ("incident", "detected"): _incident("detected_at", DetectedIncident),
    # A ticket may be written after the end, and opens nothing again.
    ("incident", "reported"): _incident("detected_at"),
    ("incident", "resolved"): _incident("resolved_at"),
    ("change", "merged"): _merged,
    ("environment", "created"): _environment,
    ("environment", "modified"): _environment,
    ("environment", "deleted"): _deleted,
}


def _artifact(text: Any) -> dict[str, str]:
    """Return the name, version, digest and tag of a package URL, those that it has."""
    try:
        purl = PackageURL.from_string(text)
    except ValueError:  # older senders send any text here, and rules may use another field
        return {}
    version = purl.version or ""
    parts = {
        "name": purl.name,
        "version": version,
        "digest": version if DIGEST.fullmatch(version) else "",
        "tag": dict(purl.qualifiers).get("tag", ""),
    }
    return {name: value for name, value in parts.items() if value}


def _key(source: str, identifier: str) -> str:
    """Return a source and an id in it as printable ASCII; as a hash if that is too long."""
    key = f"{quote(source, SAFE)}#{quote(identifier, SAFE)}"
    return key if len(key) <= MAX_KEY else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


CLOUDEVENTS = Adapter(
    source=SOURCE,
    headers=frozenset({"content-type", "user-agent"}),
    rules=SourceRules(
        service="{service.id}",
        environment="{environment.id}",
        version="{artifact.tag|artifact.version}",
    ),
    delivery_id=delivery_id,
    observations=observations,
)
