"""Events about something that a person has deleted: it stays deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from api.domain import lookups
from api.domain.changes.model import NewChange
from api.domain.events.adapter import (
    Observation,
    ObservedDeployment,
    ObservedEnvironment,
    ObservedRemoval,
)
from api.domain.events.interpret import Meaning
from api.domain.lookups import Found, Gone


class About(NamedTuple):
    """What an observation is about, and when it happened."""

    service: str | None
    environment: str | None
    at: datetime
    deployment: tuple[str, str] | None = None


def look_up(connection: Connection, meaning: Meaning, received_at: datetime) -> Found:
    """Look up the names in an event, and whether any of them was deleted."""
    about = [_about(observation, received_at) for observation in _observed(meaning)]
    return lookups.look_up(
        connection,
        {subject.service for subject in about if subject.service},
        {subject.environment for subject in about if subject.environment},
        {subject.deployment for subject in about if subject.deployment},
    )


def _observed(meaning: Meaning) -> Sequence[Observation]:
    return (
        *meaning.deployments,
        *meaning.incidents,
        *meaning.environments,
        *meaning.removals,
        *meaning.changes,
    )


def without_deleted(meaning: Meaning, received_at: datetime, gone: Gone) -> Meaning:
    """Return what is left of a meaning without what was deleted since it happened."""
    if not any(gone):
        return meaning

    def left[Each: Observation](some: Sequence[Each]) -> list[Each]:
        return [
            observation
            for observation in some
            if not _is_gone(_about(observation, received_at), gone)
        ]

    return meaning._replace(
        deployments=left(meaning.deployments),
        incidents=left(meaning.incidents),
        environments=left(meaning.environments),
        removals=left(meaning.removals),
        changes=left(meaning.changes),
    )


def _about(observed: Observation, received_at: datetime) -> About:
    if isinstance(observed, ObservedDeployment):
        new = observed.report
        at = new.finished_at or new.started_at or received_at
        return About(new.service, new.environment, at, (new.source, str(new.external_id)))
    if isinstance(observed, ObservedEnvironment):
        return About(None, observed.name, observed.at)
    if isinstance(observed, NewChange):
        return About(observed.service, None, observed.committed_at)
    if isinstance(observed, ObservedRemoval):
        return About(observed.service, observed.environment, observed.at)
    at = observed.resolved_at or observed.detected_at or received_at
    return About(observed.service, observed.environment, at)


def _is_gone(about: About, gone: Gone) -> bool:
    return (
        gone.service(about.service, about.at)
        or gone.environment(about.environment, about.at)
        or about.deployment in gone.deployments
    )
