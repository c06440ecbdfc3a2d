"""Sessions of people who signed in to the pages: a signed cookie that names their token.

The cookie holds the id of the token and never its secret. Each request looks the token up, so that
revoking it ends its sessions. The API does not read the cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from http import HTTPStatus

import structlog
from apiflask import APIFlask, abort
from flask import Flask, Request, request, session
from flask.sessions import NullSession, SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

from api.settings import Settings

COOKIE = "slipway_session"
LIFETIME = timedelta(hours=12)
TOKEN, CSRF = "token", "csrf"
ABSENT = (
    "Nobody can sign in, as there is no key for sessions: set SLIPWAY_SESSION_KEY_FILE to a file"
    " with 32 random characters or more, or SLIPWAY_ADMIN_TOKEN_FILE, from which a key is derived."
    " SLIPWAY_PUBLIC_READ=true lets everybody read without signing in."
)

log = structlog.get_logger()


class Sessions(SecureCookieSessionInterface):
    """Sessions that are signed by keys in a file, and belong to this application's path only."""

    digest_method = staticmethod(hashlib.sha256)

    def __init__(self, settings: Settings, api_prefix: str) -> None:
        self._settings = settings
        self._api_prefix = api_prefix

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session of a request for a page; the API has none."""
        if request.path.startswith(self._api_prefix):
            return None
        return super().open_session(app, request)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:  # noqa: ARG002
        """Return what signs, or None without a key. The file is read each time: it may change."""
        try:
            keys = self._settings.session_keys()
        except ValueError as error:  # the file was valid at startup and has changed since
            log.warning("the session keys cannot be used", error=str(error))
            return None
        if not keys:
            return None
        return URLSafeTimedSerializer(
            keys[::-1],  # the last one signs
            salt=self.salt,
            serializer=self.serializer,
            signer_kwargs={
                "key_derivation": self.key_derivation,
                "digest_method": self.digest_method,
            },
        )

    def get_cookie_path(self, app: Flask) -> str:  # noqa: ARG002
        """Return the path below which the application is reached, which a proxy may have cut."""
        return request.script_root or "/"

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        """Return whether the browser came by HTTPS, and must not send the cookie otherwise."""
        return request.is_secure


def init_app(app: APIFlask, settings: Settings, api_prefix: str) -> None:
    """Give the requests for pages a session."""
    app.session_interface = Sessions(settings, api_prefix)
    app.config.update(
        SESSION_COOKIE_NAME=COOKIE,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=LIFETIME,
    )


def token_id() -> str | None:
    """Return the id of the token by which the current person signed in, or None."""
    found: str | None = session.get(TOKEN)
    return found


def form_token() -> str | None:
    """Return what the forms of this session send back, if it has any yet."""
    found: str | None = session.get(CSRF)
    return found


def begin(token_id: str) -> None:
    """Begin a session, with nothing left of the one before."""
    session.clear()
    session[TOKEN] = token_id


def end() -> None:
    """End the session."""
    session.clear()


def csrf_token() -> str:
    """Return what a form of this session has to send back; abort with 503 without a key."""
    _check_available()
    return str(session.setdefault(CSRF, secrets.token_urlsafe(24)))


def check_csrf() -> None:
    """Abort with 403 unless the form came from a page of this session, with 503 without a key."""
    _check_available()
    expected: str = session.get(CSRF, "")
    if not expected or not hmac.compare_digest(expected.encode(), _sent().encode()):
        abort(HTTPStatus.FORBIDDEN, "The form is too old: open the page again and repeat it.")


def _sent() -> str:
    return request.form.get(CSRF, "")


def are_available() -> bool:
    """Return whether there is a key, without which there is no session and no form."""
    return not isinstance(session._get_current_object(), NullSession)  # type: ignore[attr-defined]


def _check_available() -> None:
    if not are_available():
        abort(HTTPStatus.SERVICE_UNAVAILABLE, ABSENT)
