"""Who may do what: bearer tokens (RFC 6750), asked for by default wherever the API is.

Under `/api/v1` a route that says nothing else needs the scope `read` for GET, HEAD and OPTIONS,
and `write` for every other method. Reads are open to all where `SLIPWAY_PUBLIC_READ` is true.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, NoReturn
from uuid import UUID

import structlog
from apiflask import APIFlask, abort
from flask import Response, current_app, g, request
from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError

from api.database import database
from api.domain import tokens
from api.domain.events import signatures
from api.domain.kit.times import now
from api.domain.tokens import ADMIN, READ, WRITE, Caller, InvalidTokenError, Refusal
from api.http import rate_limits
from api.logs import PROBES
from api.settings import Settings

API_PREFIX = "/api/v1"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
CHALLENGE = 'Bearer realm="slipway"'
# Whoever has the token in SLIPWAY_ADMIN_TOKEN_FILE.
BOOTSTRAP = Caller("bootstrap", "bootstrap", frozenset({ADMIN}))
# Only who knows the secret is told more than that it does not fit.
WORDS = {
    Refusal.REVOKED: "The token was revoked.",
    Refusal.EXPIRED: "The token has expired.",
}

log = structlog.get_logger()


@dataclass
class Gate:
    """What the checks of one application share."""

    settings: Settings
    failures: Counter
    # When the use of each token was noted last.
    noted: dict[str, datetime] = field(default_factory=dict)


def init_app(app: APIFlask, settings: Settings) -> None:
    """Check each request before anything else looks at it: who asks, how often, and for what."""
    failures = Counter(
        "slipway_auth_failures",
        "Requests refused for their token, or for want of one.",
        ["reason"],
        registry=app.extensions["metrics_registry"],
    )
    app.extensions["auth"] = Gate(settings, failures)
    # Asked before a token is looked at, so that guessing gets slow.
    rate_limits.init_app(
        app,
        settings.AUTH_FAILURE_LIMIT,
        key=rate_limits.address,
        exempt_when=lambda: _sent() is None and _signed() is None,
        counts_when=_failed,
    )
    app.before_request(_authenticate)
    rate_limits.init_app(
        app,
        settings.RATE_LIMIT,
        key=lambda: f"{getattr(caller(), 'id', 'anybody')} {rate_limits.address()}",
        exempt_when=lambda: request.path in PROBES,
    )
    app.before_request(_authorize)


def require[View: Callable[..., Any]](*scopes: str) -> Callable[[View], View]:
    """Have a route need one of these scopes, whatever its method: `@auth.require("admin")`."""

    def mark(view: View) -> View:
        view.required_scopes = scopes  # type: ignore[attr-defined]
        return view

    return mark


def signed_by[View: Callable[..., Any]](source: str, header: str) -> Callable[[View], View]:
    """Have a route open to whoever signs the body with a secret of this source, in this header."""

    def mark(view: View) -> View:
        view.signature = (source, header)  # type: ignore[attr-defined]
        return view

    return mark


def scopes_for(view: object, method: str) -> tuple[str, ...]:
    """Return the scopes of which a view needs one."""
    by_method = (READ,) if method.upper() in SAFE_METHODS else (WRITE,)
    return getattr(view, "required_scopes", by_method)


def is_public(scopes: tuple[str, ...]) -> bool:
    """Say whether what needs one of these scopes is open to all here."""
    gate: Gate = current_app.extensions["auth"]
    return READ in scopes and gate.settings.PUBLIC_READ


def caller() -> Caller | None:
    """Return whose token the current request carries, or None."""
    found: Caller | None = g.get("caller")
    return found


def _guarded() -> bool:
    return request.url_rule is not None and request.url_rule.rule.startswith(f"{API_PREFIX}/")


def _sent() -> str | None:
    """Return the token that was sent to where one is looked at; another scheme's is none."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if _guarded() and scheme.lower() == "bearer" else None


def _signed() -> tuple[str, str] | None:
    """Return the source and the signature of a request without a token, where that will do."""
    if not _guarded() or _sent() is not None:
        return None
    view = current_app.view_functions[str(request.endpoint)]
    source, header = getattr(view, "signature", ("", ""))
    sent = request.headers.get(header) if header else None
    return None if sent is None else (source, sent)


