"""Recording of declarations: a report states everything a folder declares for one environment.

Reports may arrive in any order, and make the same declarations: what each one states is kept
(`statements`), and where it matters, the declarations are made anew from that (`timeline`). Of two
reports of a folder for the same instant, the one of the greater revision holds; of the same
revision, the one that arrives last.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from api.domain import catalog
from api.domain.declarations import statements, store, timeline
from api.domain.declarations.model import CONTENT, Declaration, NewDeclarations
from api.domain.declarations.timeline import LEFT_OUT, Report, Stated
from api.domain.kit.times import now


def record(connection: Connection, environment: str, new: NewDeclarations) -> None:
    """Record a report for an environment, and withdraw the services that it leaves out."""
    ids, environments = catalog.ids(connection, new.services, [environment], now())
    environment_id = environments[environment]
    catalog.find_environment(connection, environment)  # locks it against concurrent reports
    report = Report(new.declared_at or now(), new.config_revision, new.repository, new.path)
    same, following = statements.around(connection, environment_id, report)
    if same is not None and same.config_revision > report.config_revision:
        return
    known = statements.before(connection, environment_id, report)
    current = store.declared(connection, environment_id, report.declared_at)
    whole = dict.fromkeys(known, LEFT_OUT)
    whole |= {ids[name]: Stated(**release.model_dump()) for name, release in new.services.items()}
    changed = statements.insert_report(connection, environment_id, report, following, known, whole)
    if same is not None and same != report:  # another revision is now said to have declared it
        changed += whole.items()
    affected = {service for service, _ in changed}
    affected |= {
        service
        for service in current.keys() | whole.keys()
        if timeline.asserted(current.get(service), report, whole.get(service, LEFT_OUT))
    }
    if affected:
        since = min([report.declared_at, *_own_times(changed)])
        _decide(connection, environment_id, affected, since)


def store_all(connection: Connection, new: Sequence[Declaration]) -> None:
    """Store declarations that stand for themselves, without a report."""
    services, environments = catalog.ids(
        connection, {row.service for row in new}, {row.environment for row in new}, now()
    )
    rows = [
        {
            "service_id": services[declaration.service],
            "environment_id": environments[declaration.environment],
            **{name: getattr(declaration, name) for name in (*CONTENT, "declared_at")},
            "reported_at": None,
        }
        for declaration in new
    ]
    store.insert(connection, rows)


def review(
    connection: Connection, environment: str, services: Collection[str], since: datetime
) -> None:
    """Make the declarations of some services anew from a time on, as reports are ordered by now."""
    ids, environments = catalog.ids(connection, services, [environment], now())
    catalog.find_environment(connection, environment)  # locks it against concurrent reports
    _decide(connection, environments[environment], set(ids.values()), since)


def _own_times(changed: Iterable[tuple[UUID, Stated]]) -> Iterator[datetime]:
    yield from (stated.declared_at for _, stated in changed if stated.declared_at is not None)


def _decide(
    connection: Connection, environment_id: UUID, services: set[UUID], since: datetime
) -> None:
    """Make the declarations of some services from a time on, and store what differs."""
    before = store.declared(connection, environment_id, since, operator.lt)
    stored = store.declared_since(connection, environment_id, services, since)
    stated = statements.about(connection, environment_id, services)
    reports = statements.reports_since(connection, environment_id, since)
    gone: list[UUID] = []
    rows: list[dict[str, Any]] = []
    for service in sorted(services):
        known = stored[service]
        found = timeline.declarations(
            before.get(service),
            since,
            [declared for _, declared in known if declared.reported_at is None],
            stated[service],
            reports,
        )
        times = {declared.declared_at for declared in found}
        gone += [identifier for identifier, declared in known if declared.declared_at not in times]
        new = set(found).difference(declared for _, declared in known)
        cell = {"service_id": service, "environment_id": environment_id}
        rows += [{**cell, **declared._asdict()} for declared in new]
    store.delete(connection, gone)
    store.insert(connection, rows)
