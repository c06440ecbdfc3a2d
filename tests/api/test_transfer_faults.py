"""An import that finds something wrong says where, and writes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from apiflask import APIFlask
from flask import Flask
from flask.testing import FlaskClient

from api.database import Database
from api.domain.kit.errors import ConflictError
from api.domain.transfer import importing, inserting, reading
from tests.api.conftest import NewApp, Record
from tests.api.transfer import deployment, empty, exported, imported, run, total, write
from tests.postgresql import Server

HEADER = {
    "format": "slipway-ledger",
    "version": 1,
    "schema_revision": "0002",
    "exported_at": "2026-03-01T12:00:00Z",
    "counts": {"deployment": 1},
}
INCIDENT = {
    "type": "incident",
    "service": "checkout",
    "environment": "prod",
    "title": "It is slow",
    "detected_at": "2026-03-01T12:00:00Z",
}
CHANGE = {
    "type": "change",
    "service": "checkout",
    "commit": "9fceb02",
    "committed_at": "2026-03-01T12:00:00Z",
}
EVENT = {
    "type": "event",
    "source": "github",
    "delivery_id": "1",
    "received_at": "2026-03-01T12:00:00Z",
    "headers": {},
    "body": "{}",
    "body_digest": "sha256:" + "4f" * 32,
    "outcome": "projected",
}
SAID: dict[str, Any] = {
    **dict.fromkeys(["image_digest", "commit", "config_revision", "actor", "kind", "finished_at"]),
    "version": "1.0",
    "status": "running",
    "started_at": "2026-03-01T12:00:00Z",
    "links": [],
}
STATEMENT = {
    "type": "statement",
    "id": "0195d3a0-0000-7000-8000-000000000003",
    "deployment_id": "0195d3a0-0000-7000-8000-000000000002",
    "service": "checkout",
    "environment": "prod",
    "source": "github",
    "correction": False,
    "said": SAID,
    "started_at": "2026-03-01T12:00:00Z",
    "ended_at": "2026-03-01T12:00:00Z",
}
INCIDENT_STATEMENT = {
    "type": "incident_statement",
    "id": "0195d3a0-0000-7000-8000-000000000004",
    "service": "checkout",
    "environment": "prod",
    "source": "pager",
    "external_id": "1",
    "correction": False,
    "said": {
        "title": "It is slow",
        "detected_at": "2026-03-01T12:00:00Z",
        "resolved_at": None,
        "links": [],
    },
}


def refused(app: Flask, file: Path, *options: str) -> list[str]:
    """Import a file that is wrong; return what is said about it."""
    result = run(app, "import", file, *options)
    assert result.exit_code == 1
    assert result.stdout == ""
    return result.stderr.splitlines()


def test_a_broken_line_in_the_middle_changes_nothing(
    app: APIFlask, database: Database, tmp_path: Path
) -> None:
    lines = [deployment(version=f"1.{number}") for number in range(1000)]
    lines[499]["version"] = "no version"

    told = refused(app, write(tmp_path / "file", lines))

    assert told[0].startswith("line 500: #/version: ")
    assert told[1:] == ["slipway: invalid lines: 1; nothing was written"]
    assert total(database) == 0


def test_unchecked_the_lines_before_are_written(
    app: APIFlask, database: Database, tmp_path: Path
) -> None:
    lines = [deployment(version=f"1.{number}") for number in range(1000)]
    lines[799]["version"] = "no version"

    told = refused(app, write(tmp_path / "file", lines), "--no-check")

    assert told[0].startswith("line 800: #/version: ")
    assert told[1].endswith("earlier lines may have been written")
    assert total(database) == 2 + reading.BATCH


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"{", "#: is not JSON: "),
        (b"\xff{}", "#: is not JSON: "),
        (b"[1]", "#: must be a JSON object"),
        (b"null", "#: must be a JSON object"),
        (b"{}", "#/type: must be one of: service, environment, deployment, incident, declaration"),
        (b'{"type": []}', "#/type: must be one of: "),
        (b'{"type": "token"}', "#/type: must be one of: "),
        (b'{"type": "service", "type": "service"}', "#: is not JSON: the key"),
        (b'{"type": "service", "name": NaN}', "#: is not JSON: NaN is not a number"),
        (b'{"type": "service", "name": "\\ud800"}', "#: is not JSON: half of a surrogate pair"),
        (b'{"type": "service"}', "#/name: is missing"),
        (b'{"type": "service", "name": "x", "team": "y"}', "#/team: is not known"),
        (b"[" * 200_000, "#: is nested too deeply"),
        (b" " * (8 * 1024 * 1024 + 1), "#: is longer than 8 MiB; nothing after it was read"),
        (b'{"format": "slipway-ledger"}', "#/type: must be one of"),
    ],
)
def test_what_is_no_entry_is_named_by_its_line(
    app: APIFlask, database: Database, tmp_path: Path, line: bytes, fault: str
) -> None:
    (tmp_path / "file").write_bytes(b'\n{"type": "service", "name": "x"}\n' + line + b"\n")

    first, *_, last = refused(app, tmp_path / "file")

    assert first.startswith(f"line 3: {fault}")
    assert last == "slipway: invalid lines: 1; nothing was written"
    assert total(database) == 0


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"version": 2}, "#/version: "),
        ({"format": "other"}, "#/format: "),
        (
            {"counts": {"deployment": 2}},
            "#/counts: announces 2 of deployment, but the file has 1 of",
        ),
    ],
)
def test_a_header_must_fit(
    app: APIFlask, database: Database, tmp_path: Path, changes: dict[str, Any], fault: str
) -> None:
    file = write(tmp_path / "file", [{**HEADER, **changes}, deployment()])

    assert refused(app, file)[0].startswith(f"line 1: {fault}")
    assert total(database) == 0
    assert imported(app, write(file, [HEADER, deployment()])).startswith("added: 1 deployment")


def test_twenty_faults_are_told_and_all_are_counted(app: APIFlask, tmp_path: Path) -> None:
    file = write(tmp_path / "file", [{"type": "service", "name": "No"}] * 30)

    told = refused(app, file)

    assert len(told) == 21
    assert told[0].startswith("line 1: ")
    assert told[-1].startswith("slipway: invalid lines: 30")


IDENTIFIER = "0195d3a0-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("first", "second", "fault"),
    [
        (
            {"type": "service", "name": "x", "owner": "one"},
            {"type": "service", "name": "x", "owner": "two"},
            "owner",
        ),
        (
            {"type": "environment", "name": "x", "promotion_order": 1},
            {"type": "environment", "name": "x", "promotion_order": 2},
            "promotion_order",
        ),
        (CHANGE, {**CHANGE, "committed_at": "2026-03-01T12:00:01Z"}, "committed_at"),
        (
            {**INCIDENT, "external_id": "1"},
            {**INCIDENT, "external_id": "1", "title": "No"},
            "title",
        ),
        (deployment(id=IDENTIFIER), deployment(id=IDENTIFIER, version="2.0"), "version"),
        (
            deployment(id=IDENTIFIER, external_id="1"),
            deployment(id=IDENTIFIER[:-1] + "2", external_id="1"),
            "id",
        ),
        (deployment(external_id="1"), deployment(external_id="1", version="2.0"), "version"),
    ],
)
def test_what_contradicts_is_a_conflict(
    app: APIFlask, tmp_path: Path, first: dict[str, Any], second: dict[str, Any], fault: str
) -> None:
    file = write(tmp_path / "file", [first, second])
    (within, _) = refused(app, file)
    imported(app, write(file, [first]))
    (against, _) = refused(app, write(file, [second]))

    assert within.startswith("line 2: #: ")
    assert "line 1" in within
    assert against.startswith("line 1: #: ")
    assert f"another {fault}" in within
    assert f"another {fault}" in against


def test_all_conflicts_with_the_ledger_are_found_first(
    app: APIFlask, database: Database, record: Record, tmp_path: Path
) -> None:
    record(external_id="1")
    _, _, environment, known = exported(app, tmp_path / "file")
    others = [deployment(version=f"1.{number}") for number in range(reading.BATCH)]
    service = {"type": "service", "name": "checkout", "owner": "payments"}
    lines = [environment, {**known, "version": "2.0"}, *others, service]
    before = total(database)

    told = refused(app, write(tmp_path / "file", lines))

    assert told[0] == "line 2: #: the ledger has it with another version"
    assert told[1] == f"line {len(lines)}: #: the ledger has it with another owner"
    assert total(database) == before


def test_an_incident_names_a_deployment_that_is_known(app: APIFlask, tmp_path: Path) -> None:
    line = {**INCIDENT, "deployment_id": IDENTIFIER}
    file = write(tmp_path / "file", [line, deployment(id=IDENTIFIER)])
    fault = "line 1: #/deployment_id: is neither in the ledger nor on a line before"

    assert refused(app, file)[0] == fault
    assert refused(app, file, "--no-check")[0] == fault
    assert "1 incident" in imported(app, write(file, [deployment(id=IDENTIFIER), line]))


@pytest.mark.parametrize("reference", ["deployment_id", "event_id"])
def test_a_statement_names_what_is_known(
    app: APIFlask, database: Database, tmp_path: Path, reference: str
) -> None:
    known = deployment(id=str(uuid4()))
    event = {**EVENT, "id": str(uuid4())}
    statement = {**STATEMENT, "deployment_id": known["id"], "event_id": event["id"]}
    lines = [known, event, {**statement, reference: str(uuid4())}]

    told = refused(app, write(tmp_path / "file", lines))
    assert told[0] == f"line 3: #/{reference}: is neither in the ledger nor on a line before"
    told = refused(app, write(tmp_path / "file", lines), "--no-check")
    assert told[0].startswith(f"line 3: #/{reference}: ")
    empty(database)
    assert imported(app, write(tmp_path / "file", [*lines[:2], statement]))


@pytest.mark.parametrize(
    ("line", "changes", "fault"),
    [
        (EVENT, {"body": "[]"}, "#/body: must be a JSON object"),
        (EVENT, {"body": '"{}"'}, "#/body: must be a JSON object"),
        (EVENT, {"body": "no"}, "#/body: is not JSON: "),
        (EVENT, {"body": '{"a": Infinity}'}, "#/body: is not JSON: Infinity is not a number"),
        (EVENT, {"body": '{"a": 1e400}'}, "#/body: is not JSON: 1e400 is too large a number"),
        (EVENT, {"body": '{"a": 1, "a": 2}'}, "#/body: is not JSON: the key"),
        (EVENT, {"body": '{"a": "\\ud800"}'}, "#/body: is not JSON: half of a surrogate"),
        (EVENT, {"body": '{"a":' * 256 + "1" + "}" * 256}, "#/body: is nested too deeply"),
        (EVENT, {"source": "jenkins"}, "#/source: must be one of: argocd, "),
        (EVENT, {"delivery_id": "a\x00b"}, "#/delivery_id: "),
        (EVENT, {"received_at": "0001-01-01T00:00:00Z"}, "#/received_at: must not be before 1970"),
        (EVENT, {"received_at": "9999-12-31T23:59:59-14:00"}, "#/received_at: must be an existing"),
        (deployment(), {"started_at": "0001-01-01T00:00:00Z"}, "#/started_at: must not be before"),
        (STATEMENT, {"said": {}}, "#/said: kind: Field required"),
        (STATEMENT, {"said": {**SAID, "version": "a\x00b"}}, "#/said: version: "),
        (STATEMENT, {"said": {**SAID, "status": "failed"}}, "#/said: "),
        (STATEMENT, {"said": {**SAID, "started_at": "0001-01-01T00:00:00Z"}}, "#/said: started_at"),
        (STATEMENT, {"said": SAID, "correction": True}, "#/said: "),
        (STATEMENT, {"said": {"status": "failed"}, "correction": True}, "#/said: "),
        (INCIDENT_STATEMENT, {"said": {"title": "It is slow"}}, "#/said: detected_at: "),
        (INCIDENT_STATEMENT, {"said": {"title": ""}, "correction": True}, "#/said: title: "),
    ],
)
def test_what_could_not_be_told_or_replayed_is_refused(
    sqlite_client: FlaskClient,
    tmp_path: Path,
    line: dict[str, Any],
    changes: dict[str, Any],
    fault: str,
) -> None:
    told = refused(sqlite_client.application, write(tmp_path / "file", [{**line, **changes}]))

    assert told[0].startswith(f"line 1: {fault}")
    assert told[-1] == "slipway: invalid lines: 1; nothing was written"


def test_a_reason_that_quotes_what_only_sqlite_could_store_is_taken_without_it(
    app: APIFlask, tmp_path: Path
) -> None:
    file = write(tmp_path / "file", [{**EVENT, "reason": "a\x00b is not about a deployment"}])

    assert imported(app, file) == "added: 1 event; already present: nothing\n"
    assert imported(app, file) == "added: nothing; already present: 1 event\n"
    assert exported(app, file)[-1]["reason"] == "a\ufffdb is not about a deployment"


def test_a_line_that_only_the_database_refuses_is_named(
    app: APIFlask, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(*arguments: Any) -> int:
        entries = arguments[1]
        if any(entry.version == "1.7" for entry in entries):
            raise ConflictError("It is known otherwise.")
        return inserting.insert_all(*arguments)

    monkeypatch.setattr(importing, "insert_all", written)
    lines = [deployment(version=f"1.{number}") for number in range(10)]

    told = refused(app, write(tmp_path / "file", lines))

    assert told[0] == "line 8: #: the ledger refuses it: It is known otherwise."
    assert told[1].startswith("slipway: invalid lines: 1; ")
    assert total(database) == 0


def test_a_database_that_is_not_migrated_is_one_clear_line(
    new_app: NewApp, postgresql_server: Server, tmp_path: Path
) -> None:
    app = new_app(**postgresql_server.new_database())
    file = write(tmp_path / "file", [deployment()])

    (told,) = refused(app, file)
    assert told.startswith("slipway: the import stopped: the database does not have")
    result = run(app, "export", tmp_path / "export")
    assert result.exit_code == 1
    assert result.stderr.startswith("slipway: the ledger was not exported: the database does")
    assert not (tmp_path / "export").exists()
