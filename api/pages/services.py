"""`/services/{name}`: its timeline, what became of each version, what waits, and the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from flask import render_template, request, url_for
from pydantic import Field
from sqlalchemy import Connection

from api.domain import catalog, releases, removals, stages
from api.domain.deployments import store
from api.domain.deployments.history import (
    Fate,
    VersionHistory,
    history,
    last_success,
    stays,
)
from api.domain.dora import report
from api.domain.dora.query import Query
from api.domain.incidents.store import LISTINGS
from api.domain.kit.times import this_minute
from api.domain.promotions.queue import queue_of_service
from api.domain.releases import Release
from api.http import auth
from api.http.problems import found_or_404
from api.http.turns import turn
from api.pages.blueprint import bp
from api.pages.forms import ByName, Form
from api.pages.paging import Part, Place, columns_of
from api.pages.timeline import Scale, timeline

# The newest deployments of a service that its page shows, and its incidents.
DEPLOYMENTS = 300
INCIDENTS = 200
# As many environments fit into a timeline, those that came and went included.
LANES = 12
FIGURES_SPAN = timedelta(days=30)
# What the timeline may show, in days.
SPANS = {30: "30 days", 90: "90 days", 365: "a year"}

Rows = Sequence[Mapping[str, Any]]


class ServiceForm(Form):
    """How long ago the timeline begins, in days, and the first environment that is shown."""

    days: Annotated[int, Field(ge=1, le=366)] = 90
    column: Place = 0


@bp.get("/services/<name>")
@auth.page
@bp.input(ByName, location="path", arg_name="name")
@bp.input(ServiceForm, location="query", arg_name="query")
def show_service(name: ByName, query: ServiceForm) -> str:
    """Return the history of a service, what waits, and its metrics of the last 30 days."""
    with turn() as connection:
        known = catalog.find_service(connection, name.name)
        service = found_or_404(known, "service", name.name)
        places = stages.by_promotion_order(connection)
        environments = [row["name"] for row in places]
        live = releases.running(connection, environments, [name.name])
        rows = _deployments(connection, name.name, live)
        running = {release.environment for release in live}
        removed_at = _removed_at(connection, rows, running)
        incidents = LISTINGS[None].rows(connection, {"service": name.name}, INCIDENTS)
        steps = queue_of_service(connection, places, live)
        since = this_minute() - FIGURES_SPAN
        metrics = report.measure(
            connection, Query.model_validate({"service": name.name, "from": since})
        )
    used = {row["environment"] for row in rows}
    columns = columns_of(places, used, query.column)
    drawn = {*columns.items, *(row["environment"] for row in incidents)}
    shown = [row for row in places if row["name"] in drawn]
    complete = len(rows) < DEPLOYMENTS
    lanes = _lanes(shown, running)
    here = {name: [row for row in rows if row["environment"] == name] for name in lanes}
    ran = {name: list(stays(here[name], running, removed_at)) for name in lanes}
    return render_template(
        "service.html",
        service=service,
        query=query,
        spans=SPANS,
        timeline=timeline(_scale(query, rows, complete), lanes, rows, ran, incidents),
        folded=len(shown) - len(lanes),
        queue=steps,
        columns=columns,
        pages={"environments": columns.urls(_beginning)},
        badges=[
            row["name"] for row in shown if row["name"] in columns.items and not row["transient"]
        ],
        versions=_versions(rows, columns, running, removed_at),
        complete=complete,
        limit=DEPLOYMENTS,
        figures=metrics.overall.periods[0],
        production=metrics.environments,
    )


def _deployments(connection: Connection, name: str, running: list[Release]) -> list[dict[str, Any]]:
    """Return the newest deployments of a service, and those of what runs if they are older."""
    rows = store.LISTING.rows(connection, {"service": name}, DEPLOYMENTS)
    known = {row["id"] for row in rows}
    for release in running:
        if release.deployment_id not in known:
            found = store.find(connection, release.deployment_id)
            rows += [found] if found else []
    return rows


def _lanes(places: Rows, running: set[str]) -> list[str]:
    """Return the environments of the timeline: if there are many, without those that are gone."""
    many = len(places) > LANES
    return [
        row["name"]
        for row in places
        if not (many and row["transient"] and row["name"] not in running)
    ]


def _versions(
    rows: Rows, columns: Part[str], running: set[str], removed_at: dict[str, datetime]
) -> list[VersionHistory]:
    """Return what became of each version in these columns: of those that were there."""
    found = history(rows, columns.items, running, removed_at)
    if columns.is_all:
        return found
    return [row for row in found if {stay.fate for stay in row.stays.values()} - {Fate.SKIPPED}]


def _beginning(column: str) -> str:
    """Return the URL of the same page with other environments."""
    kept = {**(request.view_args or {}), **request.args}
    return url_for("pages.show_service", **{**kept, "column": column})


def _removed_at(connection: Connection, rows: Rows, running: set[str]) -> dict[str, datetime]:
    """Return when what ran last was removed, by the environment, where nothing runs any more."""
    last: dict[str, UUID] = {}
    for environment in {row["environment"] for row in rows} - running:
        success = last_success(row for row in rows if row["environment"] == environment)
        if success is not None:
            last[environment] = success["id"]
    ends = removals.ends(connection, last.values()) if last else {}
    return {name: ends[identifier] for name, identifier in last.items() if identifier in ends}


def _scale(query: ServiceForm, rows: Rows, complete: bool) -> Scale:
    """Return the time of the timeline, which begins no earlier than what is known of it."""
    until = this_minute() + timedelta(minutes=1)
    since = until - timedelta(days=query.days)
    if not complete:
        since = max(since, sorted(row["started_at"] for row in rows)[-DEPLOYMENTS])
    return Scale(since, max(until, since + timedelta(hours=1)))
