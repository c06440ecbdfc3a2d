"""Changes that events tell of: with reports of the same commits, in whatever order they come."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

from apiflask import APIFlask
from flask.testing import FlaskClient

from tests.api.conftest import json_of
from tests.api.events.payloads import cdevent
from tests.api.events.test_inbox import items
from tests.api.transfer import exported, imported, run

STRUCTURED = {"Content-Type": "application/cloudevents+json"}


def merged(client: FlaskClient, commit: str, minute: int, title: str) -> None:
    told: dict[str, Any] = {"id": f"{commit} {minute}", "subject": commit, "description": title}
    timestamp = f"2026-03-01T12:{minute:02}:00Z"
    repository = {"id": "acme/checkout"}
    event = cdevent("change.merged", **told, timestamp=timestamp, repository=repository)
    answer = client.post("/api/v1/cloudevents", json=event, headers=STRUCTURED)
    assert json_of(answer)["outcome"] == "projected"


def reported(client: FlaskClient, commit: str, minute: int, title: str) -> None:
    change = {"service": "checkout", "commit": commit, "version": "1.4.2", "title": title}
    committed_at = f"2026-03-01T12:{minute:02}:00Z"
    body = {"changes": [{**change, "committed_at": committed_at}]}
    assert client.post("/api/v1/changes", json=body).status_code in (200, 201)


def test_a_report_goes_before_an_event_in_whatever_order(
    app: APIFlask, client: FlaskClient, tmp_path: Path
) -> None:
    story = [(merged, 5, "b"), (merged, 4, "c"), (reported, 1, "a")]
    for number, order in enumerate(permutations(story)):
        for step, minute, title in (*order, order[-1]):
            step(client, f"{number:040}", minute, title)
    merged(client, "f" * 40, 5, "b")
    merged(client, "f" * 40, 4, "c")

    def shown() -> set[tuple[Any, ...]]:
        names = ("commit", "committed_at", "title", "version")
        return {tuple(each[name] for name in names) for each in items(client, "changes")}

    told = {(f"{number:040}", "2026-03-01T12:01:00Z", "a", "1.4.2") for number in range(6)}
    expected = told | {("f" * 40, "2026-03-01T12:04:00Z", "b", None)}
    assert shown() == expected
    before = exported(app, tmp_path / "before")
    run(app, "rebuild")
    assert exported(app, tmp_path / "after") == before
    assert shown() == expected

    # Moved to a ledger that has lost them.
    assert client.delete("/api/v1/services/checkout").status_code == 204
    assert items(client, "changes") == []
    imported(app, tmp_path / "before")
    assert shown() == expected
