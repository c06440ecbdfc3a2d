"""Prometheus metrics: requests and their durations by route, ingest lag, and the version."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from apiflask import APIFlask
from flask import Response, current_app, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from api.version import VERSION

# All other methods are counted as "other", or clients could create any number of series.
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# In seconds, from immediate reports to those of a sender that was down for days.
LAG_BUCKETS = (1, 5, 15, 60, 300, 900, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600)
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def init_app(app: APIFlask) -> None:
    """Count each request and serve the metrics at `/metrics`.

    The counts are per process, so a pod must run a single Gunicorn worker.
    """
    registry = CollectorRegistry()
    app.extensions["metrics_registry"] = registry
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    Gauge(
        "slipway_build_info", "Always 1; the version is the label.", ["version"], registry=registry
    ).labels(VERSION).set(1)
    requests = Counter(
        "slipway_http_requests",
        "Requests answered.",
        ["method", "route", "status"],
        registry=registry,
    )
    durations = Histogram(
        "slipway_http_request_duration_seconds",
        "Time to answer, in seconds.",
        ["method", "route"],
        buckets=BUCKETS,
        registry=registry,
    )

    app.extensions["ingest_lag"] = Histogram(
        "slipway_ingest_lag_seconds",
        "Time between a reported event and the arrival of its report, in seconds.",
        buckets=LAG_BUCKETS,
        registry=registry,
    )

    def count(response: Response) -> Response:
        method = request.method if request.method in METHODS else "other"
        route = str(request.url_rule) if request.url_rule else "none"
        requests.labels(method, route, response.status_code).inc()
        durations.labels(method, route).observe(time.perf_counter() - g.started)
        return response

    @app.get("/metrics")
    @app.doc(hide=True)  # text for Prometheus, not part of the API
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    app.after_request(count)


def observe_lag(happened_at: datetime | None) -> None:
    """Record the ingest lag of a report about `happened_at`; None is ignored."""
    if happened_at is not None:
        lag: Histogram = current_app.extensions["ingest_lag"]
        lag.observe(max(0.0, (datetime.now(UTC) - happened_at).total_seconds()))
