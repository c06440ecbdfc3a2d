"""Authentication by bearer token (RFC 6750) or webhook signature, and authorization by scope.

By default, routes under `/api/v1` need the scope `read` for GET, HEAD and OPTIONS, and `write` for
all other methods. With `SLIPWAY_PUBLIC_READ=true`, reading needs no token. Pages need the same
scopes and accept the session of a person who signed in (sessions.py), which the API does not.
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
from api.domain.events.adapter import Verify
from api.domain.kit.times import now
from api.domain.tokens import ADMIN, READ, WRITE, Caller, InvalidTokenError, Refusal
from api.http import rate_limits, sessions
from api.http.problems import RETRY_AFTER_S
from api.logs import PROBES
from api.outages import UnavailableError, first_line
from api.settings import Settings

API_PREFIX = "/api/v1"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
CHALLENGE = 'Bearer realm="slipway"'
# The caller with the token in SLIPWAY_ADMIN_TOKEN_FILE.
BOOTSTRAP = Caller("bootstrap", "bootstrap", frozenset({ADMIN}))
# These details are safe to reveal: the caller knows the secret.
DETAILS = {
    Refusal.REVOKED: "The token was revoked.",
    Refusal.EXPIRED: "The token has expired.",
}

log = structlog.get_logger()


@dataclass
class AuthState:
    """The state that the checks of one application share."""

    settings: Settings
    failures: Counter
    # When the last use of each token, by id, was last stored.
    last_stored: dict[str, datetime] = field(default_factory=dict)


def init_app(app: APIFlask, settings: Settings) -> None:
    """Authenticate, rate-limit and authorize each request before anything else handles it."""
    failures = Counter(
        "slipway_auth_failures",
        "Requests refused because of a missing or invalid token, signature or scope.",
        ["reason"],
        registry=app.extensions["metrics_registry"],
    )
    app.extensions["auth"] = AuthState(settings, failures)
    sessions.init_app(app, settings, API_PREFIX)
    # Checked before the token, so that tokens cannot be guessed quickly.
    rate_limits.init_app(
        app,
        settings.AUTH_FAILURE_LIMIT,
        key=rate_limits.address,
        exempt_when=_offers_no_secret,
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
    """Make a route need one of these scopes for every method, as in `@auth.require("admin")`."""

    def mark(view: View) -> View:
        view.required_scopes = scopes  # type: ignore[attr-defined]
        return view

    return mark


def open_to_all[View: Callable[..., Any]](view: View) -> View:
    """Let everybody call a route."""
    return require()(view)


def signed_by[View: Callable[..., Any]](
    source: str, header: str, verify: Verify = signatures.signs
) -> Callable[[View], View]:
    """Let a route accept a signature by a secret of `source` in `header` instead of a token."""

    def mark(view: View) -> View:
        view.signature = (source, header, verify)  # type: ignore[attr-defined]
        return view

    return mark


def signature_of(view: object) -> tuple[str, str, Verify] | None:
    """Return source and header of the signature that a route accepts, and what verifies it."""
    return getattr(view, "signature", None)


def page[View: Callable[..., Any]](view: View) -> View:
    """Guard a route outside the API by the same scopes; a session will do instead of a token."""
    view.page = True  # type: ignore[attr-defined]
    return view


def signs_in[View: Callable[..., Any]](view: View) -> View:
    """Count the refusals of a route that is open to anybody, because it takes a token to check."""
    view.signs_in = True  # type: ignore[attr-defined]
    return view


def scopes_for(view: object, method: str) -> tuple[str, ...]:
    """Return the scopes of which a request for this view needs at least one."""
    by_method = (READ,) if method.upper() in SAFE_METHODS else (WRITE,)
    return getattr(view, "required_scopes", by_method)


def is_public(scopes: tuple[str, ...]) -> bool:
    """Return whether a route that needs one of these scopes is open without a token."""
    state: AuthState = current_app.extensions["auth"]
    return not scopes or (READ in scopes and state.settings.PUBLIC_READ)


def requests_a_minute() -> int:
    """Return how many requests a minute a caller may send."""
    state: AuthState = current_app.extensions["auth"]
    return rate_limits.a_minute(state.settings.RATE_LIMIT)


def caller() -> Caller | None:
    """Return the authenticated caller of the current request, or None."""
    found: Caller | None = g.get("caller")
    return found


def caller_name() -> str:
    """Return the name of the token of a request that needs one."""
    found = caller()
    assert found is not None  # noqa: S101 (it was authorized)
    return found.name


def _marked(name: str) -> bool:
    """Return whether the requested view has been marked by a decorator of this module."""
    if request.url_rule is None:
        return False
    return getattr(current_app.view_functions[request.url_rule.endpoint], name, False)


def _guarded() -> bool:
    in_api = request.url_rule is not None and request.url_rule.rule.startswith(f"{API_PREFIX}/")
    return in_api or _marked("page")


def _offers_no_secret() -> bool:
    """Return whether a request has nothing that could be a guess."""
    tries = _marked("signs_in") and request.method == "POST"
    return _bearer_token() is None and _signature() is None and not tries


def _bearer_token() -> str | None:
    """Return the bearer token of a request to the API, or None.

    It may be the password of Basic credentials: some senders can have these only, in their URL.
    """
    if not _guarded():
        return None
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        password = request.authorization.password if request.authorization else None
        return password if password and tokens.TEXT.fullmatch(password) else None
    return text.strip() if scheme.lower() == "bearer" else None


def _signature() -> tuple[str, str, Verify] | None:
    """Return the source, the signature and how to verify it, if there is one and no token."""
    if not _guarded() or _bearer_token() is not None:
        return None
    accepted = signature_of(current_app.view_functions[str(request.endpoint)])
    if accepted is None or accepted[1] not in request.headers:
        return None
    source, header, verify = accepted
    return source, request.headers[header], verify


def _failed(response: Response) -> bool:
    return response.status_code == HTTPStatus.UNAUTHORIZED


def _authenticate() -> None:
    text = _bearer_token()
    if text is None:
        _authenticate_signature()
        if _marked("page"):
            _authenticate_session()
        return
    _accept(check_token(text))


def check_token(text: str) -> Caller:
    """Return the caller whose token this is; abort with 401 if it is not valid."""
    try:
        return _identify(text)
    except InvalidTokenError as error:
        _record_failure(error.reason, error.token_id)
        detail = DETAILS.get(error.reason, "The token is not known to this ledger.")
        _refuse(HTTPStatus.UNAUTHORIZED, detail, 'error="invalid_token"')


def _authenticate_session() -> None:
    """Take whoever signed in for the caller, unless the token was revoked since or has expired."""
    token_id = sessions.token_id()
    if token_id is None:
        return
    try:
        who = _resume(token_id)
    except InvalidTokenError:
        sessions.end()
        return
    _accept(who)


def _resume(token_id: str) -> Caller:
    if (token := _admin_token()) is not None and token_id == _session_id(BOOTSTRAP, token):
        return BOOTSTRAP
    try:
        identifier = UUID(token_id)
    except ValueError:  # the admin token has been replaced
        raise InvalidTokenError(Refusal.UNKNOWN) from None
    with database().read() as connection:
        return tokens.resume(connection, identifier)


def sign_in(text: str) -> Caller:
    """Begin a session for the holder of a token; abort with 401 if it is not valid."""
    who = check_token(text)
    if not who.may(READ):
        _record_failure(Refusal.INSUFFICIENT_SCOPE)
        detail = f"This needs the scope {READ}, which the token {who.name} does not have."
        abort(HTTPStatus.FORBIDDEN, detail)
    sessions.begin(_session_id(who, text))
    return who


def _session_id(who: Caller, text: str) -> str:
    """Return what a session keeps of a token: its id.

    The admin token of the file has none of its own: another one in its place gets another id.
    """
    if who is not BOOTSTRAP:
        return who.id
    return f"{who.id}:{hashlib.sha256(b'slipway session ' + text.encode()).hexdigest()[:32]}"


def _accept(who: Caller) -> None:
    g.caller = who
    structlog.contextvars.bind_contextvars(token_id=who.id, token_name=who.name)
    if who is not BOOTSTRAP:
        _store_use(who)


def _authenticate_signature() -> None:
    found = _signature()
    if found is None:
        return
    source, signature, verify = found
    state: AuthState = current_app.extensions["auth"]
    try:
        secrets = state.settings.webhook_secrets(source)
    except ValueError as error:
        _abort_unreadable(error)
    # The body is not read before it must be: the caller is not known yet.
    if not verify(secrets, request.raw_body, signature):  # type: ignore[attr-defined]
        _record_failure(Refusal.WRONG_SIGNATURE)
        _refuse(HTTPStatus.UNAUTHORIZED, "The signature does not match the body.")
    g.caller = Caller(f"{source}-webhook", source, frozenset({f"ingest:{source}"}))


def _admin_token() -> str | None:
    state: AuthState = current_app.extensions["auth"]
    try:
        return state.settings.admin_token()
    except ValueError as error:  # the file was valid at startup and has changed since
        log.warning("the admin token cannot be used", error=str(error))
        return None


def _identify(text: str) -> Caller:
    admin_token = _admin_token()
    if admin_token is not None and hmac.compare_digest(_digest(text), _digest(admin_token)):
        return BOOTSTRAP
    with database().read() as connection:
        return tokens.authenticate(connection, text)


def _digest(text: str) -> bytes:
    """Hash a secret, so that comparing it reveals not even its length by timing."""
    return hashlib.sha256(text.encode()).digest()


def _store_use(who: Caller) -> None:
    """Store when the token was used; a failure to do so must not fail the request."""
    state: AuthState = current_app.extensions["auth"]
    at = now()
    before = state.last_stored.get(who.id)
    if before is not None and at - before < tokens.USE_PRECISION:
        return
    state.last_stored[who.id] = at
    try:
        with database().write(wait=False) as connection:
            tokens.store_use(connection, UUID(who.id), at)
    except (UnavailableError, SQLAlchemyError) as error:
        log.info("the use of the token was not stored", error=first_line(error))


def _authorize() -> None:
    if not _guarded():
        return
    scopes = scopes_for(current_app.view_functions[str(request.endpoint)], request.method)
    who = caller()
    if is_public(scopes) or (who is not None and any(map(who.may, scopes))):
        return
    words = " or ".join(scopes)
    if who is None:
        _record_failure(Refusal.MISSING)
        detail = f"This needs a token with the scope {words}: send Authorization: Bearer <token>"
        _refuse(HTTPStatus.UNAUTHORIZED, detail)
    _record_failure(Refusal.INSUFFICIENT_SCOPE)
    detail = f"This needs the scope {words}, which the token {who.name} does not have."
    error = f'error="insufficient_scope", scope="{" ".join(scopes)}"'
    _refuse(HTTPStatus.FORBIDDEN, detail, error)


def _record_failure(reason: Refusal, token_id: UUID | None = None) -> None:
    state: AuthState = current_app.extensions["auth"]
    state.failures.labels(reason).inc()
    known = {} if token_id is None else {"token_id": str(token_id)}
    log.warning("access refused", reason=reason, remote_addr=request.remote_addr, **known)


def _abort_unreadable(error: ValueError) -> NoReturn:
    """Ask the caller to retry: a file with secrets was valid at startup and has changed since."""
    log.error("a secret cannot be read", error=str(error))
    abort(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The secret that this request is checked with cannot be read; try again in a few seconds.",
        headers={"Retry-After": RETRY_AFTER_S},
    )


def _refuse(status: HTTPStatus, detail: str, error: str = "") -> NoReturn:
    """Answer with a challenge (RFC 6750, section 3)."""
    challenge = f"{CHALLENGE}, {error}" if error else CHALLENGE
    abort(status, detail, headers={"WWW-Authenticate": challenge})
