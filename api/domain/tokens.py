"""API tokens and their scopes. A token is shown once, when it is created; only a hash is stored.

The scopes are `read`; `write`, which includes `read`; `admin`, which includes all others; and
`ingest:<source>`, which allows sending events of that source and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from sqlalchemy import Connection, bindparam, insert, or_, select, update
from uuid_utils.compat import uuid7

from api.domain.kit import pages
from api.domain.kit.errors import InvalidValueError
from api.domain.kit.models import Incoming
from api.domain.kit.pages import Listing, Order
from api.domain.kit.queries import Query
from api.domain.kit.times import FutureTime, now
from api.domain.kit.types import Name
from api.tables import tokens

READ, WRITE, ADMIN = "read", "write", "admin"
INGEST = "ingest:"
TEXT = re.compile(r"slw_(?P<id>[0-9a-f]{32})_(?P<secret>[A-Za-z0-9_-]{43})", re.ASCII)
# Compared when the id is unknown, so that the response time does not reveal which ids exist.
NO_HASH = "0" * 64
USE_PRECISION = timedelta(minutes=1)

Scope = Annotated[
    str,
    StringConstraints(
        pattern=r"^(read|write|admin|ingest:[a-z0-9]([a-z0-9._-]*[a-z0-9])?)$", max_length=70
    ),
]


def _sorted(scopes: list[str]) -> list[str]:
    return sorted(set(scopes))


class NewToken(Incoming):
    """A request for a token.

    Names need not be unique, so that a new token can replace an old one step by step.
    """

    model_config = ConfigDict(
        json_schema_extra={"example": {"name": "ci", "scopes": ["write"]}},
    )

    name: Annotated[Name, Field(description="Who uses it; shown in the logs.")]
    scopes: Annotated[
        list[Scope],
        Field(min_length=1, max_length=20, description="What it grants."),
        AfterValidator(_sorted),
    ]
    expires_at: Annotated[
        FutureTime | None,
        Field(description="When it expires; null if it is valid until it is revoked."),
    ] = None


@dataclass(frozen=True)
class Caller:
    """The authenticated caller of a request: its token's id, name and scopes."""

    id: str
    name: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Return whether the caller's scopes include this one."""
        return (
            scope in self.scopes or ADMIN in self.scopes or (scope == READ and WRITE in self.scopes)
        )


class Refusal(StrEnum):
    """Why a request is refused."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 (a word for the logs)
    REVOKED = "revoked"
    EXPIRED = "expired"
    WRONG_SIGNATURE = "wrong_signature"
    INSUFFICIENT_SCOPE = "insufficient_scope"


class InvalidTokenError(Exception):
    """A token is not valid; `token_id` is set if the token is well-formed."""

    def __init__(self, reason: Refusal, token_id: UUID | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.token_id = token_id


# The columns that are shown: all but the hash.
FIELDS = tuple(column for column in tokens.c if column is not tokens.c.secret_hash)
ORDER: Order = {"created_at": tokens.c.created_at, "id": tokens.c.id}
LISTING = Listing(select(*FIELDS), ORDER)
# Asked for with nearly every request.
BY_ID = Query(select(tokens).where(tokens.c.id == bindparam("token_id")))


def check_sources(scopes: Iterable[str], sources: Collection[str]) -> None:
    """Check that the scopes for events name known sources. Raises InvalidValueError."""
    for scope in scopes:
        if scope.startswith(INGEST) and scope.removeprefix(INGEST) not in sources:
            known = ", ".join(sorted(sources))
            raise InvalidValueError("/scopes", f"{scope} is for no source; the sources are {known}")


def create(connection: Connection, new: NewToken) -> tuple[dict[str, Any], str]:
    """Create a token; return its fields and its text, which cannot be recovered later."""
    secret = secrets.token_urlsafe(32)
    row = {
        "id": uuid7(),
        **new.model_dump(),
        "secret_hash": _hash(secret),
        "created_at": now(),
        "revoked_at": None,
        "last_used_at": None,
    }
    connection.execute(insert(tokens), row)
    shown = {column.name: row[column.name] for column in FIELDS}
    return shown, f"slw_{row['id'].hex}_{secret}"


def find(connection: Connection, token_id: UUID) -> dict[str, Any] | None:
    """Return the token with this id, without its hash, or None."""
    return pages.one(connection, select(*FIELDS).where(tokens.c.id == token_id))


def revoke(connection: Connection, token_id: UUID) -> bool:
    """Revoke a token. Return False if the id is unknown; revoking twice is fine."""
    known = tokens.c.id == token_id
    connection.execute(
        update(tokens).where(known, tokens.c.revoked_at.is_(None)).values(revoked_at=now())
    )
    return connection.execute(select(tokens.c.id).where(known)).first() is not None


def authenticate(connection: Connection, text: str) -> Caller:
    """Return the caller whose token this is.

    Raises InvalidTokenError if it is malformed, unknown, revoked or expired.
    """
    parts = TEXT.fullmatch(text)
    if parts is None:
        raise InvalidTokenError(Refusal.MALFORMED)
    token_id = UUID(parts["id"])
    row = BY_ID.one(connection, token_id=token_id)
    matches = hmac.compare_digest(
        _hash(parts["secret"]), NO_HASH if row is None else row["secret_hash"]
    )
    if row is None:
        raise InvalidTokenError(Refusal.UNKNOWN, token_id)
    if not matches:
        raise InvalidTokenError(Refusal.WRONG_SECRET, token_id)
    return _caller(row)


def resume(connection: Connection, token_id: UUID) -> Caller:
    """Return the caller whose token has this id, and was shown to be valid before.

    Raises InvalidTokenError if it is unknown, revoked or expired by now.
    """
    row = BY_ID.one(connection, token_id=token_id)
    if row is None:
        raise InvalidTokenError(Refusal.UNKNOWN, token_id)
    return _caller(row)


def _caller(row: dict[str, Any]) -> Caller:
    if row["revoked_at"] is not None:
        raise InvalidTokenError(Refusal.REVOKED, row["id"])
    if row["expires_at"] is not None and row["expires_at"] <= now():
        raise InvalidTokenError(Refusal.EXPIRED, row["id"])
    return Caller(str(row["id"]), row["name"], frozenset(row["scopes"]))


def store_use(connection: Connection, token_id: UUID, at: datetime) -> None:
    """Store when a token was last used, at most once a minute.

    Does nothing while another transaction is storing it.
    """
    due = (
        select(tokens.c.id)
        .where(
            tokens.c.id == token_id,
            or_(
                tokens.c.last_used_at.is_(None),
                tokens.c.last_used_at <= at - USE_PRECISION,
            ),
        )
        .with_for_update(skip_locked=True)
    )
    connection.execute(
        update(tokens).where(tokens.c.id == due.scalar_subquery()).values(last_used_at=at)
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
