"""Recording of declarations: a report states everything a folder declares for one environment.

Reports may arrive in any order: each adds declarations with their own times, so that a late report
fills in the past and does not affect newer ones. Only a withdrawal needs the service to be known: a
late report withdraws what had been declared by its time, the next report the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection
from uuid_utils.compat import uuid7

from api.domain import catalog
from api.domain.declarations.model import CONTENT, RELEASE, SOURCE, Declaration, NewDeclarations
from api.domain.declarations.store import declared_for
from api.domain.kit.sql import insert_into
from api.domain.kit.times import now
from api.tables import declarations


def record(connection: Connection, environment: str, new: NewDeclarations) -> None:
    """Record a report for an environment, and withdraw the services that it leaves out."""
    catalog.environment_ids(connection, [environment], now())
    catalog.find_environment(connection, environment)  # locks it against concurrent reports
    store(connection, list(_new_declarations(connection, environment, new)))


def store(connection: Connection, new: Sequence[Declaration]) -> None:
    """Insert declarations; one with the same cell and time replaces the one stored before."""
    if not new:
        return
    created_at = now()
    services = catalog.service_ids(connection, {row.service for row in new}, created_at)
    environments = catalog.environment_ids(connection, {row.environment for row in new}, created_at)
    rows = [
        {
            "id": uuid7(),
            "service_id": services[declaration.service],
            "environment_id": environments[declaration.environment],
            **{name: getattr(declaration, name) for name in (*CONTENT, "declared_at")},
            "created_at": created_at,
        }
        for declaration in new
    ]
    statement = insert_into(connection, declarations)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["service_id", "environment_id", "declared_at"],
            set_={name: statement.excluded[name] for name in CONTENT},
        ),
        rows,
    )


def _new_declarations(
    connection: Connection, environment: str, new: NewDeclarations
) -> Iterator[Declaration]:
    declared_at = new.declared_at or now()
    known = {row["service"]: row for row in declared_for(connection, environment, declared_at)}
    whole = new.model_dump(include={"config_revision", *SOURCE})
    undeclared = dict.fromkeys(RELEASE)
    for service, release in new.services.items():
        given = release.model_dump(exclude_none=True)
        values = {**whole, **undeclared, **given}
        before = known.pop(service, None)
        # A field that the report leaves out, such as the time, does not make it a new declaration.
        if not before or any(before[name] != values[name] for name in (*RELEASE, *SOURCE, *given)):
            yield Declaration(
                **{"declared_at": declared_at, **values}, service=service, environment=environment
            )
    for service, before in known.items():
        if all(before[name] == whole[name] for name in SOURCE):
            yield Declaration(service, environment, None, None, **whole, declared_at=declared_at)
