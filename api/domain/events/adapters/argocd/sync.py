"""One sync of an Argo CD Application: what was asked for, what was applied, how healthy it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Phase(StrEnum):
    """The phase of a sync (argoproj/gitops-engine, pkg/sync/common/types.go)."""

    RUNNING = "Running"
    TERMINATING = "Terminating"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"

    @property
    def ended(self) -> bool:
        """Return whether the sync has ended, retries included."""
        return self not in (Phase.RUNNING, Phase.TERMINATING)

    @property
    def failed(self) -> bool:
        """Return whether the sync has ended, and not as it should."""
        return self in (Phase.FAILED, Phase.ERROR)


@dataclass(frozen=True)
class Sync:
    """A sync, as both shapes of a notification describe it; what neither gives is None or empty."""

    # APPLICATION/STARTED_AT, with the Application's uid or else NAMESPACE/NAME.
    id: str
    # Orders the notifications about one Application.
    sequence: int | None
    phase: Phase
    started_at: datetime
    # None while it runs, although Argo CD has a time for each failed try.
    finished_at: datetime | None
    # The person who started it; None for an automated sync.
    actor: str | None
    # The revision of the configuration; those of several sources are joined by commas.
    revision: str | None
    # The application's commit, which only a template can know.
    commit: str | None
    # The kinds of the resources to sync; empty for all of the Application's.
    selected_kinds: frozenset[str]
    # The images of the applied resources (since Argo CD 3), and of all the running pods.
    applied_images: tuple[str, ...]
    running_images: tuple[str, ...]
    # Those of the resources that it has deleted, as they are no longer in git.
    pruned_images: tuple[str, ...]
    # Once the sync has succeeded: the health of the Application, when it last changed, and when it
    # was last looked at.
    health: str | None
    health_changed_at: datetime | None
    reconciled_at: datetime | None
    # The Application's page in Argo CD.
    url: str | None
    # When the Application was deleted, and whether that deletes all that it has deployed.
    deleted_at: datetime | None
    takes_along: bool
    # The last sync of all resources, if this one selects some and applies no image, and if nothing
    # has drifted since.
    last_whole_sync: Sync | None
    # The fields that templates in the rules file can use.
    fields: Mapping[str, Any] = field(compare=False, repr=False)

    @property
    def partial(self) -> bool:
        """Return whether only some of the Application's resources were selected."""
        return bool(self.selected_kinds)
