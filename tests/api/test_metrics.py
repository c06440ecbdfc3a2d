"""What Prometheus scrapes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from api.version import VERSION


def samples(client: FlaskClient) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }


def test_requests_are_counted_by_method_route_and_status(own_client: FlaskClient) -> None:
    for _ in range(2):
        own_client.get("/api/v1/deployments/01a204a7-4dff-7616-882b-1c461cd17a99")
    found = samples(own_client)

    route = "/api/v1/deployments/<uuid:deployment_id>"
    assert found["slipway_http_requests_total", ("GET", route, "404")] == 2
    assert found["slipway_http_request_duration_seconds_count", ("GET", route)] == 2


def test_what_clients_invent_makes_no_series_of_its_own(own_client: FlaskClient) -> None:
    for number in range(3):
        own_client.open(f"/invented/{number}", method=f"INVENT{number}")
    found = samples(own_client)

    assert found["slipway_http_requests_total", ("other", "none", "404")] == 3


def test_how_late_a_report_comes_is_told(own_client: FlaskClient) -> None:
    body = {"service": "checkout", "environment": "dev", "version": "1.0"}
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    for times in (
        {},
        {"finished_at": an_hour_ago},
        {"status": "running", "started_at": an_hour_ago},
    ):
        sent = own_client.post("/api/v1/deployments", json={**body, **times})
        assert sent.status_code == 201
    found = samples(own_client)

    # The first one says nothing of when it was.
    assert found["slipway_ingest_lag_seconds_count", ()] == 2
    assert 7200 <= found["slipway_ingest_lag_seconds_sum", ()] < 7260


def test_the_version_and_the_process_are_told(own_client: FlaskClient) -> None:
    found = samples(own_client)

    assert found["slipway_build_info", (VERSION,)] == 1
    assert found["process_resident_memory_bytes", ()] > 0
