"""`/insights`: the five DORA metrics over time, and what each of their points is made of."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from flask import render_template, url_for
from pydantic import Field, ValidationError

from api.domain.dora import report
from api.domain.dora.query import Query
from api.domain.dora.rules.explanations import Explanation
from api.domain.dora.rules.periods import Interval
from api.domain.kit.cursor import Position
from api.domain.kit.times import this_minute
from api.domain.kit.types import Name
from api.http import auth
from api.http.problems import InvalidQueryError, faults
from api.http.turns import turn
from api.pages import paging
from api.pages.blueprint import bp
from api.pages.forms import Form, FormTime, choices
from api.pages.paging import Cursor
from api.pages.plots import Metric, plots
from api.pages.words import timestamp

SPANS = {30: "30 days", 90: "90 days", 365: "a year"}
DEPLOYMENTS = 50


class Scope(Form):
    """What the metrics are about; by default, all services in production."""

    service: Name | None = None
    environment: Name | None = None


class InsightsForm(Scope):
    """How long ago the plots begin, in days, and the length of a period."""

    days: Annotated[int, Field(ge=1, le=366)] = 90
    interval: Interval = Interval.WEEK


class ExplanationForm(Scope):
    """The point to explain: a metric in a period."""

    metric: Metric
    since: Annotated[FormTime, Field(alias="from")]
    until: Annotated[FormTime, Field(alias="to")]
    cursor: Cursor = None


@bp.get("/insights")
@auth.page
@bp.input(InsightsForm, location="query", arg_name="query")
def show_insights(query: InsightsForm) -> str:
    """Return a plot and a table of each metric."""
    begin = (this_minute() - timedelta(days=query.days)).replace(hour=0, minute=0)
    asked = _asked({**_scope(query), "from": begin, "interval": query.interval})
    with turn() as connection:
        names = choices(connection)
        metrics = report.measure(connection, asked, by_service=False)

    def explained(metric: Metric, since: datetime, until: datetime) -> str:
        point: dict[str, Any] = {"from": timestamp(since), "to": timestamp(until)}
        return url_for("pages.explain_insight", metric=metric, **point, **_scope(query))

    return render_template(
        "insights.html",
        query=query,
        plots=plots(metrics.overall.periods),
        metrics=metrics,
        **names,
        spans=SPANS,
        intervals=[Interval.DAY, Interval.WEEK, Interval.MONTH],
        explained=explained,
    )


@bp.get("/insights/explanation")
@auth.page
@bp.input(ExplanationForm, location="query", arg_name="query")
def explain_insight(query: ExplanationForm) -> str:
    """Return the deployments behind a point, with what each adds to the metric, and why."""
    period = {"from": query.since, "to": query.until}
    asked = _asked({**_scope(query), **period})
    after: Any = paging.position(query.cursor)
    with turn() as connection:
        metrics = report.measure(connection, asked, by_service=False)
        found = report.explanations(connection, asked, DEPLOYMENTS + 1, after)
    items, older = paging.cut(found.items, DEPLOYMENTS, _position)
    (plot,) = [plot for plot in plots(metrics.overall.periods) if plot.metric == query.metric]
    return render_template(
        "explanation.html",
        query=query,
        metrics=metrics,
        plot=plot,
        items=[(item, getattr(item.metrics, query.metric)) for item in items],
        older=older,
    )


def _asked(given: dict[str, Any]) -> Query:
    """Return a query for the metrics; abort with 422 if there can be none, as the API does."""
    try:
        return Query.model_validate(given)
    except ValidationError as error:
        raise InvalidQueryError(faults(error, in_body=False)) from error


def _scope(query: Scope) -> dict[str, Any]:
    """Return the parameters that narrow the metrics."""
    given = {"service": query.service, "environment": query.environment}
    return {name: value for name, value in given.items() if value is not None}


def _position(item: Explanation) -> Position:
    return item.finished_at or item.started_at, item.id
