"""What git declares, beside the last deployment in the ledger and what the cluster runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitops import programs
from gitops.aside import Preparation
from gitops.config import Config
from gitops.environments import Environments
from gitops.errors import GitopsError
from gitops.images import split
from gitops.jobs import Job
from gitops.ledger import Ledger
from gitops.objects import WORKLOADS, Object, dig
from gitops.options import Settings
from gitops.overlays import Overlay
from gitops.pins import Pin, every
from gitops.promotion import history
from gitops.releases import Release
from gitops.render import Renderer
from gitops.repository import Repository
from gitops.revision import Clone

KUBECTL = "https://kubernetes.io/docs/tasks/tools/"


@dataclass(frozen=True)
class Seen:
    """A release that the ledger recorded or the cluster runs."""

    release: Release
    finished_at: datetime | None = None  # when the last attempt ended, well or badly
    on_its_way: bool = False  # another one is being deployed


@dataclass(frozen=True)
class Row:
    """One image in one environment."""

    environment: str
    service: str
    declared: Release
    declared_at: datetime | None
    ledger: Seen | None
    cluster: Seen | None

    @property
    def state(self) -> str:
        """Return `in-sync`, `pending`, `drifted` or `unknown`.

        What differs is pending while it is on its way, or while no deployment has ended since it
        was declared, well or badly; otherwise it has drifted. The ledger's matrix has the same
        rule. Where nothing is declared, nothing should run.
        """
        seen = [each for each in (self.ledger, self.cluster) if each]
        if not seen:
            return "in-sync" if self.declared.is_free else "unknown"
        others = [each for each in seen if not each.release.is_same(self.declared)]
        if not others:
            return "pending" if any(each.on_its_way for each in seen) else "in-sync"
        finished_at = self.ledger.finished_at if self.ledger else None
        # What is not committed yet is newer than anything that was seen.
        newer = finished_at and (self.declared_at is None or self.declared_at > finished_at)
        return "pending" if newer or any(each.on_its_way for each in others) else "drifted"

    def document(self) -> dict[str, Any]:
        """Return the row for JSON."""
        recorded = self.ledger.release if self.ledger else None
        return {
            "environment": self.environment,
            "service": self.service,
            "state": self.state,
            "declared": vars(self.declared),
            "declared_at": self.declared_at.isoformat() if self.declared_at else None,
            "ledger": vars(recorded) if recorded and recorded.tag else None,
            "cluster": vars(self.cluster.release) if self.cluster else None,
        }


def rows(
    repository: Repository, clone: Clone, ledger: Ledger | None, context: str | None
) -> Iterator[Row]:
    """Yield a row for each pin of an overlay."""
    cells = ledger.get("matrix")["cells"] if ledger else []
    objects = rendered(repository) if context else {}
    known = Environments.find(repository)
    for pin in every(repository):
        service, environment = place = known.service(pin), known.of(pin)
        cell = next((c for c in cells if (c["service"], c["environment"]) == place), None)
        declared = history.since(clone, pin)
        yield Row(
            environment,
            service,
            pin.release,
            declared.at if declared else None,
            recorded(cell) if cell else None,
            running(context, pin, objects[pin.overlay]) if context else None,
        )


def rendered(repository: Repository) -> dict[Overlay, list[Object]]:
    """Return the objects of each overlay. Raises GitopsError if one does not render."""
    settings = Settings(repository.deliveries, Config.read(repository.root).build)
    prepare, every = Preparation(repository, settings), repository.overlays
    with Renderer() as renderer:
        answers = renderer.render(Job.of(prepare(each)) for each in every)
    for overlay, answer in zip(every, answers, strict=True):
        if answer.error:
            raise GitopsError(f"{overlay.name} does not render: {answer.error}")
    return {
        overlay: [Object(each) for each in answer.objects]
        for overlay, answer in zip(every, answers, strict=True)
    }


def recorded(cell: dict[str, Any]) -> Seen | None:
    """Return the last successful deployment of a ledger's cell, and whether one is running."""
    if cell["deployment_id"] is None:  # declared, but never deployed
        return Seen(Release("", ""), on_its_way=True) if cell["deploying"] else None
    release = Release(cell["version"], cell["image_digest"] or "")
    finished_at = cell["last_finished_at"]
    return Seen(
        release, datetime.fromisoformat(finished_at) if finished_at else None, cell["deploying"]
    )


def running(context: str, pin: Pin, objects: Iterable[Object]) -> Seen | None:
    """Return what the cluster runs of an image, where the overlay runs it; None for nothing."""
    for each in objects:
        if each.kind not in WORKLOADS:
            continue
        for container in each.containers():
            if split(str(container.get("image")))[0] == pin.name:
                return asked(context, each, str(container.get("name")))
    return None


def asked(context: str, thing: Object, container: str) -> Seen | None:
    """Return what a container of a workload runs; None if the cluster has no such workload."""
    kubectl = programs.find("kubectl", KUBECTL)
    argv = [kubectl, "--context", context, "get", thing.kind, thing.name, "--output", "json"]
    argv += ["--namespace", thing.namespace or "default", "--ignore-not-found"]
    done = programs.run(argv)
    if done.returncode:
        raise programs.failure(done, "kubectl get")
    if not done.stdout.strip():
        return None
    data = json.loads(done.stdout)
    for each in Object(data).containers():
        if each.get("name") == container:
            _, tag, digest = split(str(each.get("image")))
            return Seen(Release(tag, digest), on_its_way=is_rolling(data))
    return None


def is_rolling(workload: dict[str, Any]) -> bool:
    """Tell whether a rollout of a workload is not complete.

    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
    """
    wanted = dig(workload, "spec", "replicas", default=1)
    status = dig(workload, "status", default={})
    if status.get("observedGeneration") != dig(workload, "metadata", "generation"):
        return True
    return bool(
        status.get("updatedReplicas", 0) < wanted or status.get("readyReplicas", 0) < wanted
    )
