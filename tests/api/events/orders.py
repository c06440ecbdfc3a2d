"""How many orders of the same events are tried."""

from __future__ import annotations

import os

from api.database import Database

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"


def tries(database: Database, orders: int) -> int:
    """Return how many orders to try on a database: PostgreSQL gets one in four, but at night.

    What the events add up to is decided in Python, by one rule for both databases; where their SQL
    could differ, the first orders show it.
    """
    return orders if LONG or database.settings.embedded else orders // 4
