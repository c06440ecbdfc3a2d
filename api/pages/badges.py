"""`/badges/{service}/{environment}.svg`: the version that runs, and its state, as a picture."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from flask import Response, render_template
from sqlalchemy import Connection

from api.database import database
from api.domain import catalog, matrix
from api.domain.matrix import Glance
from api.domain.states import SyncState
from api.http import auth
from api.pages.blueprint import bp
from api.pages.words import xml

# Of Verdana at 11 px, as wide as it gets on average; `textLength` fits the text exactly.
CHARACTER_PX = 6.6
PADDING_PX = 12
# White text on each of them has a contrast of at least 4.5 (WCAG 2.2, 1.4.3).
GOOD, BUSY, WARNING, BAD, QUIET = "#18633a", "#0b57a4", "#8a4b00", "#a61b29", "#54616e"
COLOURS: dict[str, str] = {
    SyncState.IN_SYNC: GOOD,
    SyncState.PENDING: BUSY,
    SyncState.DRIFTED: WARNING,
}
HEADERS = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff"}


class Message(NamedTuple):
    """What the right half of a badge says, and its colour."""

    words: str
    colour: str


@bp.get("/badges/<service>/<environment>.svg")
@auth.page
def show_badge(service: str, environment: str) -> Response:
    """Return the badge; it says so with 404 if there is no such service or environment."""
    with database().read() as connection:
        message = _message(connection, service, environment)
    label = f"{service} in {environment}"
    status = HTTPStatus.OK if message else HTTPStatus.NOT_FOUND
    words, colour = message or Message("not known to this ledger", QUIET)
    svg = render_template(
        "badge.svg",
        label=label,
        words=words,
        colour=colour,
        left=_width(label),
        right=_width(words),
        padding=PADDING_PX,
    )
    return Response(xml(svg), status, HEADERS, mimetype="image/svg+xml")


def _message(connection: Connection, service: str, environment: str) -> Message | None:
    """Return what to say of a service in an environment, or None if one of them is not known."""
    known = catalog.find_service(connection, service)
    place = catalog.find_environment(connection, environment)
    if known is None or place is None:
        return None
    wanted = matrix.Filters(service=service, environment=environment)
    seen = matrix.glances(connection, filters=wanted)
    return describe(seen[0]) if seen else Message("not deployed", QUIET)


def describe(cell: Glance) -> Message:
    """Return what a badge says of a cell of the matrix: its version, and what is most urgent."""
    version = cell.version or "nothing"
    if cell.deploying:
        return Message(f"{version}, deploying {cell.deploying[0]}", BUSY)
    if cell.failed:
        return Message(f"{version}, {cell.failed[0]} failed", BAD)
    if cell.state == SyncState.UNKNOWN:
        return Message(version, QUIET)
    return Message(f"{version}, {cell.state}", COLOURS[cell.state])


def _width(text: str) -> int:
    return round(len(text) * CHARACTER_PX) + PADDING_PX
