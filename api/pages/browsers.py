"""What a browser gets that an API client does not: the matrix at `/`, pages for errors, a CSP."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from apiflask import APIFlask
from flask import Response, current_app, redirect, render_template, request, url_for

from api.http import auth, sessions
from api.http.auth import API_PREFIX, SAFE_METHODS
from api.http.problems import MEDIA_TYPE
from api.pages.blueprint import bp

INDEX, MATRIX = "service.index", "pages.show_matrix"
HTML, JSON = "text/html", "application/json"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self';"
    " img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def init_app(app: APIFlask) -> None:
    """Tell browsers from API clients; call it before anything that looks at the requested route."""
    app.before_request(_negotiate)
    app.after_request(_finish)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.context_processor(_who)


def _who() -> dict[str, Any]:
    """Return who looks at a page, for its head: the person who signed in, or whether one could."""
    return {
        "person": auth.caller() if sessions.token_id() else None,
        "can_sign_in": sessions.are_available(),
    }


def _prefers_html() -> bool:
    """Return whether the client prefers HTML to JSON, as browsers do and `curl` does not."""
    accept = request.accept_mimetypes
    return bool(accept[HTML] > accept[JSON])


def _negotiate() -> None:
    """Give browsers the matrix where API clients get the index of the API."""
    if request.endpoint == INDEX and _prefers_html():
        request.url_rule = next(current_app.url_map.iter_rules(MATRIX))


def _finish(response: Response) -> Response:
    """Turn the problem document for a browser into a page, and protect every page."""
    if request.endpoint in (INDEX, MATRIX):
        response.vary.add("Accept")
    if response.mimetype == MEDIA_TYPE and _is_a_page() and _prefers_html():
        response = _explained(response)
    if response.mimetype == HTML:
        response.headers.update(HEADERS)
    return response


def _is_a_page() -> bool:
    unknown = request.url_rule is None and not request.path.startswith(f"{API_PREFIX}/")
    return unknown or request.blueprint == bp.name


def _explained(response: Response) -> Response:
    """Return a page with the words of a problem document, or lead to the form to sign in."""
    problem = response.get_json()
    needs_session = problem["status"] == HTTPStatus.UNAUTHORIZED and request.method in SAFE_METHODS
    if needs_session and "Authorization" not in request.headers:
        back = request.full_path.removesuffix("?")
        response = redirect(url_for("pages.sign_in", back=back), HTTPStatus.SEE_OTHER)  # type: ignore[assignment]
    else:
        response.set_data(render_template("error.html", problem=problem))
        response.mimetype = HTML
    response.headers["Cache-Control"] = "no-store"
    return response
