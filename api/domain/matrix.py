"""The matrix: for each service and environment, what runs there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select, true

from api.domain.types import Status
from api.tables import deployments, environments, services


def current(connection: Connection) -> list[dict[str, Any]]:
    """Return one row for each service and environment where something runs, by their names.

    What runs is what last succeeded there, by the time it finished: a later failure or a rollout
    under way does not replace it.
    """
    # One look along an index for each cell, however long the history is.
    earlier = deployments.alias()
    last_success = (
        select(earlier.c.id)
        .where(
            earlier.c.service_id == services.c.id,
            earlier.c.environment_id == environments.c.id,
            earlier.c.status == Status.SUCCEEDED,
        )
        .order_by(earlier.c.finished_at.desc(), earlier.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    statement = (
        select(
            services.c.name.label("service"),
            environments.c.name.label("environment"),
            deployments.c.version,
            deployments.c.image_digest,
            deployments.c.commit,
            deployments.c.finished_at.label("since"),
            deployments.c.id.label("deployment_id"),
        )
        .select_from(
            services.join(environments, true()).join(deployments, deployments.c.id == last_success)
        )
        .order_by(services.c.name, environments.c.name)
    )
    return [dict(row) for row in connection.execute(statement).mappings()]
