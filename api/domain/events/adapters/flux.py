"""Flux: what its notification-controller sends about Kustomizations and HelmReleases.

Fields: fluxcd/pkg, apis/event/v1/event.go, as in v1beta1 before it. Reasons: fluxcd/pkg,
apis/meta/conditions.go; fluxcd/helm-controller, api/v2/condition_types.go. Precedence of
metadata: fluxcd/flux2, rfcs/0008-custom-event-metadata-from-annotations.
A success is repeated at every interval: `api.domain.events.runs`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from api.domain.deployments.model import Kind, NewDeployment, Status
from api.domain.events.adapter import (
    FAILED,
    STAMP,
    SUCCEEDED,
    UNDONE,
    Adapter,
    NotOursError,
    Observation,
    ObservedDeployment,
    ObservedRemoval,
    Received,
    State,
    UnmappedError,
)
from api.domain.events.mapper import Mapper, Names, UnmappedNameError
from api.domain.events.rules import SourceRules
from api.domain.events.tags import tag_of
from api.domain.events.texts import in_ascii
from api.domain.kit.ids import OBJECT
from api.domain.kit.times import parse_instant, parse_time
from api.domain.kit.types import printable

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
        "TestFailed": Status.FAILED,  # although the action before it has succeeded
    },
}
TESTED = "TestFailed"
UNINSTALLED = ("HelmRelease", "UninstallSucceeded")
ANNOTATIONS = "event.toolkit.fluxcd.io/"
# `main@sha1:…`, `main/…` (until v0.35), `1.2.0@sha256:…`, or a digest alone.
REVISION = re.compile(
    r"(?:(?P<name>.+?)[@/])?"
    r"(?:(?:sha1:)?(?P<commit>[0-9a-f]{40})|(?:sha256:)?(?P<digest>[0-9a-f]{64}))"
)
# An artifact has no branches; a tag without a number says nothing, as `latest` does not.
ARTIFACT_TAG = re.compile(r"v?\d.*")
# A duration as Go writes it. Less than a second counts as zero: the times are in seconds.
TOOK = re.compile(
    r"(?:finished in|failed after) "
    r"(?:(?P<hours>\d{1,4})h)?(?:(?P<minutes>\d{1,2})m)?(?:(?P<seconds>\d{1,2}(?:\.\d+)?)s)?"
)
MAX_REVISION = 128
FIRST = 0
# Helm-controller tries a failed action again after minutes, and names no values: what fails later
# than that is another change.
RETRIED_FOR = timedelta(hours=1)
# Parts of a state's key: short enough for a delivery id, long enough for a digest.
MAX_SUBJECT, MAX_STATE = 128, 64


def observations(received: Received, mapper: Mapper) -> Sequence[Observation]:
    """Return the deployment of a revision whose end an event reports, or the end of what runs."""
    body = received.body
    kind, reason = body["involvedObject"]["kind"], body["reason"]
    status = _status(body)
    if status is None and (kind, reason) != UNINSTALLED:
        raise NotOursError(f"{reason} of a {kind} does not end a deployment")
    metadata = _metadata(body)
    if not metadata.get("revision"):
        raise NotOursError(f"{reason} without a revision is not about a deployment")
    revision = _revision(metadata)
    place = _environment(metadata)
    fields = {**body, "metadata": metadata, "environment": place, **revision}
    try:
        if status is None:
            return [_removal(body, mapper, fields)]
        names = mapper.names(fields)
    except UnmappedNameError as error:
        raise UnmappedError(_advice(error, kind)) from error
    finished_at = parse_instant(body["timestamp"])
    report = NewDeployment.model_validate(
        {
            **names._asdict(),
            "commit": _parsed(metadata.get("commit", ""))[1],
            "config_revision": _deployed_revision(kind, finished_at, metadata, names, revision),
            "kind": Kind.ROLLBACK if reason.startswith("Rollback") else None,
            "status": status,
            "started_at": finished_at - _took(str(body.get("message"))),
            "finished_at": finished_at,
            "source": FLUX.source,
            "external_id": f"{_subject(body)}/{finished_at:{STAMP}}",
        }
    )
    # Tests name no version of the application, so that what they were run for goes before them.
    sequence = FIRST if kind == "HelmRelease" and reason != TESTED else None
    return [ObservedDeployment(report, sequence)]


def _removal(body: dict[str, Any], mapper: Mapper, fields: dict[str, Any]) -> ObservedRemoval:
    """Return the end of what runs, of whatever version."""
    place = mapper.name("service", fields), mapper.name("environment", fields)
    of_this = FLUX.source, f"{_subject(body)}{OBJECT}"
    return ObservedRemoval(*place, parse_time(body["timestamp"]), of_this)


def state(received: Received) -> State | None:
    """Return the state that an event reports, or None if it does not end a deployment."""
    try:
        body = received.body
        kind, status = body["involvedObject"]["kind"], _status(body)
        revision = printable(_config_revision(_metadata(body)))[-MAX_STATE:]
        at = parse_instant(body["timestamp"])
        if status is None or not revision:
            return None
        reached, retried_for = SUCCEEDED if status is Status.SUCCEEDED else FAILED, None
        if body["reason"] == TESTED:
            reached = UNDONE
        elif kind == "HelmRelease" and reached == SUCCEEDED:
            # Sent once for each action: the values may differ even if the chart does not.
            revision = f"{revision} {at:{STAMP}}"[-MAX_STATE:]
        elif kind == "HelmRelease":
            retried_for = RETRIED_FOR
        return State(_subject(body), at, reached, revision, retried_for)
    except (KeyError, TypeError, AttributeError, ValueError):
        return None  # observations() reports what is wrong


def delivery_id(received: Received) -> str | None:
    """Return the state and its time: the same when the event is sent again."""
    found = state(received)
    return None if found is None else found.key


def _status(body: dict[str, Any]) -> Status | None:
    """Return the status that an event reports, or None if it does not end a deployment.

    What prunes a Kustomization that is deleted repeats its last reason, and is no failure of it.
    """
    kind = body["involvedObject"]["kind"]
    status = REASONS.get(kind, {}).get(body["reason"])
    pruning = (kind, status, body.get("severity")) == ("Kustomization", Status.FAILED, "info")
    return None if pruning else status


def _metadata(body: dict[str, Any]) -> dict[str, str]:
    """Return the metadata without the groups of their names.

    The controller's take precedence over the alert's, and these over annotations.
    """
    given: dict[str, str] = body.get("metadata") or {}
    ordered = sorted(given, key=lambda name: (not name.startswith(ANNOTATIONS), "/" in name))
    return {name.rpartition("/")[2]: given[name] for name in ordered}


def _environment(metadata: dict[str, str]) -> str | None:
    """Return the environment in the metadata, in its cluster if they name one."""
    environment, cluster = metadata.get("environment"), metadata.get("cluster")
    return f"{environment}-{cluster}" if environment and cluster else environment


def _subject(body: dict[str, Any]) -> str:
    """Return the id of the object whose states are a sequence: for each alert's names another."""
    involved, metadata = body["involvedObject"], _metadata(body)
    name = involved.get("uid") or f"{involved['kind']}/{involved['namespace']}/{involved['name']}"
    subject = f"{name}/{metadata.get('service', '')}/{_environment(metadata) or ''}"
    if re.fullmatch(r"[!-~]+", subject) and len(subject) <= MAX_SUBJECT:
        return subject
    return hashlib.sha256(subject.encode()).hexdigest()