def _failed(response: Response) -> bool:
    return response.status_code == HTTPStatus.UNAUTHORIZED


def _authenticate() -> None:
    text = _sent()
    if text is None:
        _authenticate_signature()
        return
    try:
        who = _identify(text)
    except InvalidTokenError as error:
        _note_failure(error.reason, error.token_id)
        detail = WORDS.get(error.reason, "The token is not one of this ledger's.")
        _refuse(HTTPStatus.UNAUTHORIZED, detail, 'error="invalid_token"')
    g.caller = who
    structlog.contextvars.bind_contextvars(token_id=who.id, token_name=who.name)
    if who is not BOOTSTRAP:
        _note_use(who)


def _authenticate_signature() -> None:
    signed = _signed()
    if signed is None:
        return
    source, signature = signed
    gate: Gate = current_app.extensions["auth"]
    try:
        secrets = gate.settings.webhook_secrets(source)
    except ValueError as error:  # as with the admin token
        log.warning("the webhook secrets cannot be used", error=str(error))
        secrets = []
    if not signatures.verify(secrets, request.raw_body(), signature):  # type: ignore[attr-defined]
        _note_failure(Refusal.WRONG_SIGNATURE)
        _refuse(HTTPStatus.UNAUTHORIZED, "The signature does not fit the body.")
    g.caller = Caller(f"{source}-webhook", source, frozenset({f"ingest:{source}"}))


def _identify(text: str) -> Caller:
    gate: Gate = current_app.extensions["auth"]
    try:
        admin_token = gate.settings.admin_token()
    except ValueError as error:  # it was fine at start, and was replaced by something that is not
        log.warning("the admin token cannot be used", error=str(error))
        admin_token = None
    if admin_token is not None and hmac.compare_digest(_digest(text), _digest(admin_token)):
        return BOOTSTRAP
    with database().read() as connection:
        return tokens.authenticate(connection, text)


def _digest(text: str) -> bytes:
    """Return what can be compared in a time that tells nothing, not even a length."""
    return hashlib.sha256(text.encode()).digest()


def _note_use(who: Caller) -> None:
    """Keep when the token was used; that it cannot be kept must not fail a read."""
    gate: Gate = current_app.extensions["auth"]
    at = now()
    before = gate.noted.get(who.id)
    if before is not None and at - before < tokens.USE_IS_NOTED_EVERY:
        return
    gate.noted[who.id] = at
    try:
        with database().write(wait=False) as connection:
            tokens.note_use(connection, UUID(who.id), at)
    except SQLAlchemyError as error:
        log.info("use of the token not noted", error=str(getattr(error, "orig", error)).strip())


def _authorize() -> None:
    if not _guarded():
        return
    scopes = scopes_for(current_app.view_functions[str(request.endpoint)], request.method)
    who = caller()
    if is_public(scopes) or (who is not None and any(map(who.may, scopes))):
        return
    words = " or ".join(scopes)
    if who is None:
        _note_failure(Refusal.MISSING)
        detail = f"This needs a token with the scope {words}: send Authorization: Bearer <token>"
        _refuse(HTTPStatus.UNAUTHORIZED, detail)
    _note_failure(Refusal.INSUFFICIENT_SCOPE)
    detail = f"This needs the scope {words}, which the token {who.name} does not have."
    error = f'error="insufficient_scope", scope="{" ".join(scopes)}"'
    _refuse(HTTPStatus.FORBIDDEN, detail, error)


def _note_failure(reason: Refusal, token_id: UUID | None = None) -> None:
    gate: Gate = current_app.extensions["auth"]
    gate.failures.labels(reason).inc()
    known = {} if token_id is None else {"token_id": str(token_id)}
    log.warning("access refused", reason=reason, remote_addr=request.remote_addr, **known)


def _refuse(status: HTTPStatus, detail: str, error: str = "") -> NoReturn:
    """Answer with a challenge (RFC 6750, section 3)."""
    challenge = f"{CHALLENGE}, {error}" if error else CHALLENGE
    abort(status, detail, headers={"WWW-Authenticate": challenge})
