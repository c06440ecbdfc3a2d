"""Pages for people: the same facts as the API, as HTML that works without JavaScript."""

from __future__ import annotations

from apiflask import APIFlask

from api.pages import (
    admin,
    assets,
    badges,
    browsers,
    deployments,
    environments,
    events,
    feeds,
    incidents,
    insights,
    matrix,
    reference,
    services,
    signing_in,
    urls,
    words,
)
from api.pages.blueprint import bp

__all__ = [
    "admin",
    "assets",
    "badges",
    "bp",
    "deployments",
    "environments",
    "events",
    "feeds",
    "incidents",
    "init_app",
    "insights",
    "matrix",
    "reference",
    "services",
    "signing_in",
    "urls",
]


def init_app(app: APIFlask) -> None:
    """Serve the pages; call it before anything that looks at the requested route."""
    browsers.init_app(app)
    words.init_app(app)
    app.register_blueprint(bp)
