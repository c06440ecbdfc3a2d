"""Sign in with a token, and sign out."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import Field

from api.domain.kit.types import CONTROL
from api.http import auth, sessions
from api.pages.blueprint import bp
from api.pages.forms import Form


class SignInQuery(Form):
    """Where to go after signing in."""

    back: Annotated[str | None, Field(max_length=2000)] = None


@bp.get("/sign-in")
@bp.input(SignInQuery, location="query", arg_name="query")
def sign_in(query: SignInQuery) -> str:
    """Return the form that takes a token."""
    return render_template("sign_in.html", back=query.back, csrf=sessions.csrf_token())


@bp.post("/sign-in")
@auth.signs_in
def begin_session() -> ResponseReturnValue:
    """Begin a session, and go back to the page that was asked for."""
    auth.sign_in(request.form.get("token", "").strip())
    return redirect(_own_page(request.form.get("back", "")), HTTPStatus.SEE_OTHER)


@bp.post("/sign-out")
def end_session() -> ResponseReturnValue:
    """End the session."""
    sessions.end()
    return redirect(url_for("pages.sign_in"), HTTPStatus.SEE_OTHER)


@bp.app_template_global("csrf_token")
def csrf_token() -> str:
    """Return what a form sends back to show that it came from a page of this session."""
    return sessions.csrf_token()


def _own_page(back: str) -> str:
    """Return the URL of a page of ours, whatever a link had in `back`; the matrix in doubt."""
    parts = urlsplit(back.replace("\\", "/"))
    elsewhere = parts.scheme or parts.netloc or not back.startswith("/") or back.startswith("//")
    if elsewhere or CONTROL.search(back):
        return url_for("pages.show_matrix")
    return request.script_root + back