def _config_revision(metadata: dict[str, str]) -> str:
    """Return the applied revision, with the digest if it is a chart from a registry."""
    digest = metadata.get("oci-digest")
    revision = metadata.get("revision", "") + (f"@{digest}" if digest else "")
    return revision[-MAX_REVISION:]


def _deployed_revision(
    kind: str,
    at: datetime,
    metadata: dict[str, str],
    names: Names,
    revision: dict[str, str | None],
) -> str | None:
    """Return what distinguishes this configuration from others of the same version.

    Helm acts only on a change, of values that it does not name: the time stands for them. A commit
    to a repository of many services says nothing of one whose version is stated besides it.
    """
    if kind == "HelmRelease":
        return in_ascii(f"{_config_revision(metadata)}@{at:%Y-%m-%dT%H:%M:%SZ}")[-MAX_REVISION:]
    is_other = names.version not in revision.values()
    return None if is_other else in_ascii(_config_revision(metadata))[-MAX_REVISION:]


def _revision(metadata: dict[str, str]) -> dict[str, str | None]:
    """Return the tag and the commit of a revision, or those of the artifact's origin."""
    tag, commit = _parsed(metadata["revision"])
    origin_tag, origin_commit = _parsed(metadata.get("originRevision", ""))
    return {"tag": tag or origin_tag, "commit": origin_commit or commit}


def _parsed(revision: str) -> tuple[str | None, str | None]:
    match = REVISION.fullmatch(revision)
    if match is None:
        return tag_of(revision), None
    name = match["name"] or ""
    if match["digest"] and ARTIFACT_TAG.fullmatch(name):
        return name, None
    return tag_of(name), match["commit"]


def _took(message: str) -> timedelta:
    """Return the duration in a message; zero if it has none."""
    match = TOOK.search(message)
    units = match.groupdict(default="0") if match else {}
    return timedelta(**{unit: float(number) for unit, number in units.items()})


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
        environment="{environment}",
        version="{metadata.version|metadata.app-version|tag|commit}",
    ),
    delivery_id=delivery_id,
    observations=observations,
    signature="X-Signature",
    state=state,
)
