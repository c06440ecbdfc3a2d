"""What may become of a deployment, and who may still change it: on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from api.domain.deployments.model import Status
from api.domain.deployments.transitions import LATER
from tests.api.conftest import Record, json_of, problem

TABLE = [(before, after) for before in Status for after in Status if before != after]


def url(deployment: dict[str, Any]) -> str:
    return f"/api/v1/deployments/{deployment['id']}"


@pytest.mark.parametrize(("before", "after"), TABLE)
def test_a_status_goes_forward_only(
    client: FlaskClient, record: Record, before: Status, after: Status
) -> None:
    deployment = record(status=before)

    response = client.patch(url(deployment), json={"status": after})

    if after in LATER[before]:
        assert json_of(response)["status"] == after
        assert (json_of(response)["finished_at"] is not None) == after.terminal
    else:
        detail = str(problem(response, 409)["detail"])
        assert before in detail
        assert after in detail
        assert client.get(url(deployment)).json == deployment


def test_no_final_status_is_followed_by_another() -> None:
    assert {status for status in Status if not LATER[status]} == {
        status for status in Status if status.terminal
    }


def test_the_end_can_be_told(client: FlaskClient, record: Record) -> None:
    deployment = record(status="running", started_at="2026-03-01T12:00:00Z")
    end = {"status": "failed", "finished_at": "2026-03-01T12:05:00Z"}

    assert json_of(client.patch(url(deployment), json=end)) == {**deployment, **end}
    assert json_of(client.patch(url(deployment), json=end)) == {**deployment, **end}


def test_it_may_end_when_it_began(client: FlaskClient, record: Record) -> None:
    deployment = record(status="running", started_at="2026-03-01T12:00:00Z")
    end = {"status": "failed", "finished_at": "2026-03-01T12:00:00Z"}

    assert json_of(client.patch(url(deployment), json=end)) == {**deployment, **end}


@pytest.mark.parametrize(
    ("status", "change"),
    [
        ("running", {"finished_at": "2026-03-01T12:05:00Z"}),
        ("running", {"status": "failed", "finished_at": "2026-03-01T11:00:00Z"}),
        ("failed", {"finished_at": "2026-03-01T12:05:00Z"}),
    ],
)
def test_an_end_that_does_not_fit_is_refused(
    client: FlaskClient, record: Record, status: str, change: dict[str, Any]
) -> None:
    deployment = record(status=status, started_at="2026-03-01T12:00:00Z")

    problem(client.patch(url(deployment), json=change), 409)
    assert client.get(url(deployment)).json == deployment


def test_a_stated_kind_is_kept_until_it_is_taken_back(client: FlaskClient, record: Record) -> None:
    deployment = record(version="1", started_at="2026-03-01T12:00:00Z")

    stated = client.patch(url(deployment), json={"kind": "hotfix"})
    record(version="0", started_at="2026-02-01T12:00:00Z")
    kept = client.get(url(deployment))
    decided = client.patch(url(deployment), json={"kind": None})

    kinds = [json_of(response)["kind"] for response in (stated, kept, decided)]
    assert kinds == ["hotfix", "hotfix", "rollout"]


def test_a_success_decides_what_followed_it(client: FlaskClient, record: Record) -> None:
    first = record(version="1", status="running", started_at="2026-03-01T12:00:00Z")
    record(version="2", started_at="2026-03-02T12:00:00Z")
    last = record(version="1", started_at="2026-03-03T12:00:00Z")
    assert last["kind"] == "rollout"

    client.patch(url(first), json={"status": "succeeded", "finished_at": "2026-03-01T12:01:00Z"})

    assert json_of(client.get(url(last)))["kind"] == "rollback"


def test_links_and_actor_are_replaced(client: FlaskClient, record: Record) -> None:
    deployment = record(actor="ada")
    change = {"actor": None, "links": [{"title": "log", "url": "https://ci.example.com/1"}]}

    assert json_of(client.patch(url(deployment), json=change)) == {**deployment, **change}


@pytest.mark.parametrize(
    "change", [{"status": None}, {"finished_at": None}, {"links": None}, {"version": "2"}]
)
def test_what_cannot_be_changed_is_pointed_at(
    client: FlaskClient, record: Record, change: dict[str, Any]
) -> None:
    deployment = record()

    errors = problem(client.patch(url(deployment), json=change), 422)["errors"]
    assert [error["pointer"] for error in errors] == [f"#/{next(iter(change))}"]  # type: ignore[attr-defined]


def test_only_what_exists_is_changed(client: FlaskClient) -> None:
    unknown = {"id": "01a20550-12f8-7350-8ad3-26c800d27d1e"}

    problem(client.patch(url(unknown), json={"status": "failed"}), 404)
