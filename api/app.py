"""The application factory: the one place that knows every part of the service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apiflask import APIFlask

from api import cli, conditional, logs, metrics, openapi, problems, settings
from api.database import Database
from api.health import DatabaseProbe
from api.migrate import upgrade
from api.routes import deployments, matrix, promotions, service
from api.version import VERSION

MAX_BODY_BYTES = 1024 * 1024
API_PREFIX = "/api/v1"


class Application(APIFlask):
    """Flask with strict requests."""

    request_class = openapi.StrictRequest


def create_app(overrides: Mapping[str, Any] | None = None) -> APIFlask:
    """Return the application for the settings of the environment, with `overrides` on top.

    Nothing outside the process is touched before the first request.

    Raises SettingsError when a setting is unknown, missing or wrong.
    """
    checked = settings.load(overrides)
    app = Application("api", title="Slipway", version=VERSION, docs_path=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]  # as a person reads them
    app.extensions["settings"] = checked
    app.extensions["database"] = Database(checked, migrate=upgrade)
    app.extensions["database_probe"] = DatabaseProbe(app.extensions["database"])

    logs.init_app(app, checked)
    metrics.init_app(app)
    problems.init_app(app)
    openapi.init_app(app)
    conditional.init_app(app)
    cli.init_app(app)
    app.register_blueprint(service.bp)
    for blueprint in (deployments.bp, matrix.bp, promotions.bp):
        app.register_blueprint(blueprint, url_prefix=API_PREFIX + str(blueprint.url_prefix))
    return app
