"""Requests to the API that a page sends for the person who looks at it.

They pass everything that a request from outside passes: the limits, the checks and the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Context

from flask import current_app, request
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from api.http.auth import caller
from api.http.auth.callers import LENT


def send(
    method: str, target: str, headers: Mapping[str, str], body: str | None, token: str = ""
) -> Response:
    """Return the response to a request with this token or, without one, of the current caller."""
    sent = {**headers, "Accept": "application/json"}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    environ = EnvironBuilder(
        target,
        request.host_url + request.script_root.lstrip("/"),
        method=method,
        headers=sent.items(),
        data=body,
        environ_base={"REMOTE_ADDR": request.remote_addr or ""},
        environ_overrides={} if token else {LENT: caller()},
    ).get_environ()
    application = current_app.wsgi_app
    # With a context of its own: what is known of the current request stays what it is.
    return Context().run(Response.from_app, application, environ, buffered=True)
