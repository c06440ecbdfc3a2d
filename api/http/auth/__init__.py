"""Authentication by bearer token, webhook signature or session, and authorization by scope.

By default, routes under `/api/v1` need the scope `read` for GET, HEAD and OPTIONS, and `write` for
all other methods. With `SLIPWAY_PUBLIC_READ=true`, reading needs no token. Pages need the same
scopes and accept the session of a person who signed in, which the API does not.
"""

from __future__ import annotations

from http import HTTPStatus

from apiflask import APIFlask
from flask import Response, g, request

from api.http import rate_limits, sessions
from api.http.auth import bearer, signatures, signing_in
from api.http.auth.authorization import authorize, is_public
from api.http.auth.callers import (
    AuthState,
    accept,
    caller,
    caller_name,
    failure_counter,
    lent,
    state,
)
from api.http.auth.guards import (
    API_PREFIX,
    SAFE_METHODS,
    marked,
    open_to_all,
    page,
    require,
    scopes_for,
    signature_of,
    signed_by,
    signs_in,
)
from api.http.auth.signing_in import sign_in
from api.logs import PROBES
from api.settings import Settings

# A list of this many reports takes about as long as a single one.
REPORTS_A_REQUEST = 20

__all__ = [
    "API_PREFIX",
    "SAFE_METHODS",
    "caller",
    "caller_name",
    "count_reports",
    "init_app",
    "is_public",
    "lent",
    "open_to_all",
    "page",
    "requests_a_minute",
    "require",
    "scopes_for",
    "sign_in",
    "signature_of",
    "signed_by",
    "signs_in",
]


def init_app(app: APIFlask, settings: Settings) -> None:
    """Authenticate, rate-limit and authorize each request before anything else handles it."""
    app.extensions["auth"] = AuthState(
        settings, failure_counter(app.extensions["metrics_registry"])
    )
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
    app.extensions["auth"].limiter = rate_limits.init_app(
        app,
        settings.RATE_LIMIT,
        key=lambda: f"{getattr(caller(), 'id', 'anybody')} {rate_limits.address()}",
        exempt_when=lambda: request.path in PROBES,
    )
    app.before_request(authorize)


def requests_a_minute() -> int:
    """Return how many requests a minute a caller may send."""
    return rate_limits.a_minute(state().settings.RATE_LIMIT)


def count_reports(number: int) -> None:
    """Let the reports of a list count as the requests whose work they are.

    They count once, however often a conflict makes the ledger try to record them.
    """
    limiter = None if "reports_counted" in g else state().limiter
    g.reports_counted = True
    if limiter is not None and (more := (number - 1) // REPORTS_A_REQUEST) > 0:
        limiter.count(more)


def _offers_no_secret() -> bool:
    """Return whether a request has nothing that could be a guess."""
    tries = marked("signs_in") and request.method == "POST"
    return bearer.offered() is None and signatures.offered() is None and not tries


def _failed(response: Response) -> bool:
    return response.status_code == HTTPStatus.UNAUTHORIZED


def _authenticate() -> None:
    if (token := bearer.offered()) is not None:
        accept(bearer.check(token))
    elif (signature := signatures.offered()) is not None:
        signatures.authenticate(signature)
    elif marked("page"):
        signing_in.authenticate()
    elif (who := lent()) is not None:
        accept(who)
