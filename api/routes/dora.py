"""`/metrics/dora`: the five DORA metrics, and the explanation of every number in them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint, abort

from api.database import database
from api.domain.dora import report
from api.domain.dora.model import Metrics
from api.domain.dora.query import Query
from api.domain.dora.rules.explanations import Explanation, Explanations
from api.domain.dora.rules.periods import Window
from api.domain.kit.cursor import CursorError, Position
from api.http.problems import InvalidParameterError
from api.routes import lists
from api.routes.lists import NextCursor, PageQuery

bp = APIBlueprint(
    "dora",
    __name__,
    url_prefix="/metrics/dora",
    tag={"name": "Metrics", "description": "How delivery goes: the five DORA metrics."},
)


# A window of a large ledger takes memory while it is added up, and Python adds up one at a time
# anyway: the others wait for their turn.
TURN = threading.Lock()
PATIENCE_S = 10.0


class ExplanationQuery(Query, PageQuery):
    """Which numbers to explain, and which part of the explanation."""


class ExplanationPage(Explanations):
    """Some of the deployments behind the metrics, newest end first, and where the next begin."""

    next_cursor: NextCursor


@bp.get("")
@bp.input(Query, location="query", arg_name="query")
@bp.output(Metrics)
@bp.doc(operation_id="getDoraMetrics", summary="Measure how delivery goes")
def get_metrics(query: Query) -> Metrics:
    """Return the five DORA metrics of each period, overall and for each service.

    Each has its numerator and denominator, or a count, and what was left out and why; it is null
    where there is nothing to divide by. docs/metrics.md has the definitions.
    """
    with _turn(), database().read() as connection:
        return report.measure(connection, query)


@bp.get("/explain")
@bp.input(ExplanationQuery, location="query", arg_name="query")
@bp.output(ExplanationPage)
@bp.doc(operation_id="explainDoraMetrics", summary="Explain each number of the metrics")
def explain_metrics(query: ExplanationQuery) -> tuple[ExplanationPage, int, dict[str, str]]:
    """Return each deployment of the window, with what it adds to each metric and why, or why not.

    What all pages say adds up to what /metrics/dora says. The cursor keeps the window as it was on
    the first page.
    """
    after: Any = None
    asked: Query = query
    position = lists.position(query, (datetime, UUID, datetime, datetime))
    if position is not None:
        *after, since, until = position
        asked = _during(query, since, until)
    with _turn(), database().read() as connection:
        told = report.explanations(connection, asked, query.limit + 1, after)

    def place(item: Explanation) -> Position:
        return (item.finished_at or item.started_at, item.id, told.since, told.until)

    items, next_cursor, headers = lists.cut(query, told.items, place)
    page = {**dict(told), "items": items, "next_cursor": next_cursor}
    return ExplanationPage.model_validate(page), 200, headers


@contextmanager
def _turn() -> Iterator[None]:
    if not TURN.acquire(timeout=PATIENCE_S):
        abort(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "Other metrics are still being added up; try again in a few seconds.",
            headers={"Retry-After": "5"},
        )
    try:
        yield
    finally:
        TURN.release()


def _during(query: Query, since: Any, until: Any) -> Query:
    try:
        return query.during(Window(since, until))
    except ValueError as error:  # nobody was given such a cursor
        raise InvalidParameterError("cursor", str(CursorError())) from error
