"""Finds the incidents that are put down to the deployments of a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, Uuid, and_, case, select

from api.domain.cells import Cell
from api.domain.dora.kept.changed import Span, merged
from api.domain.dora.kept.finding import rows_of
from api.domain.dora.loading.incidents import COLUMNS
from api.domain.dora.loading.rows import among
from api.domain.dora.loading.scope import Scope
from api.domain.dora.rules.failures import Attribution
from api.domain.dora.rules.records import Incident
from api.domain.incidents import causes
from api.domain.incidents.model import INFERENCE_WINDOW
from api.domain.kit.records import Records
from api.tables import UtcDateTime, incidents

# Times in cells, both ends included.
TIMES = Records(
    "asked",
    {
        "service_id": Uuid(),
        "environment_id": Uuid(),
        "since": UtcDateTime(),
        "until": UtcDateTime(),
    },
)


def attributions(
    connection: Connection, scope: Scope, rows: Sequence[Any]
) -> dict[UUID, list[Attribution]]:
    """Return the incidents of some deployments, in the order in which they were detected.

    There may be some of other deployments, too.
    """
    dialect = connection.dialect
    stated = rows_of(connection, _stated(dialect.name), (row.id for row in rows))
    times = TIMES.packed(dialect, _times(rows))
    probable = connection.execute(_probable(dialect.name), {TIMES.name: times})
    found: dict[UUID, list[Attribution]] = defaultdict(list)
    for row in sorted((*stated, *probable), key=lambda row: (row.detected_at, row.id)):
        if row.cause is not None:
            place, is_stated = scope.place(row), row.deployment_id is not None
            incident = Incident(row.id, place, row.detected_at, row.resolved_at, row.deployment_id)
            found[row.cause].append(Attribution(incident, stated=is_stated))
    return found


def _times(rows: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Yield when incidents may be put down to deployments; no two of a cell overlap."""
    spans: dict[Cell, list[Span]] = defaultdict(list)
    for row in rows:
        if row.finished_at is not None:
            span = Span(row.finished_at, row.finished_at + INFERENCE_WINDOW)
            spans[Cell(row.service_id, row.environment_id)].append(span)
    for cell, of_it in spans.items():
        for span in merged(of_it):
            yield {**cell._asdict(), **span._asdict()}


@cache
def _stated(dialect: str) -> Select[Any]:
    cause = incidents.c.deployment_id
    return select(*COLUMNS, cause.label("cause")).where(among(cause, dialect))


@cache
def _probable(dialect: str) -> Select[Any]:
    """Return the SELECT of incidents by time, with the probable cause of those without another.

    That there is none is no condition, or SQLite would read all those without one. Nor is the
    cause, or PostgreSQL would look it up for every incident.
    """
    asked, table = TIMES.table(dialect), incidents.c
    cause = case((table.deployment_id.is_(None), causes.inferred().scalar_subquery()))
    here = and_(
        table.service_id == asked.c.service_id, table.environment_id == asked.c.environment_id
    )
    then = and_(table.detected_at >= asked.c.since, table.detected_at <= asked.c.until)
    return select(*COLUMNS, cause.label("cause")).join_from(asked, incidents, and_(here, then))
