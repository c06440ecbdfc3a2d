"""`/metrics/dora`: the five DORA metrics, and the explanation of every number in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response

from api.domain.dora import report
from api.domain.dora.model import Metrics
from api.domain.dora.query import Query
from api.domain.dora.rules.explanations import Explanation, Explanations
from api.domain.dora.rules.periods import Window
from api.domain.kit.cursor import CursorError, Position
from api.http import bodies
from api.http.problems import InvalidParameterError
from api.http.turns import turn
from api.routes import lists
from api.routes.lists import NextCursor, PageQuery

bp = APIBlueprint(
    "dora",
    __name__,
    url_prefix="/metrics/dora",
    tag={"name": "Metrics", "description": "The five DORA metrics of software delivery."},
)


class ExplanationQuery(Query, PageQuery):
    """The metrics to explain, and the page of the explanation."""


class ExplanationPage(Explanations):
    """A page of the deployments behind the metrics, newest end first."""

    next_cursor: NextCursor


@bp.get("")
@bp.input(Query, location="query", arg_name="query")
@bp.output(Metrics)
@bp.doc(operation_id="getDoraMetrics", summary="Compute the DORA metrics")
def get_metrics(query: Query) -> Response:
    """Return the five DORA metrics of each period, overall and for each service.

    Each has its numerator and denominator, or a count, and the number of exclusions by reason. A
    ratio is null if its denominator is 0. docs/metrics.md has the definitions.
    """
    with turn() as connection:
        figures = report.figures(connection, query)
    return bodies.response(figures)


@bp.get("/explain")
@bp.input(ExplanationQuery, location="query", arg_name="query")
@bp.output(ExplanationPage)
@bp.doc(operation_id="explainDoraMetrics", summary="Explain the DORA metrics")
def explain_metrics(query: ExplanationQuery) -> Response:
    """Return the deployments in the window with what each adds to each metric, and why.

    All pages together add up to the metrics in /metrics/dora. The cursor keeps the window of the
    first page.
    """
    after: Any = None
    same_window: Query = query
    position = lists.position(query, (datetime, UUID, datetime, datetime))
    if position is not None:
        *after, since, until = position
        same_window = _during(query, since, until)
    with turn() as connection:
        found = report.explanations(connection, same_window, query.limit + 1, after)

    def position_of(item: Explanation) -> Position:
        return (item.finished_at or item.started_at, item.id, found.since, found.until)

    items, next_cursor, headers = lists.cut(query, found.items, position_of)
    page = {**dict(found), "items": items, "next_cursor": next_cursor}
    return bodies.response(ExplanationPage.model_validate(page), headers)


def _during(query: Query, since: Any, until: Any) -> Query:
    try:
        return query.during(Window(since, until))
    except ValueError as error:  # a forged cursor
        raise InvalidParameterError("cursor", str(CursorError())) from error
