"""Incidents as they are found, each with the deployment that it is put down to."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import Connection, bindparam, select

from api.domain.incidents import causes
from api.domain.kit import pages
from api.domain.kit.pages import Listing, Order, TimeRange
from api.domain.kit.queries import Query
from api.domain.kit.types import Name
from api.tables import environments, incidents, services


class Filters(TimeRange):
    """What a list of incidents is narrowed to; `from` and `to` are about `detected_at`."""

    service: Name | None = None
    environment: Name | None = None
    is_open: Annotated[
        bool | None, Field(alias="open", description="Whether it is not resolved yet.")
    ] = None


# The columns of an incident in the API, in the order a person reads them.
FIELDS = (
    incidents.c.id,
    services.c.name.label("service"),
    environments.c.name.label("environment"),
    incidents.c.title,
    incidents.c.detected_at,
    incidents.c.resolved_at,
    causes.deployment_id().label("deployment_id"),
    causes.link().label("link"),
    incidents.c.links,
    incidents.c.source,
    incidents.c.external_id,
    incidents.c.created_at,
)

ORDER: Order = {"detected_at": incidents.c.detected_at, "id": incidents.c.id}


EVERY = select(*FIELDS).select_from(incidents.join(services).join(environments))
BY_ID = Query(EVERY.where(incidents.c.id == bindparam("incident_id")))
UNRESOLVED = incidents.c.resolved_at.is_(None)
# By whether they are open, or of both.
LISTINGS = {
    is_open: Listing(
        EVERY.where(*which),
        ORDER,
        {
            "service": services.c.name == bindparam("service"),
            "environment": environments.c.name == bindparam("environment"),
            **pages.within(incidents.c.detected_at),
        },
    )
    for is_open, which in {None: (), True: (UNRESOLVED,), False: (~UNRESOLVED,)}.items()
}


def find(connection: Connection, incident_id: UUID) -> dict[str, Any] | None:
    """Return the incident of that id, or None."""
    return BY_ID.one(connection, incident_id=incident_id)
