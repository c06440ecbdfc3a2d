"""Reports of what git declares: each says all of it for one environment, as of one revision.

Pipelines may tell of revisions in any order: each adds facts at their own times, so that a late
report takes its place in the past, and changes nothing about what came after it. Only what is left
out can be told too early: it is withdrawn if it is known by then, else by the next report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite
from uuid_utils.compat import uuid7

from api.domain import catalog
from api.domain.declarations.model import CONTENT, RELEASE, SOURCE, Declaration, NewDeclarations
from api.domain.declarations.store import declared_for
from api.domain.kit.times import now
from api.tables import declarations


def record(connection: Connection, environment: str, new: NewDeclarations) -> None:
    """Write down what is declared for an environment, and withdraw what is so no more."""
    catalog.environment_ids(connection, [environment], now())
    catalog.find_environment(connection, environment)  # nobody else declares for it meanwhile
    store(connection, list(_new_facts(connection, environment, new)))


def store(connection: Connection, facts: Sequence[Declaration]) -> None:
    """Write facts down; of one cell and instant, what is told last holds."""
    if not facts:
        return
    told_at = now()
    of_service = catalog.service_ids(connection, {each.service for each in facts}, told_at)
    of_environment = catalog.environment_ids(
        connection, {each.environment for each in facts}, told_at
    )
    rows = [
        {
            "id": uuid7(),
            "service_id": of_service[each.service],
            "environment_id": of_environment[each.environment],
            **{name: getattr(each, name) for name in (*CONTENT, "declared_at")},
            "created_at": told_at,
        }
        for each in facts
    ]
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(declarations)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["service_id", "environment_id", "declared_at"],
            set_={name: statement.excluded[name] for name in CONTENT},
        ),
        rows,
    )


def _new_facts(
    connection: Connection, environment: str, new: NewDeclarations
) -> Iterator[Declaration]:
    said_at = new.declared_at or now()
    known = {each["service"]: each for each in declared_for(connection, environment, said_at)}
    whole = new.model_dump(include={"config_revision", *SOURCE})
    nothing = dict.fromkeys(RELEASE)
    for service, release in new.services.items():
        told = release.model_dump(exclude_none=True)
        said = {**whole, **nothing, **told}
        before = known.pop(service, None)
        # What is not told, such as since when, may be known already.
        if not before or any(before[name] != said[name] for name in (*RELEASE, *SOURCE, *told)):
            yield Declaration(
                **{"declared_at": said_at, **said}, service=service, environment=environment
            )
    for service, before in known.items():
        if all(before[name] == whole[name] for name in SOURCE):
            yield Declaration(service, environment, None, None, **whole, declared_at=said_at)
