"""Query plans: which statements read a whole table that grows with the history.

PostgreSQL rightly reads a small table as a whole, so its plans count only where it believes that
the tables are large. SQLite plans by the schema alone, as long as nobody runs ANALYZE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event, text

# What `bench.seed` fills, and in proportion to the number of deployments.
HISTORY = (
    "deployments",
    "incidents",
    "changes",
    "versions",
    "declarations",
    "deliveries",
    "events",
)
# A plain INSERT reads nothing, but SQLite explains how it would look for rows that refer to it.
EXPLAINED = re.compile(
    r"\s*(SELECT|WITH|UPDATE|DELETE|INSERT.* SELECT )", re.DOTALL | re.IGNORECASE
)
# Tables that stay small, and what SQLite calls steps that read no table.
SMALL = (
    "services",
    "environments",
    "tokens",
    "subscriptions",
    "alembic_version",
    "changed_facts",
)
NO_TABLE = ("(", "json_each", "anon_", "stretch", "asked", "ranges", "wanted")
MADE = "MATERIALIZE "

Statement = tuple[str, Any]


@contextmanager
def executed(engine: Engine) -> Iterator[list[Statement]]:
    """Collect the statements that are executed meanwhile, with their parameters."""
    seen: list[Statement] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if EXPLAINED.match(statement):
            # A list for a statement that is executed with several: they share a plan.
            seen.append((statement, parameters[0] if isinstance(parameters, list) else parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def scans(connection: Connection, statements: list[Statement]) -> set[str]:
    """Return the steps in the plans of some statements that read a whole table of history."""
    found = [*steps(connection, statements)]
    if connection.dialect.name == "postgresql":
        return {step for step in found if _sequential(step)}
    # What is made of parameters is no table.
    made = {step.removeprefix(MADE) for step in found if step.startswith(MADE)}
    return {step for step in found if _scan(step) and step.split()[1] not in made}


def steps(connection: Connection, statements: list[Statement]) -> Iterator[str]:
    """Yield the steps in the plans of some statements."""
    word = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    for statement, parameters in statements:
        for row in connection.exec_driver_sql(f"{word} {statement}", parameters):
            yield str(row[-1]).strip()


def analyze(engine: Engine) -> None:
    """Collect PostgreSQL's statistics, as autovacuum does within minutes."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("VACUUM (ANALYZE)"))


def pretend(engine: Engine, times: int) -> None:
    """Let PostgreSQL plan as if each table had so many times the rows that it was analyzed with.

    Its pages stay few, which makes reading a whole table look cheaper than it would be: who does
    not choose that here, does not choose it there.
    """
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(
                text(
                    "UPDATE pg_class SET reltuples = reltuples * :times"
                    " WHERE relnamespace = 'public'::regnamespace"
                    " AND reltuples > 0 AND relname <> ALL (:small)"
                ),
                {"times": times, "small": list(SMALL)},
            )


def _sequential(step: str) -> bool:
    return bool(re.search(rf"Seq Scan on ({'|'.join(HISTORY)})\b", step))


def _scan(step: str) -> bool:
    """Return whether a step of SQLite, which may name an alias, reads a table out of order."""
    # `SCAN … USING INDEX` reads an index in order, as a page should.
    name = step.removeprefix("SCAN ")
    if name == step or "USING" in step or re.search(r"CONSTANT ROWS?$", step):
        return False
    return not name.startswith((*SMALL, *NO_TABLE))
