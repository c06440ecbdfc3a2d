"""Stored answers to requests with an Idempotency-Key, replayed when a request is repeated."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from api.domain.kit.times import now
from api.tables import answers

KEPT_FOR = timedelta(hours=24)
# Storing an answer deletes up to this many expired ones: more than are added, never many at once.
FORGOTTEN_AT_ONCE = 10


class Answer(NamedTuple):
    """A response and the hash of the request it answers; `headers` are pairs of name and value."""

    body_hash: str
    status: int
    headers: list[tuple[str, str]]
    body: str


def lock(connection: Connection, key_hash: str) -> bool:
    """Try to lock a key until the transaction ends; return whether it was free."""
    if connection.dialect.name != "postgresql":  # SQLite has a single writer
        return True
    key = int(key_hash[:16], 16) & (2**63 - 1)
    return bool(connection.execute(select(func.pg_try_advisory_xact_lock(key))).scalar_one())


def find(connection: Connection, key_hash: str) -> Answer | None:
    """Return the stored answer for a key, or None if there is none or it has expired."""
    columns = (answers.c[name] for name in Answer._fields)
    statement = select(*columns).where(
        answers.c.key_hash == key_hash, answers.c.created_at > now() - KEPT_FOR
    )
    found = connection.execute(statement).one_or_none()
    return None if found is None else Answer._make(found)


def store(connection: Connection, key_hash: str, answer: Answer) -> None:
    """Store the answer for a key, and delete a few expired ones."""
    # An expired answer for the same key may still be stored.
    connection.execute(delete(answers).where(answers.c.key_hash == key_hash))
    row = {"key_hash": key_hash, "created_at": now(), **answer._asdict()}
    connection.execute(insert(answers), row)
    expired = (
        select(answers.c.key_hash)
        .where(answers.c.created_at <= now() - KEPT_FOR)
        .order_by(answers.c.created_at)
        .limit(FORGOTTEN_AT_ONCE)
        # Do not wait for rows that another transaction is deleting.
        .with_for_update(skip_locked=True)
    )
    connection.execute(delete(answers).where(answers.c.key_hash.in_(expired)))
