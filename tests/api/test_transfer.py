"""Moving a ledger: what is exported is imported again, all of it, and nothing twice."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from api import demo
from api.database import Database
from api.domain.deployments import reports, reviewing
from api.domain.deployments.model import Kind
from api.domain.events.cloudevents import STRUCTURED
from api.domain.kit.times import now
from api.domain.transfer import importing, inserting
from api.migrate import upgrade
from api.tables import REQUIRED_REVISION
from tests.api.conftest import NewApp, json_of
from tests.api.events.payloads import CLOUDEVENTS, GITHUB, cdevent, event_of, github
from tests.api.transfer import (
    add_secrets,
    deployment,
    empty,
    exported,
    imported,
    rows,
    run,
    total,
    write,
)
from tests.postgresql import Server

ENTRIES: list[dict[str, Any]] = [
    {"type": "service", "name": "checkout", "owner": "payments", "repository": "https://x.org/y"},
    {"type": "environment", "name": "prod", "tier": "production", "promotion_order": 0},
    deployment(
        image_digest="sha256:" + "4f" * 32,
        commit="9fceb02",
        config_revision="main@sha1:8b13789",
        kind="hotfix",
        status="failed",
        actor="Ada “the first”",
        links=[{"title": "pipeline \u2028", "url": "https://ci.example.com/1"}],
        source="ci",
        external_id="4711",
    ),
    deployment(version="2.0", status="running", finished_at=None),
    {
        "type": "change",
        "service": "checkout",
        "commit": "9fceb02",
        "committed_at": "2026-02-28T12:00:00.123456+01:00",
        "author": "ada",
        "title": "Do it",
        "version": "1.0",
    },
    {
        "type": "incident",
        "service": "checkout",
        "environment": "prod",
        "title": "It is slow",
        "detected_at": "2026-03-01T12:05:00Z",
        "resolved_at": "2026-03-01T13:05:00Z",
        "source": "pager",
        "external_id": "I-1",
    },
    {
        "type": "declaration",
        "service": "checkout",
        "environment": "prod",
        "version": "1.0",
        "config_revision": "8b13789",
        "repository": "https://x.org/y",
        "declared_at": "2026-03-01T11:55:00Z",
    },
    {
        "type": "declaration",
        "service": "checkout",
        "environment": "prod",
        "config_revision": "9c24890",
        "repository": "https://x.org/y",
        "path": "k8s/überall",
        "declared_at": "2026-03-02T11:55:00Z",
    },
]


@pytest.fixture
def full(app: APIFlask, database: Database, tmp_path: Path) -> APIFlask:
    """Return an application whose ledger has a history and one of everything."""
    file = write(tmp_path / "entries", ENTRIES)
    imported(app, file)
    with database.write() as connection:
        reports.record_all(connection, demo.history(now()).deployments)
    with database.read() as connection:
        known = connection.exec_driver_sql("SELECT id FROM deployments LIMIT 1").scalar_one()
    tell(app)
    declare(app, 12)
    declare(app, 11, checkout={"version": "1.0"})
    incident = {**ENTRIES[5], "external_id": "I-2", "deployment_id": str(known)}
    imported(app, write(file, [{**incident, "resolved_at": None}]))
    return app


def tell(app: APIFlask) -> str:
    """Send events, correct what they tell of, and return where that deployment is."""
    client = app.test_client()
    first = github_says(client, None, 0)
    github_says(client, "in_progress", 1)
    github_says(client, "success", 2, "ping")  # not ours
    event = json_of(client.get(first.headers["Location"]))
    url = f"/api/v1/deployments/{event['deployments'][0]}"
    assert client.patch(url, json={"actor": "grace"}).status_code == 200
    assert incident_says(client, "detected", 1).status_code == 202
    (incident,) = json_of(client.get("/api/v1/incidents?limit=1"))["items"]
    corrected = client.patch(f"/api/v1/incidents/{incident['id']}", json={"title": "No cards"})
    assert corrected.status_code == 200
    return url


def declare(app: APIFlask, hour: int, **told: dict[str, Any]) -> dict[str, Any]:
    """Report what is declared at an hour, 1.1 of checkout unless told otherwise."""
    body = {
        "repository": "https://x.org/y",
        "config_revision": f"at-{hour}",
        "declared_at": f"2026-03-05T{hour}:00:00Z",
        "services": told or {"checkout": {"version": "1.1"}},
    }
    return json_of(app.test_client().put("/api/v1/declarations/eu", json=body))


def incident_says(client: FlaskClient, what: str, number: int) -> TestResponse:
    body = cdevent(
        f"incident.{what}",
        id=str(number),
        subject="incident-7",
        timestamp=f"2026-03-02T12:0{number}:00Z",
        description="Payments are refused",
        service={"id": "checkout"},
    )
    return client.post(CLOUDEVENTS, json=body, headers={"Content-Type": STRUCTURED})


def github_says(
    client: FlaskClient, state: str | None, number: int, event: str | None = None
) -> TestResponse:
    body = github(state, number)
    headers = {"X-GitHub-Event": event or event_of(body), "X-GitHub-Delivery": str(number)}
    return client.post(GITHUB, json=body, headers=headers)


@pytest.fixture
def embedded(new_app: NewApp, tmp_path: Path) -> APIFlask:
    """Return another application, on an embedded database."""
    return new_app(DATA_DIR=tmp_path / "embedded")


def test_an_export_that_is_imported_is_exported_alike(
    full: APIFlask, embedded: APIFlask, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    told = exported(full, first)
    added = imported(embedded, first)

    assert exported(embedded, second) == told
    assert first.read_bytes().partition(b"\n")[2] == second.read_bytes().partition(b"\n")[2]
    last = "3 incidents, 4 declarations, 2 declaration reports, 2 declaration statements, 4 events"
    last += ", 1 change, 4 statements, 2 incident statements"
    assert added.endswith(f"{last}; already present: nothing\n")


def test_the_kinds_that_the_history_decides_are_the_same_after_a_move(
    full: APIFlask, embedded: APIFlask, tmp_path: Path
) -> None:
    exported(full, tmp_path / "file")
    imported(embedded, tmp_path / "file")

    before, after = rows(full.extensions["database"]), rows(embedded.extensions["database"])
    assert after == before
    kinds = {row["kind"] for row in after["deployments"] if row["stated_kind"] is None}
    assert kinds >= {Kind.ROLLOUT, Kind.ROLLBACK}


def test_a_long_past_is_decided_in_parts(
    full: APIFlask, embedded: APIFlask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(full, tmp_path / "file")

    monkeypatch.setattr(reviewing, "CHUNK", 3)
    imported(embedded, tmp_path / "file")

    assert rows(embedded.extensions["database"]) == rows(full.extensions["database"])


def test_it_moves_from_sqlite_to_postgresql(
    new_app: NewApp, embedded: APIFlask, postgresql_server: Server, tmp_path: Path
) -> None:
    imported(embedded, write(tmp_path / "entries", ENTRIES))
    tell(embedded)
    target = new_app(**postgresql_server.new_database())
    upgrade(target.extensions["database"].engine)

    told = exported(embedded, tmp_path / "file")
    imported(target, tmp_path / "file")

    assert exported(target, tmp_path / "again") == told


def test_events_go_on_where_the_ledger_moved_to(
    app: APIFlask, embedded: APIFlask, tmp_path: Path
) -> None:
    url = tell(embedded)
    exported(embedded, tmp_path / "file")
    imported(app, tmp_path / "file")
    client, before = app.test_client(), embedded.test_client()
    (event,) = json_of(client.get("/api/v1/events?limit=1&outcome=not_ours"))["items"]

    assert json_of(client.get(f"{url}/evidence")) == json_of(before.get(f"{url}/evidence"))
    path = f"/api/v1/events/{event['id']}"
    assert json_of(client.get(path)) == json_of(before.get(path))
    # It came before; this is news.
    assert github_says(client, "in_progress", 1).status_code == 200
    assert github_says(client, "success", 3).status_code == 202
    deployment = json_of(client.get(url))
    assert (deployment["status"], deployment["actor"]) == ("succeeded", "grace")
    assert incident_says(client, "resolved", 2).status_code == 202
    (incident,) = json_of(client.get("/api/v1/incidents?limit=1"))["items"]
    assert (incident["resolved_at"], incident["title"]) == ("2026-03-02T12:02:00Z", "No cards")


def test_a_late_report_is_ordered_where_the_ledger_moved_to(
    full: APIFlask, embedded: APIFlask, tmp_path: Path
) -> None:
    declare(full, 14)
    exported(full, tmp_path / "file")
    imported(embedded, tmp_path / "file")

    late = {"checkout": {"version": "2.0"}, "web": {"version": "1.0"}}
    assert declare(embedded, 13, **late) == declare(full, 13, **late)
    (declared,) = declare(embedded, 13, **late)["services"].values()
    assert (declared["version"], declared["config_revision"]) == ("1.1", "at-14")


def test_a_declaration_that_is_imported_late_does_not_change_the_present(
    full: APIFlask, tmp_path: Path
) -> None:
    declare(full, 14)
    late = {**ENTRIES[6], "environment": "eu", "declared_at": "2026-03-05T13:00:00Z"}

    imported(full, write(tmp_path / "late", [late]))

    items = json_of(full.test_client().get("/api/v1/declarations?environment=eu"))["items"]
    told = [(each["version"], each["declared_at"][11:13]) for each in items]
    assert told == [("1.1", "14"), ("1.0", "13"), ("1.1", "12"), ("1.0", "11")]


def test_what_is_known_of_an_environment_is_moved(
    app: APIFlask, embedded: APIFlask, tmp_path: Path
) -> None:
    lines: list[dict[str, Any]] = [
        {"type": "environment", "name": "eu", "tier": "production"},
        {"type": "environment", "name": "us", "tier": "production", "described": False},
        {"type": "environment", "name": "prod"},
        {"type": "environment", "name": "pr-101"},
    ]
    imported(embedded, write(tmp_path / "lines", lines))
    told = exported(embedded, tmp_path / "file")
    imported(app, tmp_path / "file")

    assert exported(app, tmp_path / "again") == told
    assert {line["name"]: (line["described"], line["transient"]) for line in told[1:]} == {
        "eu": (True, False),
        "us": (False, False),
        "prod": (False, False),
        "pr-101": (False, True),
    }


def test_the_header_tells_what_follows(full: APIFlask, tmp_path: Path) -> None:
    header, *lines = exported(full, tmp_path / "file")

    types = [line["type"] for line in lines]
    assert header["format"] == "slipway-ledger"
    assert header["version"] == 1
    assert header["schema_revision"] == REQUIRED_REVISION
    assert header["counts"] == {name: types.count(name) for name in header["counts"]}
    order = ["service", "environment", "deployment", "incident", "declaration"]
    order += [
        "declaration_report",
        "declaration_statement",
        "event",
        "change",
        "statement",
        "incident_statement",
        "removal",
        "deletion",
    ]
    assert types == sorted(types, key=order.index)


def test_secrets_stay_where_they_are(
    app: APIFlask, database: Database, record: Any, tmp_path: Path
) -> None:
    record()
    add_secrets(database)

    exported(app, tmp_path / "file")

    assert "s3cr3t" not in (tmp_path / "file").read_text()


def test_it_goes_through_pipes(app: APIFlask, embedded: APIFlask, tmp_path: Path) -> None:
    imported(embedded, write(tmp_path / "file", ENTRIES))

    told = run(embedded, "export")
    taken = run(app, "import", "-", input=told.stdout_bytes)

    assert told.stderr.startswith("exported: 1 service, 1 environment, 2 deployments")
    assert taken.exit_code == 0, taken.output
    assert taken.stdout.startswith("added: 1 service, 1 environment, 2 deployments")
    assert run(app, "export").stdout.splitlines()[1:] == told.stdout.splitlines()[1:]


def test_what_is_there_already_is_left_alone(full: APIFlask, tmp_path: Path) -> None:
    told = exported(full, tmp_path / "file")

    said = imported(full, tmp_path / "file")

    assert said.startswith("added: nothing; already present: ")
    assert exported(full, tmp_path / "again") == told


def test_the_lines_of_another_tool_are_reports(
    app: APIFlask, database: Database, tmp_path: Path
) -> None:
    lines = [
        deployment(started_at="2026-03-03T12:00:00Z", finished_at=None, status="running"),
        deployment(source="ci", external_id="1", status="pending", finished_at=None),
        deployment(source="ci", external_id="1", status="succeeded", version="1.0"),
        deployment(
            version="2.0", started_at="2026-03-02T12:00:00Z", finished_at="2026-03-02T12:00:00Z"
        ),
    ]
    file = write(tmp_path / "file", lines)

    assert imported(app, file) == "added: 3 deployments; already present: 1 deployment\n"
    told = sorted(rows(database)["deployments"], key=lambda row: row["started_at"])
    assert [row["status"] for row in told] == ["succeeded", "succeeded", "running"]
    assert [row["kind"] for row in told] == [Kind.ROLLOUT, Kind.ROLLOUT, Kind.ROLLBACK]
    assert [row["tier"] for row in rows(database)["environments"]] == ["production"]

    before = rows(database)
    assert imported(app, file) == "added: nothing; already present: 4 deployments\n"
    assert rows(database) == before


def test_a_line_without_id_or_key_is_the_same_each_time(app: APIFlask, tmp_path: Path) -> None:
    file = write(tmp_path / "file", [deployment(), deployment(), deployment(version="2.0")])

    assert imported(app, file) == "added: 2 deployments; already present: 1 deployment\n"
    assert imported(app, file) == "added: nothing; already present: 3 deployments\n"


def test_an_interrupted_import_is_begun_again(
    full: APIFlask, embedded: APIFlask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = exported(full, tmp_path / "file")
    calls = iter(range(100))

    def interrupted(*arguments: Any) -> int:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return inserting.insert_all(*arguments)

    with monkeypatch.context() as broken:
        broken.setattr(importing, "insert_all", interrupted)
        result = run(embedded, "import", tmp_path / "file")

    assert result.exit_code == 1
    assert 0 < total(embedded.extensions["database"]) < len(told) - 1
    assert "already present: 6 services" in imported(embedded, tmp_path / "file")
    assert exported(embedded, tmp_path / "again") == told
    assert rows(embedded.extensions["database"]) == rows(full.extensions["database"])


IDS = st.uuids().map(str)
TIMES = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 (hypothesis wants it so)
    max_value=datetime(2026, 1, 1),  # noqa: DTZ001
).map(lambda time: time.isoformat(timespec="microseconds") + "Z")
WORDS = st.text(st.characters(blacklist_categories=["Cc", "Cs"]), min_size=1, max_size=20)
NAMES = st.sampled_from(["checkout", "search", "web"])


@st.composite
def ledgers(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw the lines of a ledger."""

    def maybe(strategy: st.SearchStrategy[Any]) -> Any:
        return draw(st.none() | strategy)

    lines: list[dict[str, Any]] = []
    for number in range(draw(st.integers(0, 6))):
        start, end = sorted([draw(TIMES), draw(TIMES)])
        lines.append(
            deployment(
                service=draw(NAMES),
                environment=draw(st.sampled_from(["dev", "prod"])),
                version=draw(st.sampled_from(["1.0", "2.0"])),
                kind=maybe(st.sampled_from(list(Kind))),
                status=draw(st.sampled_from(["succeeded", "failed", "cancelled"])),
                started_at=start,
                finished_at=end,
                actor=maybe(WORDS),
                links=draw(
                    st.lists(st.fixed_dictionaries({"title": WORDS, "url": st.just("http://x")}))
                )[:10],
                external_id=maybe(st.just(f"id-{number}")),
                id=maybe(IDS),
            )
        )
        if draw(st.booleans()):
            incident = {"service": draw(NAMES), "environment": "prod", "title": draw(WORDS)}
            lines.append({"type": "incident", **incident, "detected_at": end})
        change = {"service": draw(NAMES), "commit": f"abcdef{number}", "committed_at": start}
        lines.append({"type": "change", **change, "title": maybe(WORDS)})
    return lines


@settings(
    max_examples=15,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(lines=ledgers())
def test_any_ledger_survives_the_round_trip(
    app: APIFlask, database: Database, tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    empty(database)
    imported(app, write(tmp_path / "lines", lines))
    told, before = exported(app, tmp_path / "file"), rows(database)

    empty(database)
    imported(app, tmp_path / "file")

    assert exported(app, tmp_path / "again") == told
    assert rows(database) == before
