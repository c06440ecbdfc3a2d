"""Argo Rollouts: what its controller sends about a Rollout, by the template in docs/events.md.

Fields: argoproj/argo-rollouts, utils/record/record.go and utils/conditions/conditions.go. The
Rollout of a notification is as it was before the event, so its status says nothing: the template
adds the reason of the event and the time. Every step of a canary is progress; an abort is one
failure of the revision, whatever Kubernetes does afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.domain.deployments.model import NewDeployment, Status
from api.domain.events import images
from api.domain.events.adapter import (
    Adapter,
    NotOursError,
    ObservedDeployment,
    Received,
    UnmappedError,
)
from api.domain.events.images import Image
from api.domain.events.mapper import LeftOutError, Mapper, Names
from api.domain.events.rules import SourceRules
from api.domain.kit.times import parse_time

REASONS = {
    "RolloutUpdated": Status.RUNNING,
    "RolloutStepCompleted": Status.RUNNING,
    "RolloutPaused": Status.RUNNING,
    "RolloutResumed": Status.RUNNING,
    "RolloutCompleted": Status.SUCCEEDED,
    "RolloutAborted": Status.FAILED,
}
REVISION = "rollout.argoproj.io/revision"
# More than a pod has.
MAX_CONTAINERS = 100


def observations(received: Received, mapper: Mapper) -> Sequence[ObservedDeployment]:
    """Return the deployment of each service whose image a revision of a Rollout has."""
    body = received.body
    status = REASONS.get(body["reason"])
    if status is None:
        raise NotOursError(f"{body['reason']} neither begins nor ends a rollout")
    metadata = body["rollout"]["metadata"]
    at = parse_time(body["at"])
    revision = int(metadata["annotations"][REVISION])
    report = {
        "status": status,
        "started_at": at,
        "finished_at": at if status.terminal else None,
        "source": ARGOROLLOUTS.source,
    }
    return [
        ObservedDeployment(
            NewDeployment.model_validate(
                {
                    **report,
                    **names._asdict(),
                    "image_digest": image.digest,
                    "external_id": f"{metadata['uid']}/{revision}/{names.service}",
                }
            )
        )
        for names, image in _services(body, mapper)
    ]


def _services(body: dict[str, Any], mapper: Mapper) -> list[tuple[Names, Image]]:
    """Return the service of each container that is one, and its image.

    Raises LeftOutError if the rules leave out every image, and UnmappedError if there is none.
    """
    template = body["rollout"]["spec"].get("template") or {}
    references = {
        container["image"] for container in (template.get("spec") or {}).get("containers") or []
    }
    if not references:
        raise UnmappedError("The Rollout has no containers: a workloadRef names them elsewhere.")
    if len(references) > MAX_CONTAINERS:
        raise UnmappedError(f"The Rollout has more than {MAX_CONTAINERS} images.")
    left_out: list[LeftOutError] = []
    found = images.by_service(references, body, mapper, left_out)
    for names, several in found.values():
        if len(several) > 1:
            raise UnmappedError(f"Several images belong to the service {names.service}.")
    if not found:
        raise left_out[-1]
    return [(names, image) for names, (image,) in found.values()]


ARGOROLLOUTS = Adapter(
    source="argorollouts",
    headers=frozenset({"user-agent"}),
    rules=SourceRules(
        service="{service|image.name}",
        environment="{environment|rollout.metadata.labels.environment|rollout.metadata.labels.env"
        "|rollout.metadata.namespace}-{cluster}",
        version="{version|image.tag|image.digest}",
        images=["*"],
    ),
    # Equal bodies are one event.
    delivery_id=lambda _: None,
    observations=observations,
    succession=2,  # the revision, and the service
)
