"""What runs where, on SQLite and on PostgreSQL."""

from __future__ import annotations

from flask.testing import FlaskClient

from tests.api.conftest import Record, json_of

URL = "/api/v1/matrix"


def running(client: FlaskClient) -> dict[tuple[str, str], str]:
    cells = json_of(client.get(URL))["cells"]
    return {(cell["service"], cell["environment"]): cell["version"] for cell in cells}


def test_an_empty_ledger_has_no_cells(client: FlaskClient) -> None:
    assert json_of(client.get(URL)) == {"cells": []}


def test_a_cell_is_what_last_succeeded_there(client: FlaskClient, record: Record) -> None:
    record(version="1", finished_at="2026-03-01T12:00:00Z")
    record(version="2", finished_at="2026-03-02T12:00:00Z", environment="prod")
    record(version="3", finished_at="2026-03-03T12:00:00Z")
    record(version="9", finished_at="2026-03-02T12:00:00Z", service="web")

    assert running(client) == {
        ("checkout", "dev"): "3",
        ("checkout", "prod"): "2",
        ("web", "dev"): "9",
    }


def test_a_report_that_comes_late_does_not_replace_what_finished_after_it(
    client: FlaskClient, record: Record
) -> None:
    record(version="2", finished_at="2026-03-02T12:00:00Z")
    record(version="1", finished_at="2026-03-01T12:00:00Z")

    assert running(client) == {("checkout", "dev"): "2"}


def test_what_failed_or_still_rolls_out_does_not_run_there(
    client: FlaskClient, record: Record
) -> None:
    record(version="1")
    for status in ("failed", "cancelled", "running", "pending"):
        record(version="2", status=status)
        record(version="1", status=status, service="web")

    assert running(client) == {("checkout", "dev"): "1"}


def test_a_cell_tells_the_image_the_commit_and_since_when(
    client: FlaskClient, record: Record
) -> None:
    told = record(commit="9fceb02", image_digest="sha256:" + "0" * 64)

    assert json_of(client.get(URL))["cells"] == [
        {
            "service": "checkout",
            "environment": "dev",
            "version": "1.0",
            "image_digest": "sha256:" + "0" * 64,
            "commit": "9fceb02",
            "since": told["finished_at"],
            "deployment_id": told["id"],
        }
    ]
