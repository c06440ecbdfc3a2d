"""Structured logs on standard output: one JSON object per line, with the id of the request."""

from __future__ import annotations

import logging
import logging.config
import re
import sys
import time
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from flask import Flask, Response, g, request
from uuid_utils.compat import uuid7

from api.settings import Settings
from api.version import VERSION

REQUEST_ID_HEADER = "X-Request-ID"
ACCEPTABLE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}", re.ASCII)
# Requested every few seconds by Kubernetes and Prometheus.
PROBES = {"/healthz", "/readyz", "/metrics"}

SHARED_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def write(line: str) -> None:
    """Write one line, in one piece: print() makes two of it where output is not buffered."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class StandardOutput(logging.Handler):
    """Writes to the current sys.stdout, because test runners replace it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            write(self.format(record))
        except Exception:  # noqa: BLE001 (as in logging: an error while logging is not fatal)
            self.handleError(record)


class Lines:
    """The logger below one of structlog's that makes lines itself."""

    def msg(self, line: str) -> None:
        """Write one line."""
        with suppress(OSError, ValueError):  # an error while logging is not fatal
            write(line)

    debug = info = msg


def rendering(settings: Settings) -> list[structlog.typing.Processor]:
    """Return what makes a line of an event: `auto` means colours on a terminal, else JSON."""
    plain = settings.LOG_FORMAT == "json" or (
        settings.LOG_FORMAT == "auto" and not sys.stdout.isatty()
    )
    if not plain:
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    # Local variables may contain a password.
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(tracebacks),
        structlog.processors.JSONRenderer(),
    ]


def configuration(settings: Settings) -> dict[str, Any]:
    """Return the configuration for logging.config.dictConfig, which also covers Gunicorn's logs."""
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [*SHARED_PROCESSORS, structlog.stdlib.ExtraAdder()],
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *rendering(settings),
        ],
    }
    own = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structured": formatter},
        "handlers": {
            "stdout": {
                "()": StandardOutput,
                "formatter": "structured",
            }
        },
        "root": {"handlers": ["stdout"], "level": settings.LOG_LEVEL.upper()},
        "loggers": {
            "gunicorn.error": own,
            # api.access has the id of the request and works under any server.
            "gunicorn.access": {"handlers": [], "propagate": False},
            "alembic": {"level": "WARNING"},
        },
    }


def init_app(app: Flask, settings: Settings) -> None:
    """Send all logs through structlog, and log each request."""
    logging.config.dictConfig(configuration(settings))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED_PROCESSORS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    app.before_request(_start)
    app.after_request(partial(_finish, _access_log(settings)))


def log_start(settings: Settings) -> None:
    """Log what is served, as a forgotten setting silently means another ledger."""
    url = settings.database_url()
    place = {"file": str(settings.DATA_DIR.resolve() / settings.database_file.name)}
    if not settings.embedded:
        place = {"host": f"{url.host}:{url.port}", "name": str(url.database)}
    structlog.get_logger("api.start").info(
        "serving",
        version=VERSION,
        database="embedded" if settings.embedded else "postgresql",
        **place,
        event_rules=str(settings.EVENT_RULES_FILE or "default"),
        readers="anybody" if settings.PUBLIC_READ else "callers with a token",
    )


def request_id() -> str:
    """Return the id of the current request."""
    return str(g.request_id)


def _start() -> None:
    given = request.headers.get(REQUEST_ID_HEADER, "")
    g.request_id = given if ACCEPTABLE_REQUEST_ID.fullmatch(given) else str(uuid7())
    g.started = time.perf_counter()
    # The thread may still have the variables of its previous request.
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _access_log(settings: Settings) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of requests: without the standard library, a line costs a third."""
    level = logging.getLevelNamesMapping()[settings.LOG_LEVEL.upper()]
    log = structlog.wrap_logger(
        Lines(),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *rendering(settings),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    bound: structlog.typing.FilteringBoundLogger = log.bind(logger="api.access")
    return bound


def _finish(log: structlog.typing.FilteringBoundLogger, response: Response) -> Response:
    response.headers[REQUEST_ID_HEADER] = g.request_id
    quiet = request.path in PROBES and response.status_code < 400  # noqa: PLR2004
    log.log(
        logging.DEBUG if quiet else logging.INFO,
        "request",
        method=request.method,
        path=request.path,
        route=str(request.url_rule) if request.url_rule else None,
        status=response.status_code,
        bytes=response.content_length,
        duration_ms=round((time.perf_counter() - g.started) * 1000, 2),
        remote_addr=request.remote_addr,
    )
    return response
