"""Flux: what its notification-controller sends of Kustomizations and HelmReleases.

Fields: fluxcd/pkg, apis/event/v1/event.go, as in v1beta1 before it. Reasons: fluxcd/pkg,
apis/meta/conditions.go; fluxcd/helm-controller, api/v2/condition_types.go. Whose metadata goes
before whose: fluxcd/flux2, rfcs/0008-custom-event-metadata-from-annotations.
A success is said again at every interval: `api.domain.events.runs`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from api.domain.deployments.model import Kind, NewDeployment, Status
from api.domain.events.adapter import (
    STAMP,
    Adapter,
    Fact,
    NotOursError,
    Received,
    State,
    UnmappedError,
)
from api.domain.events.rules import Mapper, SourceRules, UnmappedNameError
from api.domain.kit.times import parse_instant

REASONS = {
    "Kustomization": {
        "ReconciliationSucceeded": Status.SUCCEEDED,
        "ReconciliationFailed": Status.FAILED,
        "BuildFailed": Status.FAILED,
        "HealthCheckFailed": Status.FAILED,
        "PruneFailed": Status.FAILED,
        "ValidationFailed": Status.FAILED,  # until v0.26
    },
    "HelmRelease": {
        "InstallSucceeded": Status.SUCCEEDED,
        "InstallFailed": Status.FAILED,
        "UpgradeSucceeded": Status.SUCCEEDED,
        "UpgradeFailed": Status.FAILED,
        "RollbackSucceeded": Status.SUCCEEDED,
        "RollbackFailed": Status.FAILED,
    },
}
ANNOTATIONS = "event.toolkit.fluxcd.io/"
# `main@sha1:…`, `main/…` as it was until v0.35, `1.2.0@sha256:…`, or a digest alone.
REVISION = re.compile(
    r"(?:(?P<name>.+?)[@/])?(?:(?:sha1:)?(?P<commit>[0-9a-f]{40})|(?:sha256:)?[0-9a-f]{64})"
)
TAG = re.compile(r"refs/tags/(?P<named>.+)|v?\d.*")
# A duration as Go writes it; what is shorter than a second is none, as the times are in seconds.
TOOK = re.compile(
    r"(?:finished in|failed after) "
    r"(?:(?P<hours>\d{1,4})h)?(?:(?P<minutes>\d{1,2})m)?(?:(?P<seconds>\d{1,2}(?:\.\d+)?)s)?"
)
MAX_REVISION = 128
# Of what tells one state from another: short enough for an id of a delivery, and a digest still.
MAX_SUBJECT, MAX_STATE = 128, 64


def facts(received: Received, mapper: Mapper) -> Sequence[Fact]:
    """Return what an event says of the deployment of a revision."""
    body = received.body
    kind, reason = body["involvedObject"]["kind"], body["reason"]
    status = REASONS.get(kind, {}).get(reason)
    if status is None:
        raise NotOursError(f"{reason} of a {kind} is not the end of a deployment")
    metadata = _metadata(body)
    if not metadata.get("revision"):
        raise NotOursError(f"{reason} without a revision is about no deployment")
    revision = _revision(metadata)
    try:
        names = mapper.names({**body, "metadata": metadata, **revision})
    except UnmappedNameError as error:
        raise UnmappedError(_advice(error, kind)) from error
    finished_at = parse_instant(body["timestamp"])
    report = NewDeployment.model_validate(
        {
            **names._asdict(),
            "commit": _parsed(metadata.get("commit", ""))[1],
            "config_revision": _config_revision(metadata),
            "kind": Kind.ROLLBACK if reason.startswith("Rollback") else None,
            "status": status,
            "started_at": finished_at - _took(str(body.get("message"))),
            "finished_at": finished_at,
            "source": FLUX.source,
            "external_id": f"{_subject(body)}/{finished_at:{STAMP}}",
        }
    )
    return [Fact(report)]


def state(received: Received) -> State | None:
    """Return the state that an event says, or None for what is not the end of a deployment."""
    try:
        body = received.body
        kind, reason = body["involvedObject"]["kind"], body["reason"]
        status = REASONS.get(kind, {}).get(reason)
        revision = _config_revision(_metadata(body))[-MAX_STATE:]
        at = parse_instant(body["timestamp"])
        if status is None or not revision:
            return None
        if kind == "HelmRelease" and status is Status.SUCCEEDED:
            # Said once for each action: the same chart may have been given other values.
            revision = f"{revision} {at.isoformat()}"
        return State(_subject(body), at, status is Status.SUCCEEDED, revision)
    except (KeyError, TypeError, AttributeError, ValueError):
        return None  # facts() says what is wrong with it


def delivery_id(received: Received) -> str | None:
    """Return what an event says and when, which is the same when it is sent again."""
    found = state(received)
    return None if found is None else found.key


def _metadata(body: dict[str, Any]) -> dict[str, str]:
    """Return the metadata without their groups.

    What the controller says goes before what the alert adds, and that before annotations.
    """
    told: dict[str, str] = body.get("metadata") or {}
    ordered = sorted(told, key=lambda name: (not name.startswith(ANNOTATIONS), "/" in name))
    return {name.rpartition("/")[2]: told[name] for name in ordered}


def _subject(body: dict[str, Any]) -> str:
    """Return whose states follow each other: an object, as what its alert takes it for."""
    involved, metadata = body["involvedObject"], _metadata(body)
    name = involved.get("uid") or f"{involved['kind']}/{involved['namespace']}/{involved['name']}"
    told = f"{name}/{metadata.get('service', '')}/{metadata.get('environment', '')}"
    if re.fullmatch(r"[!-~]+", told) and len(told) <= MAX_SUBJECT:
        return told
    return hashlib.sha256(told.encode()).hexdigest()


def _config_revision(metadata: dict[str, str]) -> str:
    """Return the revision that was applied, of a chart from a registry with its digest."""
    digest = metadata.get("oci-digest")
    revision = metadata.get("revision", "") + (f"@{digest}" if digest else "")
    return revision[-MAX_REVISION:]


def _revision(metadata: dict[str, str]) -> dict[str, str | None]:
    """Return the tag and the commit of a revision, or those of the artifact's origin."""
    tag, commit = _parsed(metadata["revision"])
    origin_tag, origin_commit = _parsed(metadata.get("originRevision", ""))
    return {"tag": tag or origin_tag, "commit": origin_commit or commit}


def _parsed(revision: str) -> tuple[str | None, str | None]:
    match = REVISION.fullmatch(revision)
    name = match["name"] or "" if match else revision
    tag = TAG.fullmatch(name)
    return (tag["named"] or name) if tag else None, match["commit"] if match else None


def _took(message: str) -> timedelta:
    """Return how long it took, where the message says so."""
    match = TOOK.search(message)
    told = match.groupdict(default="0") if match else {}
    return timedelta(**{unit: float(number) for unit, number in told.items()})


def _advice(error: UnmappedNameError, kind: str) -> str:
    return (
        f"{error} A {kind} has no image: add service, environment and version to the eventMetadata"
        f" of its Alert, or as annotations {ANNOTATIONS}… of the {kind}."
    )


FLUX = Adapter(
    source="flux",
    headers=frozenset({"gotk-component", "user-agent"}),
    rules=SourceRules(
        service="{metadata.service}",
        environment="{metadata.environment}",
        version="{metadata.version|metadata.app-version|tag|commit}",
    ),
    delivery_id=delivery_id,
    facts=facts,
    signature="X-Signature",
    state=state,
)
