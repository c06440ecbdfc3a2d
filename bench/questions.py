"""The requests of the benchmark: every list of the API with each of its filters, and every sum."""

from __future__ import annotations

PENDING = "/api/v1/promotions/pending?from=staging&to=prod"
WINDOW = "from=2026-08-01T00:00:00Z&to=2026-11-01T00:00:00Z"
# Lists: their query plans must not scan a whole table, for the first page or for the next.
LISTS = [
    "/api/v1/deployments",
    "/api/v1/deployments?limit=200",
    "/api/v1/deployments?service=service-00",
    "/api/v1/deployments?environment=prod",
    "/api/v1/deployments?status=failed",
    "/api/v1/deployments?status=running",
    "/api/v1/deployments?kind=rollback",
    "/api/v1/deployments?version=1.200.5",
    f"/api/v1/deployments?{WINDOW}",
    "/api/v1/deployments?service=service-00&environment=prod&status=failed&kind=hotfix",
    f"/api/v1/deployments?service=service-00&environment=prod&version=1.380.5&{WINDOW}",
    "/api/v1/incidents",
    "/api/v1/incidents?limit=200",
    "/api/v1/incidents?service=service-00",
    "/api/v1/incidents?environment=prod",
    "/api/v1/incidents?service=service-00&environment=prod",
    "/api/v1/incidents?open=true",
    "/api/v1/incidents?open=false",
    f"/api/v1/incidents?{WINDOW}",
    "/api/v1/changes",
    "/api/v1/changes?limit=200",
    "/api/v1/changes?service=service-00",
    "/api/v1/changes?version=1.200.5",
    "/api/v1/changes?service=service-00&version=1.200.5",
    f"/api/v1/changes?{WINDOW}",
    "/api/v1/services?limit=20",
    "/api/v1/environments?limit=2",
    "/api/v1/tokens?limit=20",
    "/api/v1/events?limit=20",
    "/api/v1/events?source=github",
    "/api/v1/events?outcome=failed",
    "/api/v1/events?source=flux",
    "/api/v1/events?source=github&outcome=failed",
    f"/api/v1/events?{WINDOW}",
    "/api/v1/declarations",
    "/api/v1/declarations?limit=200",
    "/api/v1/declarations?service=service-00",
    "/api/v1/declarations?environment=prod",
    "/api/v1/declarations?service=service-00&environment=prod",
    f"/api/v1/declarations?{WINDOW}",
    "/api/v1/declarations/prod",
    "/api/v1/subscriptions?limit=20",
    "/api/v1/deliveries?limit=20",
    "/api/v1/deliveries?state=dead",
    f"/api/v1/deliveries?{WINDOW}",
    "/api/v1/matrix",
    "/api/v1/matrix?at=2025-11-01T00:00:00Z",
    PENDING,
]
# Sums: they read every row of their window.
SUMS = [
    f"/api/v1/metrics/dora?{WINDOW}&interval=week",
    f"/api/v1/metrics/dora?{WINDOW}&service=service-00&environment=prod",
    f"/api/v1/metrics/dora/explain?{WINDOW}&interval=week",
    f"/api/v1/metrics/dora/explain?{WINDOW}&service=service-00&environment=prod&limit=200",
]
