"""How a request is refused: a count, a line in the log, and an answer that says what is missing."""

from __future__ import annotations

from http import HTTPStatus
from typing import NoReturn
from uuid import UUID

import structlog
from apiflask import abort
from flask import request

from api.domain.tokens import Caller, Refusal
from api.http.auth.callers import state
from api.http.problems import RETRY_AFTER_S

CHALLENGE = 'Bearer realm="slipway"'

log = structlog.get_logger()


def record_failure(reason: Refusal, token_id: UUID | None = None) -> None:
    """Count and log a refusal."""
    state().failures.labels(reason).inc()
    known = {} if token_id is None else {"token_id": str(token_id)}
    log.warning("access refused", reason=reason, remote_addr=request.remote_addr, **known)


def refuse_unauthenticated(detail: str, error: str = "") -> NoReturn:
    """Abort with 401 and a challenge (RFC 6750, section 3)."""
    abort(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": _challenge(error)})


def refuse_scopes(who: Caller, scopes: tuple[str, ...]) -> NoReturn:
    """Abort with 403 and a challenge, because the caller's token has none of these scopes."""
    record_failure(Refusal.INSUFFICIENT_SCOPE)
    challenge = _challenge(f'error="insufficient_scope", scope="{" ".join(scopes)}"')
    detail = lacking(who, scopes)
    abort(HTTPStatus.FORBIDDEN, detail, headers={"WWW-Authenticate": challenge})


def lacking(who: Caller, scopes: tuple[str, ...]) -> str:
    """Return the sentence that tells a caller which scopes are missing."""
    return f"This needs the scope {' or '.join(scopes)}, which the token {who.name} does not have."


def abort_unreadable(error: ValueError) -> NoReturn:
    """Ask the caller to retry: a file with secrets was valid at startup and has changed since."""
    log.error("a secret cannot be read", error=str(error))
    abort(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The secret that this request is checked with cannot be read; try again in a few seconds.",
        headers={"Retry-After": RETRY_AFTER_S},
    )


def _challenge(error: str) -> str:
    return f"{CHALLENGE}, {error}" if error else CHALLENGE
