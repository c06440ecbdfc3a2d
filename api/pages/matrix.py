"""`/` for browsers: the matrix of services and environments, and what waits to be promoted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

from flask import render_template, request, url_for
from pydantic import Field
from sqlalchemy import Connection

from api.database import database
from api.domain import catalog, matrix, releases, stages
from api.domain.deployments import store
from api.domain.incidents.store import LISTINGS
from api.domain.kit.times import this_minute
from api.domain.matrix import Glance
from api.domain.promotions import queue
from api.domain.releases import Release
from api.http import auth
from api.pages import board
from api.pages.blueprint import bp
from api.pages.board import Row, Sort
from api.pages.forms import Form, FormTime, choosable
from api.pages.marks import Beside, Mark
from api.pages.overview import NAMED, PLACES, Overview, overview
from api.pages.paging import Place, part
from api.pages.words import AGO, clock

# The most rows of a page, and the most that a step of the queue lists.
ROWS = 200
WAITING = 20
# The most open incidents that are looked at.
INCIDENTS = 500
DAY = timedelta(days=1)


class Density(StrEnum):
    """How much of each cell is shown at once: all of it, or one line for hundreds of services."""

    COMFORTABLE = "comfortable"
    COMPACT = "compact"


class MatrixForm(Form):
    """What the matrix is narrowed to, how it is sorted, and the instant that it shows."""

    service: Annotated[str | None, Field(max_length=63)] = None
    owner: Annotated[str | None, Field(max_length=128)] = None
    environment: Annotated[str | None, Field(max_length=63)] = None
    state: Mark | None = None
    sort: Sort = Sort.NAME
    at: FormTime | None = None
    since: FormTime | None = None
    density: Density = Density.COMFORTABLE
    # Also environments that come and go, as previews do: one looked for, or all of them.
    transient: bool = False
    # The first row and the first column that are shown.
    start: Place = 0
    column: Place = 0

    @property
    def every_environment(self) -> bool:
        """Return whether environments that come and go are looked at."""
        return self.transient or self.environment is not None


# For browsers only: `browsers` chooses between this route and the index of the API.
@bp.get("/", build_only=True)
@auth.page
@bp.input(MatrixForm, location="query", arg_name="query")
def show_matrix(query: MatrixForm) -> str:
    """Return the matrix at an instant, marking what has changed since."""
    with database().read() as connection:
        seen = matrix.glances(connection, query.at, transient=query.every_environment)
        # After the cells: those of a service that is new in between would be of none.
        environments = stages.by_promotion_order(connection)
        services = catalog.by_name(connection)
        incidents = [] if query.at else LISTINGS[True].rows(connection, {}, INCIDENTS)
        broken = {(row["service"], row["environment"]): row for row in reversed(incidents)}
        beside = Beside(None, "nothing" if query.since else "gone", broken)
        if query.state == Mark.CHANGED:
            beside = _compared(connection, query, beside)
        rows = board.narrowed(board.rows(seen, services), query, beside)
        found = board.sorted_by(query.sort, rows, beside)
        columns = board.columns(environments, found, query.column)
        shown = part(board.among(found, columns), query.start, ROWS)
        if beside.others is None:
            beside = _compared(connection, query, beside, shown.items)
        running = [] if query.at else _running(seen, found)
        waiting = queue.queue(connection, environments, running, WAITING, query.environment)
        empty = not seen and store.is_empty(connection)
    return render_template(
        "matrix.html",
        query=query,
        empty=empty,
        overview=None if query.at else _overview(query, found, incidents),
        most_named=NAMED,
        most_places=PLACES,
        yesterday=_url(_others("environment") | {"since": _ago(DAY), "state": Mark.CHANGED}),
        marked={mark: _url(_others() | {"state": mark}) for mark in Mark},
        until=query.at or this_minute(),
        day_ago=(query.at or this_minute()) - DAY,
        columns=columns,
        lines=board.lines(shown.items, columns.items, beside),
        number=shown.total,
        pages={
            "environments": columns.urls(partial(_with, "column")),
            "services": shown.urls(partial(_with, "start")),
        },
        folded=_folded(query, environments),
        queue=waiting.steps,
        left_out=waiting.left_out,
        owners=choosable(sorted({row["owner"] for row in services.values() if row["owner"]})),
        environments=choosable([row["name"] for row in environments]),
        marks=list(Mark),
        sorts=list(Sort),
        densities=list(Density),
        instants=dict(_instants("at")),
        periods=dict(_instants("since")),
    )


def _compared(
    connection: Connection, query: MatrixForm, beside: Beside, rows: list[Row] | None = None
) -> Beside:
    """Return what all cells, or those of these rows, are beside, with the versions to compare with.

    They are those of an earlier time, or of now if that is shown.
    """
    if not (query.since or query.at):
        return beside
    among = None if rows is None else [row.service for row in rows]
    return replace(beside, others=releases.versions_at(connection, query.since, among))


def _running(seen: list[Glance], found: list[Row]) -> list[Release]:
    """Return what runs of the services that are found, in all environments."""
    names = {row.service for row in found}
    return matrix.running(glance for glance in seen if glance.service in names)


def _folded(query: MatrixForm, environments: list[dict[str, Any]]) -> str | None:
    """Return the URL that also shows the environments that come and go, if they are left out."""
    if query.every_environment or not any(row["transient"] for row in environments):
        return None
    return _with("transient", "true")


def _with(name: str, value: str) -> str:
    """Return the URL with another value of an argument: of the first row, unless that is it."""
    kept = {other: given for other, given in request.args.items() if other != "start"}
    return _url(kept | {name: value})


def _overview(query: MatrixForm, found: list[Row], incidents: list[dict[str, Any]]) -> Overview:
    """Return what is shown amounts to; an incident may be where nothing runs."""
    names = {row.service for row in found}
    is_narrowed = query.service or query.owner or query.state
    mine = [
        incident
        for incident in incidents
        if query.environment in (None, incident["environment"])
        and (not is_narrowed or incident["service"] in names)
    ]
    return overview(found, mine, this_minute() - DAY)


def _instants(name: str) -> Iterator[tuple[str, str]]:
    """Yield what a link says and its URL: the same filters, and another time."""
    for words, ago in AGO.items():
        yield words, _url({**_others(), name: _ago(ago)})


def _others(*names: str) -> dict[str, str]:
    """Return the filters that are left when another time, or one of these, is asked for."""
    replaced = ("at", "since", "start", "column", *names)
    return {name: value for name, value in request.args.items() if name not in replaced}


def _ago(span: timedelta) -> str:
    return clock(this_minute() - span)


def _url(arguments: dict[str, Any]) -> str:
    """Return the URL of the matrix with other arguments."""
    return url_for("pages.show_matrix", **arguments)
