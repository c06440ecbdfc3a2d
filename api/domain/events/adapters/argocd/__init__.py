"""Argo CD: what its notifications controller says of an Application.

Fields: argoproj/argo-cd, pkg/apis/application/v1alpha1/types.go. The body is whatever a template
makes of them: `{"app": …}` with the Application or a part of it in its own shape, as ours
(`k8s/argocd/`) and Datadog's templates do, or fields at the top level (`flat`).

One sync is one deployment of each service whose image it has: the key is the Application's uid,
when the sync began, and the service.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from api.domain.deployments.model import NewDeployment
from api.domain.events.adapter import Adapter, Fact, NotOursError, Received, UnmappedError
from api.domain.events.adapters.argocd import flat, images
from api.domain.events.adapters.argocd.history import hides_whole_sync, whole_sync
from api.domain.events.adapters.argocd.operation import asked
from api.domain.events.adapters.argocd.progress import progress
from api.domain.events.rules import Mapper, SourceRules

MAX_REVISION = 128
RESOURCE_VERSION = re.compile("[1-9][0-9]{0,17}")


def facts(received: Received, mapper: Mapper) -> Sequence[Fact]:
    """Return what a notification says of each service that the Application runs."""
    body = received.body
    app = _application(body)
    operation = app["status"].get("operationState")
    if not operation:
        raise NotOursError("The Application has never been synced.")
    if asked(operation, "sync").get("dryRun"):
        raise NotOursError("A dry run changes nothing.")
    hidden = hides_whole_sync(operation)
    if hidden:
        app = {**app, "status": whole_sync(app["status"])}
        operation = app["status"]["operationState"]
    started_at = operation.get("startedAt") or operation.get("finishedAt")
    if not started_at:
        raise UnmappedError("It does not say when the sync began: let the template send startedAt.")
    status, finished_at = progress(app["status"])
    revision = _revision(app["status"])
    fields = {**flat.said(body), "app": app, "revision": revision}
    # It is not said which images a hidden sync has applied, only which run: the old ones, too.
    final = status.terminal and not hidden
    told = images.deployed(app["status"], fields, mapper, final=final)
    metadata = app["metadata"]
    sequence = _sequence(metadata)
    key = metadata.get("uid") or f"{metadata.get('namespace') or 'argocd'}/{metadata['name']}"
    report = {
        "config_revision": revision,
        "commit": body.get("application_commit") or None,
        "status": status,
        "started_at": started_at,
        "finished_at": finished_at,
        "actor": _actor(operation),
        "links": _links(body),
        "source": ARGOCD.source,
    }
    return [
        Fact(
            NewDeployment.model_validate(
                {
                    **report,
                    **names._asdict(),
                    "image_digest": image.digest if image else None,
                    "external_id": f"{key}/{started_at}/{names.service}",
                }
            ),
            sequence,
        )
        for names, image in told
    ]


def _application(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Application, or as much of it as there is, in its own shape."""
    for each in (body.get("app"), body):
        if isinstance(each, dict) and "metadata" in each and "status" in each:
            return each
    return flat.application(body)


def _sequence(metadata: Mapping[str, Any]) -> int | None:
    """Return which of two notifications is the newer one: Argo CD's times are whole seconds.

    The resource versions of one object can be compared (Kubernetes' KEP-5504, stable since 1.35).
    """
    version = metadata.get("resourceVersion")
    if isinstance(version, str) and RESOURCE_VERSION.fullmatch(version):
        return int(version)
    return None


def _revision(status: Mapping[str, Any]) -> str | None:
    """Return the revision of the configuration: of several sources, each one's.

    Not `status.sync.revision`, which is what the Application is compared with by now.
    """
    operation = status["operationState"]
    for told in (operation.get("syncResult") or {}, asked(operation, "sync")):
        several = [each for each in told.get("revisions") or [] if each]
        revision = ",".join(several) or told.get("revision")
        if revision and len(revision) > MAX_REVISION:
            return f"sha256:{hashlib.sha256(revision.encode()).hexdigest()}"
        if revision:
            return str(revision)
    return None


def _actor(operation: Mapping[str, Any]) -> str | None:
    """Return the person who began the sync; an automatic one has none."""
    initiated_by = asked(operation, "initiatedBy")
    return None if initiated_by.get("automated") else initiated_by.get("username") or None


def _links(body: Mapping[str, Any]) -> list[dict[str, str]]:
    url = body.get("url")
    if isinstance(url, str) and url.startswith(("https://", "http://")):
        return [{"title": "argocd", "url": url}]
    return []


ARGOCD = Adapter(
    source="argocd",
    headers=frozenset({"user-agent"}),
    rules=SourceRules(
        service="{service|image.name|app.metadata.name}",
        environment="{environment|env|app.metadata.labels.environment|app.metadata.labels.env"
        "|app.spec.destination.namespace}",
        version="{version|image.tag|image.digest|revision}",
    ),
    # Equal bodies say the same thing.
    delivery_id=lambda _: None,
    facts=facts,
)
