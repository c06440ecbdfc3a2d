"""The caller of the current request, and what an application keeps about its callers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from flask import current_app, g, request
from prometheus_client import CollectorRegistry, Counter
from sqlalchemy.exc import SQLAlchemyError

from api.database import database
from api.domain import tokens
from api.domain.kit.times import now
from api.domain.tokens import ADMIN, Caller
from api.http.rate_limits import RateLimit
from api.outages import UnavailableError, first_line
from api.settings import Settings

# The caller with the token in SLIPWAY_ADMIN_TOKEN_FILE.
BOOTSTRAP = Caller("bootstrap", "bootstrap", frozenset({ADMIN}))

# In the environment of a request that the application sends to itself: the caller it is for.
LENT = "slipway.caller"

log = structlog.get_logger()


@dataclass
class AuthState:
    """The state that the checks of one application share."""

    settings: Settings
    failures: Counter
    # Counts requests; none before the application is complete.
    limiter: RateLimit | None = None
    # When the last use of each token, by id, was last stored.
    last_stored: dict[str, datetime] = field(default_factory=dict)


def failure_counter(registry: CollectorRegistry) -> Counter:
    """Return the metric that counts refused requests by reason."""
    return Counter(
        "slipway_auth_failures",
        "Requests refused because of a missing or invalid token, signature or scope.",
        ["reason"],
        registry=registry,
    )


def state() -> AuthState:
    """Return the state of the current application."""
    found: AuthState = current_app.extensions["auth"]
    return found


def caller() -> Caller | None:
    """Return the authenticated caller of the current request, or None."""
    found: Caller | None = g.get("caller")
    return found


def lent() -> Caller | None:
    """Return the caller for whom a page sends the current request, or None."""
    found: Caller | None = request.environ.get(LENT)
    return found


def caller_name() -> str:
    """Return the name of the token of a request that needs one."""
    found = caller()
    assert found is not None  # noqa: S101 (it was authorized)
    return found.name


def accept(who: Caller) -> None:
    """Take the holder of a valid token for the caller, and store that the token was used."""
    g.caller = who
    structlog.contextvars.bind_contextvars(token_id=who.id, token_name=who.name)
    if who is not BOOTSTRAP:
        _store_use(who)


def accept_sender(source: str) -> None:
    """Take a sender whose signature is valid for the caller."""
    g.caller = Caller(f"{source}-webhook", source, frozenset({f"ingest:{source}"}))


def _store_use(who: Caller) -> None:
    """Store when the token was used; a failure to do so must not fail the request."""
    last_stored = state().last_stored
    at = now()
    before = last_stored.get(who.id)
    if before is not None and at - before < tokens.USE_PRECISION:
        return
    last_stored[who.id] = at
    try:
        with database().write(wait=False) as connection:
            tokens.store_use(connection, UUID(who.id), at)
    except (UnavailableError, SQLAlchemyError) as error:
        log.info("the use of the token was not stored", error=first_line(error))
