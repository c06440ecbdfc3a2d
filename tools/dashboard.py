"""Write the Grafana dashboard of the service and of its DORA metrics: `make dashboard`.

The service's own figures come from Prometheus. The DORA metrics are those of the API, read by
Grafana's Infinity data source: they are about all of history, which no counter of a process knows.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from tools.command import ROOT, exit_with, say

FILE = ROOT / "docs" / "grafana.json"
PROMETHEUS, INFINITY = "prometheus", "yesoreyeram-infinity-datasource"
# As the alerts of k8s/components/monitoring do, it leaves out probes and scrapes.
API = 'namespace=~"$namespace", job="slipway"'
REQUESTS = f'{API}, route!~"/healthz|/readyz|/metrics"'
NOTIFIER = 'namespace=~"$namespace"'
# What is chosen at the top of the dashboard.
VARIABLES = {PROMETHEUS: "metrics", INFINITY: "ledger"}
DURATION, LAG = "slipway_http_request_duration_seconds", "slipway_ingest_lag_seconds"
COLUMNS, HEIGHT = 24, 8

Panel = dict[str, Any]


def quantile(
    share: float, metric: str, labels: str, by: str = "", span: str = "$__rate_interval"
) -> str:
    """Return the query for a quantile of a histogram, by labels."""
    grouped = f"le, {by}" if by else "le"
    return (
        f"histogram_quantile({share},"
        f" sum by ({grouped}) (rate({metric}_bucket{{{labels}}}[{span}])))"
    )


def rate(metric: str, labels: str, by: str = "") -> str:
    """Return the query for the rate of a counter, by a label."""
    return f"sum {f'by ({by}) ' if by else ''}(rate({metric}{{{labels}}}[$__rate_interval]))"


def panel(title: str, unit: str, datasource: str, targets: list[dict[str, Any]]) -> Panel:
    """Return a panel with lines over time; a unit is one of Grafana's ids."""
    source = {"type": datasource, "uid": f"${{{VARIABLES[datasource]}}}"}
    return {
        "type": "timeseries",
        "title": title,
        "datasource": source,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": source, **target}
            for number, target in enumerate(targets)
        ],
    }


def service(title: str, unit: str, queries: dict[str, str]) -> Panel:
    """Return a panel of Prometheus: its queries by what the legend calls them."""
    targets = [{"expr": query, "legendFormat": legend} for legend, query in queries.items()]
    return panel(title, unit, PROMETHEUS, targets)


def dora(title: str, unit: str, fields: dict[str, str]) -> Panel:
    """Return a panel of a DORA metric by week: the fields of a period, by their legends."""
    columns = [{"selector": "from", "text": "Time", "type": "timestamp"}]
    columns += [
        {"selector": selector, "text": legend, "type": "number"}
        for legend, selector in fields.items()
    ]
    window = "from=${__from:date:iso}&to=${__to:date:iso}&interval=week"
    target = {
        "type": "json",
        "parser": "backend",
        "source": "url",
        "format": "timeseries",
        "url": f"/api/v1/metrics/dora?{window}",
        "url_options": {"method": "GET", "data": ""},
        "root_selector": "overall.periods",
        "columns": columns,
        "filters": [],
    }
    found = panel(title, unit, INFINITY, [target])
    found["fieldConfig"]["defaults"]["custom"] = {"drawStyle": "bars", "fillOpacity": 60}
    return found


