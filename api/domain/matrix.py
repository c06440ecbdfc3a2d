"""The matrix: the release that runs of each service in each environment, and the declared one.

A cell is a service in an environment. The service tells all of it (`cells`); a page shows part of
it, and of attempts to deploy, too (`glances`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field
from sqlalchemy import Connection, bindparam

from api.domain import selection
from api.domain.kit.cursor import Position
from api.domain.kit.models import Incoming
from api.domain.kit.pages import Listing
from api.domain.kit.sql import has_lateral
from api.domain.kit.types import Actor, Name
from api.domain.releases import AT, ORDER, Release, given
from api.domain.states import SyncState
from api.tables import environments, services

CONDITIONS = {
    "service": services.c.name == bindparam("service"),
    "environment": environments.c.name == bindparam("environment"),
    "owner": services.c.owner == bindparam("owner"),
}


class Filters(Incoming):
    """Filters of the cells."""

    service: Name | None = None
    environment: Name | None = None
    owner: Annotated[Actor | None, Field(description="The owner of the service.")] = None
    state: SyncState | None = None


class Glance(NamedTuple):
    """What a page shows of a cell; what does not apply is None."""

    # As of a Release.
    service: str
    environment: str
    service_id: UUID
    environment_id: UUID
    version: str | None
    image_digest: str | None
    commit: str | None
    deployment_id: UUID | None
    since: datetime | None
    # The actor of the deployment, or its source.
    by: str | None
    # A SyncState.
    state: str
    # What is declared, if that is or may be something else.
    declared_version: str | None
    declared_image_digest: str | None
    # Version and id of the last attempt, if it goes on, or if it failed.
    deploying: tuple[str, UUID] | None
    failed: tuple[str, UUID] | None


def cells(
    connection: Connection,
    at: datetime | None = None,
    filters: Filters | None = None,
    after: Position | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return one row for each service and environment with a running or declared release.

    With `at`, the rows show what had finished and what was declared at that time. Rows are sorted
    by `ORDER`, begin after the position `after`, and are at most `limit`. Their fields are in the
    order in which the API tells them, and `promotion_order` follows.
    """
    wanted = filters or Filters()
    listing = _told(lateral=has_lateral(connection), past=at is not None)
    rows = listing.tuples(connection, dict(wanted), limit, after, **given(at))
    return [_cell(row) for row in rows]


def glances(
    connection: Connection,
    at: datetime | None = None,
    filters: Filters | None = None,
    *,
    transient: bool = True,
) -> list[Glance]:
    """Return what pages show of each cell, now or at a time, by `ORDER`.

    There is also one where nothing more than an attempt to deploy has been made. The filters narrow
    them, but for the state; without `transient`, those of transient environments are left out.
    """
    listing = _shown(lateral=has_lateral(connection), past=at is not None, every=transient)
    rows = listing.tuples(connection, dict(filters or Filters()), **given(at))
    return [_glance(row) for row in rows]


def running(seen: Iterable[Glance]) -> list[Release]:
    """Return what runs in the cells that are seen."""
    return [
        Release._make(glance[: len(Release._fields)])
        for glance in seen
        if glance.version is not None
    ]


def _glance(row: Sequence[Any]) -> Glance:
    # By position, as there are thousands.
    attempt = row[14:] if row[14] else None
    under_way, failed = (attempt, None) if row[13] else (None, attempt)
    return Glance._make((*row[:13], under_way, failed))


def _cell(row: Sequence[Any]) -> dict[str, Any]:
    # Each by its name, as there are thousands: to pair names with values takes twice as long.
    service, environment, version, image_digest, commit, revision, since, deployment_id = row[:8]
    declared_at, deploying, last_finished_at, state, promotion_order = row[8:13]
    return {
        "service": service,
        "environment": environment,
        "version": version,
        "image_digest": image_digest,
        "commit": commit,
        "config_revision": revision,
        "since": since,
        "deployment_id": deployment_id,
        "declared": _declared(row[13:], declared_at) if declared_at else None,
        "deploying": deploying,
        "last_finished_at": last_finished_at,
        "state": state,
        "promotion_order": promotion_order,
    }


def _declared(content: Sequence[Any], declared_at: datetime) -> dict[str, Any]:
    version, image_digest, config_revision, repository, path = content
    return {
        "version": version,
        "image_digest": image_digest,
        "config_revision": config_revision,
        "repository": repository,
        "path": path,
        "declared_at": declared_at,
    }


@cache
def _told(*, lateral: bool, past: bool) -> Listing:
    """Return the list of what is told of the cells, now or in the past."""
    selected = selection.told(AT if past else None, lateral=lateral)
    found = selected.selected_columns.state == bindparam("state")
    conditions = {**CONDITIONS, "state": found}
    return Listing(selected, ORDER, conditions, values={"state": str}, newest_first=False)


@cache
def _shown(*, lateral: bool, past: bool, every: bool) -> Listing:
    """Return the list of what is shown of the cells, now or in the past: of `every`, or stages."""
    selected = selection.shown(AT if past else None, lateral=lateral)
    if not every:
        selected = selected.where(~environments.c.transient)
    return Listing(selected, ORDER, CONDITIONS, newest_first=False)
