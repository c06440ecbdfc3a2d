"""What the tests of moved ledgers share: files, commands, and what a ledger holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from click.testing import Result
from flask import Flask
from sqlalchemy import delete, func, insert, select

from api.database import Database
from api.domain.kit.times import now
from api.tables import (
    answers,
    changes,
    declaration_reports,
    declaration_statements,
    declarations,
    deletions,
    deployments,
    environments,
    events,
    evidence,
    incident_statements,
    incidents,
    removals,
    services,
    tokens,
)

TABLES = (
    deletions,
    removals,
    evidence,
    incident_statements,
    events,
    declaration_statements,
    declaration_reports,
    declarations,
    incidents,
    changes,
    deployments,
    environments,
    services,
)


def run(app: Flask, *arguments: object, **options: Any) -> Result:
    """Run a command that must not crash."""
    result = app.test_cli_runner().invoke(args=["ledger", *map(str, arguments)], **options)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def imported(app: Flask, file: Path) -> str:
    """Import a file that is fine; return what is said about it."""
    result = run(app, "import", file)
    assert result.exit_code == 0, result.output
    return result.stdout


def exported(app: Flask, file: Path) -> list[dict[str, Any]]:
    """Export to a file; return its lines, without the time of the export."""
    result = run(app, "export", file)
    assert result.exit_code == 0, result.output
    # Bytes: a text knows other ends of lines too.
    header, *lines = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert header.pop("exported_at")
    return [header, *lines]


def write(file: Path, lines: Sequence[dict[str, Any]]) -> Path:
    """Write lines to a file."""
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def total(database: Database) -> int:
    """Return how many rows all tables of a ledger have."""
    with database.read() as connection:
        counts = [select(func.count()).select_from(table) for table in TABLES]
        return sum(connection.execute(count).scalar_one() for count in counts)


def rows(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Return every row of a ledger, kinds that were decided included."""
    with database.read() as connection:
        return {
            table.name: [
                dict(row)
                for row in connection.execute(select(table).order_by(table.c.id)).mappings()
            ]
            for table in TABLES
        }


def empty(database: Database) -> None:
    """Remove everything."""
    with database.write() as connection:
        for table in TABLES:
            connection.execute(delete(table))


def add_secrets(database: Database) -> None:
    """Add a token and a stored answer, neither of which is ever exported."""
    with database.write() as connection:
        token = {"id": uuid4(), "name": "ci", "scopes": [], "secret_hash": "s3cr3t"}
        answer = {"key_hash": "s3cr3t", "body_hash": "", "status": 201, "headers": []}
        connection.execute(insert(tokens), {**token, "created_at": now()})
        connection.execute(insert(answers), {**answer, "body": "s3cr3t", "created_at": now()})


def deployment(**fields: object) -> dict[str, Any]:
    """Return a line as another tool writes it."""
    return {
        "type": "deployment",
        "service": "checkout",
        "environment": "prod",
        "version": "1.0",
        "started_at": "2026-03-01T12:00:00Z",
        "finished_at": "2026-03-01T12:01:00Z",
        **fields,
    }
