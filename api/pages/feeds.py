"""Atom feeds (RFC 4287) of the newest deployments of a service, or in an environment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, render_template

from api.database import database
from api.domain import catalog
from api.domain.deployments.store import LISTING
from api.http import auth
from api.http.problems import found_or_404
from api.pages.blueprint import bp
from api.pages.words import xml

ENTRIES = 50


@bp.get("/services/<name>/deployments.atom")
@auth.page
def feed_service(name: str) -> Response:
    """Return the newest deployments of a service as a feed."""
    with database().read() as connection:
        found = found_or_404(catalog.find_service(connection, name), "service", name)
        rows = LISTING.rows(connection, {"service": name}, ENTRIES)
    return _feed(f"Deployments of {name}", found["created_at"], rows)


@bp.get("/environments/<name>/deployments.atom")
@auth.page
def feed_environment(name: str) -> Response:
    """Return the newest deployments in an environment as a feed."""
    with database().read() as connection:
        found = found_or_404(catalog.find_environment(connection, name), "environment", name)
        rows = LISTING.rows(connection, {"environment": name}, ENTRIES)
    return _feed(f"Deployments in {name}", found["created_at"], rows)


def _feed(title: str, created_at: datetime, rows: list[dict[str, Any]]) -> Response:
    """Return a feed; what it says of a deployment changes when that finishes."""
    changed = [row["finished_at"] or row["started_at"] for row in rows]
    document = render_template(
        "feed.xml", title=title, updated=max(changed, default=created_at), deployments=rows
    )
    response = Response(xml(document), mimetype="application/atom+xml")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
