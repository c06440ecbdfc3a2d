"""The state of a database on PostgreSQL: the same one, the same data."""

from __future__ import annotations

from sqlalchemy import Connection, Text, literal_column, select

from api.domain.kit.queries import Query

# A server that takes the place of this one, or was restored, counts its transactions anew.
VISIBLE = "pg_current_snapshot() || ' since ' || pg_postmaster_start_time()"
STATE = Query(select(literal_column(VISIBLE, Text).label("visible")))


def visible(connection: Connection) -> str:
    """Return a text that names the transactions whose effects are visible.

    What other databases of the same server write may change it, too.
    """
    (found,) = STATE.rows(connection, {})
    return str(found["visible"])
