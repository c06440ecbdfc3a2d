"""Deployments as they are found: one by its id, or a list by filters."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, select

from api.domain.deployments.model import Kind, Status
from api.domain.kit import pages, versions
from api.domain.kit.pages import Listing, Order, TimeRange
from api.domain.kit.queries import Query, plain
from api.domain.kit.types import (
    Name,
    Version,
)
from api.tables import deployments, environments, services


class Filters(TimeRange):
    """What a list of deployments is narrowed to; `from` and `to` are about `started_at`."""

    service: Name | None = None
    environment: Name | None = None
    status: Status | None = None
    kind: Kind | None = None
    version: Version | None = None


# The columns of a deployment in the API, in the order a person reads them.
FIELDS = (
    deployments.c.id,
    services.c.name.label("service"),
    environments.c.name.label("environment"),
    deployments.c.version,
    deployments.c.image_digest,
    deployments.c.commit,
    deployments.c.config_revision,
    deployments.c.kind,
    deployments.c.status,
    deployments.c.started_at,
    deployments.c.finished_at,
    deployments.c.actor,
    deployments.c.links,
    deployments.c.source,
    deployments.c.external_id,
    deployments.c.created_at,
)

ORDER: Order = {"started_at": deployments.c.started_at, "id": deployments.c.id}


NAMES = plain(column.key for column in FIELDS)
EVERY = select(*FIELDS).select_from(deployments.join(services).join(environments))
# Built once: to build a statement takes longer than to have it answered.
BY_ID = Query(EVERY.where(deployments.c.id == bindparam("deployment_id")))
BY_IDS = EVERY.where(deployments.c.id.in_(bindparam("deployment_ids", expanding=True)))
LISTING = Listing(
    EVERY,
    ORDER,
    {
        "service": services.c.name == bindparam("service"),
        "environment": environments.c.name == bindparam("environment"),
        "status": deployments.c.status == bindparam("status"),
        "kind": deployments.c.kind == bindparam("kind"),
        "version": deployments.c.version.in_(bindparam("version", expanding=True)),
        **pages.within(deployments.c.started_at),
    },
    values={"version": versions.spellings},
)


def find(connection: Connection, deployment_id: UUID) -> dict[str, Any] | None:
    """Return the deployment of that id, or None."""
    return BY_ID.one(connection, deployment_id=deployment_id)


def shown(row: Mapping[str, Any], service: str, environment: str) -> dict[str, Any]:
    """Return a deployment, given its row and the names that the row refers to, as `find` does."""
    found = {**row, "service": service, "environment": environment}
    return {name: found[name] for name in NAMES}


def find_all(connection: Connection, ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return the deployments of these ids, by their ids."""
    rows = connection.execute(BY_IDS, {"deployment_ids": list(ids)}).all() if ids else ()
    found = (dict(zip(NAMES, row, strict=True)) for row in rows)
    return {row["id"]: row for row in found}


def versions_of(connection: Connection, ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the version of each of these deployments, by its id."""
    found = select(deployments.c.id, deployments.c.version).where(deployments.c.id.in_(ids))
    return {row.id: row.version for row in connection.execute(found)}


def is_empty(connection: Connection) -> bool:
    """Say whether no deployment was ever recorded."""
    return connection.execute(select(deployments.c.id).limit(1)).first() is None
