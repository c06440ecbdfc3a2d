"""Stored answers: what was said to a request, for whoever sends the same request again."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from api.domain.kit.times import now
from api.tables import answers

KEPT_FOR = timedelta(hours=24)
# So many expired answers go when one is stored: more than come, and never many at once.
FORGOTTEN_AT_ONCE = 10


class Answer(NamedTuple):
    """What was answered, and to which body; `headers` are pairs of a name and a value."""

    body_hash: str
    status: int
    headers: list[tuple[str, str]]
    body: str


def lock(connection: Connection, key_hash: str) -> bool:
    """Hold a key until the transaction ends; say whether nobody else holds it."""
    if connection.dialect.name != "postgresql":  # SQLite has one writer anyway
        return True
    key = int(key_hash[:16], 16) & (2**63 - 1)
    return bool(connection.execute(select(func.pg_try_advisory_xact_lock(key))).scalar_one())


def find(connection: Connection, key_hash: str) -> Answer | None:
    """Return the stored answer of a key, unless there is none or it has expired."""
    columns = (answers.c[name] for name in Answer._fields)
    statement = select(*columns).where(
        answers.c.key_hash == key_hash, answers.c.created_at > now() - KEPT_FOR
    )
    found = connection.execute(statement).one_or_none()
    return None if found is None else Answer._make(found)


def store(connection: Connection, key_hash: str, answer: Answer) -> None:
    """Store the answer of a key that has none, and forget a few that have expired."""
    # One that has expired may still be there.
    connection.execute(delete(answers).where(answers.c.key_hash == key_hash))
    row = {"key_hash": key_hash, "created_at": now(), **answer._asdict()}
    connection.execute(insert(answers), row)
    expired = (
        select(answers.c.key_hash)
        .where(answers.c.created_at <= now() - KEPT_FOR)
        .order_by(answers.c.created_at)
        .limit(FORGOTTEN_AT_ONCE)
        # What another transaction is forgetting already is not waited for.
        .with_for_update(skip_locked=True)
    )
    connection.execute(delete(answers).where(answers.c.key_hash.in_(expired)))