SLOWEST = quantile(0.95, DURATION, REQUESTS, "method, route")
ROWS: dict[str, list[Panel]] = {
    "Delivery": [
        dora("Deployments a day", "none", {"a day": "deployment_frequency.per_day"}),
        dora(
            "Lead time for changes",
            "s",
            {
                "median": "lead_time_for_changes.median_seconds",
                "p90": "lead_time_for_changes.p90_seconds",
            },
        ),
        dora(
            "Change failure and rework rate",
            "percentunit",
            {"failures": "change_failure_rate.ratio", "rework": "rework_rate.ratio"},
        ),
        dora(
            "Failed deployment recovery time",
            "s",
            {
                "median": "failed_deployment_recovery_time.median_seconds",
                "p90": "failed_deployment_recovery_time.p90_seconds",
            },
        ),
    ],
    "Service": [
        service(
            "Requests",
            "reqps",
            {"{{status}}": rate("slipway_http_requests_total", REQUESTS, "status")},
        ),
        service(
            "Time to answer",
            "s",
            {
                f"p{share:.0%}".rstrip("%"): quantile(share, DURATION, REQUESTS)
                for share in (0.5, 0.95, 0.99)
            },
        ),
        service(
            "Slowest routes, p95",
            "s",
            {"{{method}} {{route}}": f"topk(5, {SLOWEST})"},
        ),
        service(
            "Delay of reports, median and p95 of an hour",
            "s",
            {
                "median": quantile(0.5, LAG, API, span="1h"),
                "p95": quantile(0.95, LAG, API, span="1h"),
            },
        ),
        service(
            "Refused for want of a token or a scope",
            "reqps",
            {"{{reason}}": rate("slipway_auth_failures_total", API, "reason")},
        ),
        service(
            "Attempts to notify",
            "ops",
            {"{{state}}": rate("slipway_notification_attempts_total", NOTIFIER, "state")},
        ),
        service(
            "Age of the oldest notification that waits",
            "s",
            {"oldest": f"max(slipway_notification_oldest_waiting_seconds{{{NOTIFIER}}})"},
        ),
        service(
            "Versions in service, by pods",
            "none",
            {"{{version}}": f"count by (version) (slipway_build_info{{{API}}})"},
        ),
        service(
            "CPU of a pod",
            "none",
            {"{{pod}}": rate("process_cpu_seconds_total", API, "pod")},
        ),
        service(
            "Memory of a pod",
            "bytes",
            {"{{pod}}": f"sum by (pod) (process_resident_memory_bytes{{{API}}})"},
        ),
    ],
}


def dashboard() -> dict[str, Any]:
    """Return the dashboard, as Grafana imports it."""
    return {
        "uid": "slipway",
        "title": "Slipway",
        "tags": ["slipway"],
        "schemaVersion": 39,
        "editable": True,
        "time": {"from": "now-30d", "to": "now"},
        "refresh": "5m",
        "templating": {"list": _variables()},
        "panels": _placed(),
    }


def _variables() -> list[dict[str, Any]]:
    """Return what is chosen at the top: the two data sources, then the namespaces."""
    sources = [
        {
            "name": VARIABLES[source],
            "label": label,
            "type": "datasource",
            "query": source,
            "refresh": 1,
        }
        for source, label in ((PROMETHEUS, "Prometheus"), (INFINITY, "Ledger (Infinity)"))
    ]
    query = "label_values(slipway_build_info, namespace)"
    namespaces = {
        "name": "namespace",
        "label": "Namespace",
        "type": "query",
        "datasource": {"type": PROMETHEUS, "uid": "${metrics}"},
        "definition": query,
        "query": {"query": query, "refId": "namespace"},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
    }
    return [*sources, namespaces]


def _placed() -> list[Panel]:
    """Return a heading for each row, and its panels, two beside each other."""
    found: list[Panel] = []
    top = 0
    for title, panels in ROWS.items():
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        found.append({"type": "row", "title": title, "collapsed": False, "gridPos": place})
        top += 1
        for number, shown in enumerate(panels):
            place = {"x": number % 2 * COLUMNS // 2, "y": top, "w": COLUMNS // 2, "h": HEIGHT}
            found.append({**shown, "gridPos": place})
            top += HEIGHT if number % 2 or number == len(panels) - 1 else 0
    return [{"id": number, **shown} for number, shown in enumerate(found, 1)]


def text() -> str:
    """Return the file's content."""
    return json.dumps(dashboard(), indent=2) + "\n"


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(prog="python -m tools.dashboard", description=__doc__)
    parser.parse_args()
    FILE.write_text(text(), encoding="utf-8")
    say(f"wrote {Path(FILE).relative_to(ROOT)}")


if __name__ == "__main__":
    exit_with(main)
