"""Argo CD: what its notifications controller sends about an Application.

The body is whatever a template makes of the Application. Both shapes that are read, `application`
and `flat`, are parsed into one `Sync`. One sync is one deployment of each service whose image it
deploys, identified by the Application's uid, the start of the sync and the service.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from api.domain.deployments.model import NewDeployment
from api.domain.events.adapter import (
    Adapter,
    NotOursError,
    Observation,
    ObservedDeployment,
    ObservedRemoval,
    Received,
)
from api.domain.events.adapters.argocd import application, flat, images
from api.domain.events.adapters.argocd.healing import hidden_sync, hides_whole_sync
from api.domain.events.adapters.argocd.progress import progress
from api.domain.events.adapters.argocd.sync import Sync
from api.domain.events.mapper import LeftOutError, Mapper, Names
from api.domain.events.rules import SourceRules
from api.domain.kit.ids import LEFT_BEHIND, OBJECT


def observations(received: Received, mapper: Mapper) -> Sequence[Observation]:
    """Return the deployment of each service whose image a sync deploys, or what ends."""
    sync = application.parse(received.body) or flat.parse(received.body)
    if sync.deleted_at:  # its health is that of pods that go
        end = OBJECT if sync.takes_along else LEFT_BEHIND
        return _removals(sync, images.services(sync, mapper), sync.deleted_at, end)
    if sync.finished_at is None or not (pruned := images.pruned(sync, mapper)):
        return _deployments(sync, mapper)
    removals = _removals(sync, pruned, sync.finished_at)
    try:
        return [*_deployments(sync, mapper), *removals]
    except (NotOursError, LeftOutError):
        return removals


def _removals(
    sync: Sync, gone: Iterable[Names], at: datetime, end: str = OBJECT
) -> Sequence[ObservedRemoval]:
    of_this = ARGOCD.source, f"{sync.id.rpartition('/')[0]}{end}"
    return [ObservedRemoval(each.service, each.environment, at, of_this) for each in gone]


def _deployments(sync: Sync, mapper: Mapper) -> Sequence[ObservedDeployment]:
    hidden = hides_whole_sync(sync)
    if hidden:
        sync = hidden_sync(sync)
    status, finished_at, sequence = progress(sync)
    # The history does not have the images of a sync, and the running ones may be the old ones too.
    services = images.deployed(sync, mapper, final=status.terminal and not hidden)
    report = {
        "config_revision": sync.revision,
        "commit": sync.commit,
        "status": status,
        "started_at": sync.started_at,
        "finished_at": finished_at,
        "actor": sync.actor,
        "links": [{"title": "argocd", "url": sync.url}] if sync.url else [],
        "source": ARGOCD.source,
    }
    return [
        ObservedDeployment(
            NewDeployment.model_validate(
                {
                    **report,
                    **names._asdict(),
                    "image_digest": image.digest if image else None,
                    "external_id": f"{sync.id}/{names.service}",
                }
            ),
            sequence,
        )
        for names, image in services
    ]


ARGOCD = Adapter(
    source="argocd",
    headers=frozenset({"user-agent"}),
    rules=SourceRules(
        service="{service|image.name|app.metadata.name}",
        environment="{environment|env|app.metadata.labels.environment|app.metadata.labels.env|place}",
        version="{version|image.tag|image.digest|revision}",
        images=["*"],
    ),
    # Equal bodies are one event.
    delivery_id=lambda _: None,
    observations=observations,
    succession=2,  # the start of the sync, and the service
)
