"""Signing in: a person shows a token once, and a session names it from then on."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from uuid import UUID

from apiflask import abort

from api.database import database
from api.domain import tokens
from api.domain.tokens import READ, Caller, InvalidTokenError, Refusal
from api.http import sessions
from api.http.auth import bearer
from api.http.auth.callers import BOOTSTRAP, accept
from api.http.auth.refusals import lacking, record_failure


def sign_in(text: str) -> Caller:
    """Begin a session for the holder of a token; abort with 401 or 403 if it does not admit one."""
    who = bearer.check(text)
    if not who.may(READ):
        record_failure(Refusal.INSUFFICIENT_SCOPE)
        abort(HTTPStatus.FORBIDDEN, lacking(who, (READ,)))
    sessions.begin(_session_id(who, text))
    return who


def authenticate() -> None:
    """Take whoever signed in for the caller, unless the token was revoked since or has expired."""
    token_id = sessions.token_id()
    if token_id is None:
        return
    try:
        who = _resume(token_id)
    except InvalidTokenError:
        sessions.end()
        return
    accept(who)


def _resume(token_id: str) -> Caller:
    admin = bearer.admin_token()
    if admin is not None and token_id == _session_id(BOOTSTRAP, admin):
        return BOOTSTRAP
    try:
        identifier = UUID(token_id)
    except ValueError:  # the admin token has been replaced
        raise InvalidTokenError(Refusal.UNKNOWN) from None
    with database().read() as connection:
        return tokens.resume(connection, identifier)


def _session_id(who: Caller, text: str) -> str:
    """Return what a session keeps of a token: its id.

    The admin token of the file has none of its own: another one in its place gets another id.
    """
    if who is not BOOTSTRAP:
        return who.id
    return f"{who.id}:{hashlib.sha256(b'slipway session ' + text.encode()).hexdigest()[:32]}"
