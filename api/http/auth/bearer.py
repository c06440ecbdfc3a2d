"""Authentication by bearer token (RFC 6750)."""

from __future__ import annotations

import hashlib
import hmac

import structlog
from flask import request

from api.database import database
from api.domain import tokens
from api.domain.tokens import Caller, InvalidTokenError, Refusal
from api.http.auth.callers import BOOTSTRAP, state
from api.http.auth.guards import is_guarded
from api.http.auth.refusals import record_failure, refuse_unauthenticated

# These details are safe to reveal: the caller knows the secret.
DETAILS = {
    Refusal.REVOKED: "The token was revoked.",
    Refusal.EXPIRED: "The token has expired.",
}

log = structlog.get_logger()


def offered() -> str | None:
    """Return the bearer token of the current request to the API or for a page, or None.

    It may be the password of Basic credentials: some senders can have these only, in their URL.
    """
    if not is_guarded():
        return None
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        password = request.authorization.password if request.authorization else None
        return password if password and tokens.TEXT.fullmatch(password) else None
    return text.strip() if scheme.lower() == "bearer" else None


def check(text: str) -> Caller:
    """Return the caller whose token this is; abort with 401 if it is not valid."""
    try:
        return _identify(text)
    except InvalidTokenError as error:
        record_failure(error.reason, error.token_id)
        detail = DETAILS.get(error.reason, "The token is not known to this ledger.")
        refuse_unauthenticated(detail, 'error="invalid_token"')


def admin_token() -> str | None:
    """Return the token in SLIPWAY_ADMIN_TOKEN_FILE, or None if there is none that can be used."""
    try:
        return state().settings.admin_token()
    except ValueError as error:  # the file was valid at startup and has changed since
        log.warning("the admin token cannot be used", error=str(error))
        return None


def _identify(text: str) -> Caller:
    admin = admin_token()
    if admin is not None and hmac.compare_digest(_digest(text), _digest(admin)):
        return BOOTSTRAP
    with database().read() as connection:
        return tokens.authenticate(connection, text)


def _digest(text: str) -> bytes:
    """Hash a secret, so that comparing it reveals not even its length by timing."""
    return hashlib.sha256(text.encode()).digest()
