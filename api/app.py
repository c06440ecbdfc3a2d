"""The application factory: the one place that knows every part of the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from apiflask import APIFlask
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from werkzeug.middleware.proxy_fix import ProxyFix

from api import cli, logs, metrics, pages, settings
from api.database import Database
from api.domain.events import rules
from api.domain.events.adapters import ADAPTERS
from api.domain.events.rules import RulesError, SourceRules
from api.health import DatabaseProbe
from api.http import auth, etags, idempotency, openapi, problems, strict, unchanged
from api.http.auth import API_PREFIX
from api.routes import (
    changes,
    cloudevents,
    declarations,
    deletions,
    deliveries,
    deployments,
    dora,
    environments,
    events,
    incidents,
    matrix,
    probes,
    promotions,
    services,
    subscriptions,
    tokens,
    webhooks,
)
from api.settings import PREFIX, Settings, SettingsError
from api.version import VERSION

PARTS = (
    services,
    environments,
    deployments,
    incidents,
    changes,
    declarations,
    matrix,
    promotions,
    dora,
    tokens,
    webhooks,
    cloudevents,
    events,
    subscriptions,
    deliveries,
    deletions,
)


class Application(APIFlask):
    """The Flask application, with strict request parsing and idempotent POSTs."""

    request_class = strict.StrictRequest

    def ensure_sync[**P, R](self, func: Callable[P, R]) -> Callable[P, R]:
        """Return the function: none here is a coroutine, and Flask asks about each, each time."""
        return func

    def dispatch_request(self) -> ResponseReturnValue:
        """Call the view, or return its stored response.

        Wraps the view and the serialisation of its response, but not the error handling. A view
        opens at most one transaction, which contains all its effects, so it can be called again.
        """
        view = super().dispatch_request
        database: Database = self.extensions["database"]
        return database.retrying(lambda: idempotency.answer_once(view))


def event_rules(checked: Settings) -> dict[str, SourceRules]:
    """Load the rules that map events to services and environments, by source.

    The rules in the file override those of the adapters. Raises SettingsError if the file is not
    valid.
    """
    defaults = {source: adapter.rules for source, adapter in ADAPTERS.items()}
    try:
        return rules.load(checked.EVENT_RULES_FILE, defaults)
    except RulesError as error:
        raise SettingsError([f"{PREFIX}EVENT_RULES_FILE: {error}"]) from None


def migrate(engine: Engine) -> None:
    """Migrate an embedded database; only this needs Alembic, so only this imports it."""
    from api.migrate import upgrade  # noqa: PLC0415

    upgrade(engine)


def create_app(overrides: Mapping[str, Any] | None = None) -> APIFlask:
    """Create the application from the environment's settings; `overrides` take precedence.

    The database is not opened before the first request. Raises SettingsError if a setting is
    unknown, missing or invalid.
    """
    checked = settings.load(overrides)
    app = Application("api", title="Slipway", version=VERSION, docs_path=None)
    app.config["MAX_CONTENT_LENGTH"] = strict.MAX_BODY_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = strict.MAX_BODY_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]  # keep the order of the models
    app.extensions["settings"] = checked
    app.extensions["event_rules"] = event_rules(checked)
    app.extensions["database"] = Database(checked, migrate=migrate)
    app.extensions["database_probe"] = DatabaseProbe(app.extensions["database"])

    if checked.TRUSTED_PROXIES:
        proxies = checked.TRUSTED_PROXIES
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_prefix=proxies)  # type: ignore[method-assign]

    logs.init_app(app, checked)
    metrics.init_app(app)
    problems.init_app(app)
    pages.init_app(app)
    auth.init_app(app, checked)
    strict.init_app(app)
    unchanged.init_app(app)
    openapi.init_app(app)
    etags.init_app(app)
    idempotency.init_app(app)
    cli.init_app(app)
    app.register_blueprint(probes.bp)
    for part in PARTS:
        app.register_blueprint(part.bp, url_prefix=API_PREFIX + str(part.bp.url_prefix))
    return app
