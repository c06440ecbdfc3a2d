"""Scopes: the sets of environments for which first deliveries are kept.

What has been delivered depends on which environments are asked about: that is one of them, or all
of production. Where production is one environment, that one's rows are its rows, too.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, select

from api.domain.tiers import Tier
from api.tables import environments

PRODUCTION = UUID(int=0)
TIERS = select(environments.c.id, environments.c.tier)


class DeliveryScope(NamedTuple):
    """An id by which rows are kept, and the environments that they are about."""

    id: UUID
    environments: frozenset[UUID]

    @classmethod
    def of_one(cls, environment_id: UUID) -> DeliveryScope:
        """Return the scope of one environment."""
        return cls(environment_id, frozenset([environment_id]))


def of(environment_ids: Collection[UUID]) -> UUID:
    """Return the id by which the rows of a query's environments are kept."""
    return next(iter(environment_ids)) if len(environment_ids) == 1 else PRODUCTION


def every(connection: Connection) -> list[DeliveryScope]:
    """Return the scope of each environment, and that of production if it is more than one."""
    tiers = {row.id: row.tier for row in connection.execute(TIERS)}
    found = [DeliveryScope.of_one(environment_id) for environment_id in tiers]
    production = frozenset(each for each, tier in tiers.items() if tier == Tier.PRODUCTION)
    return [*found, DeliveryScope(PRODUCTION, production)] if len(production) > 1 else found
