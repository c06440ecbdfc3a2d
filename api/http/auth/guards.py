"""Who may call a route: decorators for views, and what they have marked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import current_app, request

from api.domain.events import signatures
from api.domain.events.adapter import Verify
from api.domain.tokens import READ, WRITE

API_PREFIX = "/api/v1"
IN_API = f"{API_PREFIX}/"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


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


def page[View: Callable[..., Any]](view: View) -> View:
    """Guard a route outside the API by the same scopes; a session will do instead of a token."""
    view.page = True  # type: ignore[attr-defined]
    return view


def signs_in[View: Callable[..., Any]](view: View) -> View:
    """Count the refusals of a route that is open to anybody, because it takes a token to check."""
    view.signs_in = True  # type: ignore[attr-defined]
    return view


def signature_of(view: object) -> tuple[str, str, Verify] | None:
    """Return source and header of the signature that a route accepts, and what verifies it."""
    return getattr(view, "signature", None)


def scopes_for(view: object, method: str) -> tuple[str, ...]:
    """Return the scopes of which a request for this view needs at least one."""
    by_method = (READ,) if method.upper() in SAFE_METHODS else (WRITE,)
    return getattr(view, "required_scopes", by_method)


def requested_view() -> object:
    """Return the view of the current request, or None if its path is unknown."""
    rule = request.url_rule
    return None if rule is None else current_app.view_functions[rule.endpoint]


def marked(name: str) -> bool:
    """Return whether a decorator of this module marked the requested view."""
    return getattr(requested_view(), name, False)


def is_guarded() -> bool:
    """Return whether the current request is for a route that needs a scope."""
    rule = request.url_rule
    if rule is None:
        return False
    return rule.rule.startswith(IN_API) or marked("page")
