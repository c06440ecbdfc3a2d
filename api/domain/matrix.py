"""The matrix: for each service and environment, what runs there, now or at an earlier time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, true

from api.domain.sql import ByteOrder
from api.domain.types import Status
from api.tables import deployments, environments, services


def running(
    connection: Connection, at: datetime | None = None, among: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Return one row for each service and environment where something runs.

    What runs is what last succeeded there, by the time it finished: a later failure or a rollout
    under way does not replace it. With `at`, what had finished by then decides; with `among`, only
    those environments are looked at. Rows are sorted by service, then in the order of promotion.
    """
    # One look along an index for each cell, however long the history is.
    earlier = deployments.alias()
    last_success = (
        select(earlier.c.id)
        .where(
            earlier.c.service_id == services.c.id,
            earlier.c.environment_id == environments.c.id,
            earlier.c.status == Status.SUCCEEDED,
            true() if at is None else earlier.c.finished_at <= at,
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
            deployments.c.config_revision,
            deployments.c.finished_at.label("since"),
            deployments.c.id.label("deployment_id"),
        )
        .select_from(
            services.join(environments, true()).join(deployments, deployments.c.id == last_success)
        )
        .where(true() if among is None else environments.c.name.in_(among))
        .order_by(
            ByteOrder(services.c.name),
            environments.c.promotion_order,
            ByteOrder(environments.c.name),
        )
    )
    return [dict(row) for row in connection.execute(statement).mappings()]
