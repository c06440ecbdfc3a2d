"""What the reports of a folder state, each as its difference from the report before it.

A report that repeats the one before it is stored as its instant alone: it still says that nothing
had changed by then. One that arrives late is inserted, and what the next one states is then stored
as the difference from it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select
from uuid_utils.compat import uuid7

from api.domain.declarations.timeline import LEFT_OUT, Folder, Report, Stated
from api.domain.kit.sql import insert_into
from api.domain.kit.times import now
from api.tables import declaration_reports, declaration_statements, services

# What a folder states of services, by their ids.
Statements = dict[UUID, Stated]

_STATED = [declaration_statements.c[name] for name in Stated._fields]
_REPORT = [declaration_reports.c[name] for name in Report._fields]


class Instants(NamedTuple):
    """The reports of a folder around a new one: at its instant, and the first one after it."""

    same: Report | None
    next: Report | None


def around(connection: Connection, environment_id: UUID, report: Report) -> Instants:
    """Return the reports of the same folder at the instant of a new one and next after it."""
    table = declaration_reports
    rows = connection.execute(
        select(*_REPORT)
        .where(*_of(table, environment_id, report.folder))
        .where(table.c.declared_at >= report.declared_at)
        .order_by(table.c.declared_at)
        .limit(2)
    )
    found = [Report._make(row) for row in rows]
    same = found.pop(0) if found and found[0].declared_at == report.declared_at else None
    return Instants(same, found[0] if found else None)


def before(connection: Connection, environment_id: UUID, report: Report) -> Statements:
    """Return what the folder of a report stated until then: one index lookup for each service."""
    table = declaration_statements
    earlier = table.alias()
    latest = (
        select(earlier.c.id)
        .where(*_of(earlier, environment_id, report.folder))
        .where(earlier.c.service_id == services.c.id, earlier.c.reported_at < report.declared_at)
        .order_by(earlier.c.reported_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    found = connection.execute(
        select(table.c.service_id, *_STATED).select_from(services.join(table, table.c.id == latest))
    )
    return {row[0]: Stated(*row[1:]) for row in found}


def insert_report(
    connection: Connection,
    environment_id: UUID,
    report: Report,
    following: Report | None,
    known: Statements,
    whole: Statements,
) -> list[tuple[UUID, Stated]]:
    """Store a report; `known` is what its folder stated before, `whole` what it states itself.

    Returns what is no longer stored and what is stored now, of this report and of the next one.
    """
    table = declaration_reports
    row = {"id": uuid7(), "environment_id": environment_id, **report._asdict(), "created_at": now()}
    statement = insert_into(connection.dialect.name, table)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["environment_id", "repository", "path", "declared_at"],
            set_={"config_revision": statement.excluded.config_revision},
        ),
        row,
    )
    instants = [one.declared_at for one in (report, following) if one is not None]
    stored = _at(connection, environment_id, report.folder, instants)
    old = stored[report.declared_at]
    new = {
        service_id: stated
        for service_id, stated in whole.items()
        if known.get(service_id, LEFT_OUT) != stated
    }
    changed = _replace(connection, environment_id, report, old, new)
    if following is not None:
        later = stored[following.declared_at]
        here, there = known | new, known | old | later
        new = {
            service_id: there.get(service_id, LEFT_OUT)
            for service_id in here.keys() | there.keys()
            if here.get(service_id, LEFT_OUT) != there.get(service_id, LEFT_OUT)
        }
        changed += _replace(connection, environment_id, following, later, new)
    return changed


def about(
    connection: Connection, environment_id: UUID, service_ids: Collection[UUID]
) -> Mapping[UUID, dict[Folder, list[tuple[Report, Stated]]]]:
    """Return what all folders stated of some services, in the order of their reports."""
    table, reports = declaration_statements, declaration_reports
    of_the_report = (
        (reports.c.environment_id == table.c.environment_id)
        & (reports.c.repository == table.c.repository)
        & (reports.c.path == table.c.path)
        & (reports.c.declared_at == table.c.reported_at)
    )
    rows = connection.execute(
        select(table.c.service_id, *_REPORT, *_STATED)
        .select_from(table.join(reports, of_the_report))
        .where(table.c.environment_id == environment_id, table.c.service_id.in_(service_ids))
        .order_by(table.c.reported_at)
    )
    found: dict[UUID, dict[Folder, list[tuple[Report, Stated]]]] = defaultdict(dict)
    for service_id, *values in rows:
        report = Report(*values[: len(_REPORT)])
        statements = found[service_id].setdefault(report.folder, [])
        statements.append((report, Stated(*values[len(_REPORT) :])))
    return found


def reports_since(connection: Connection, environment_id: UUID, since: datetime) -> list[Report]:
    """Return the reports of all folders from a time on, in order."""
    table = declaration_reports
    rows = connection.execute(
        select(*_REPORT)
        .where(table.c.environment_id == environment_id, table.c.declared_at >= since)
        .order_by(table.c.declared_at)
    )
    return [Report._make(row) for row in rows]


def _at(
    connection: Connection, environment_id: UUID, folder: Folder, instants: Sequence[datetime]
) -> Mapping[datetime, Statements]:
    table = declaration_statements
    found: dict[datetime, Statements] = defaultdict(dict)
    rows = connection.execute(
        select(table.c.reported_at, table.c.service_id, *_STATED)
        .where(*_of(table, environment_id, folder))
        .where(table.c.reported_at.in_(instants))
    )
    for at, service_id, *values in rows:
        found[at][service_id] = Stated(*values)
    return found


def _replace(
    connection: Connection, environment_id: UUID, report: Report, old: Statements, new: Statements
) -> list[tuple[UUID, Stated]]:
    """Store what a report states in place of the old; return what is gone and what is new."""
    table = declaration_statements
    gone = [
        (service_id, stated) for service_id, stated in old.items() if new.get(service_id) != stated
    ]
    added = [
        (service_id, stated) for service_id, stated in new.items() if old.get(service_id) != stated
    ]
    if gone:
        connection.execute(
            delete(table)
            .where(*_of(table, environment_id, report.folder))
            .where(table.c.reported_at == report.declared_at)
            .where(table.c.service_id == bindparam("gone")),
            [{"gone": service_id} for service_id, _ in gone],
        )
    if added:
        connection.execute(
            insert(table),
            [
                {
                    "id": uuid7(),
                    "service_id": service_id,
                    "environment_id": environment_id,
                    "repository": report.repository,
                    "path": report.path,
                    "reported_at": report.declared_at,
                    **stated._asdict(),
                    "created_at": now(),
                }
                for service_id, stated in added
            ],
        )
    return gone + added


def _of(table: Any, environment_id: UUID, folder: Folder) -> tuple[ColumnElement[bool], ...]:
    repository, path = folder
    return (
        table.c.environment_id == environment_id,
        table.c.repository == repository,
        table.c.path == path,
    )
