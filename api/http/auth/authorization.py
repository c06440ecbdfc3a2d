"""Authorization: whether the caller has one of the scopes that a route needs."""

from __future__ import annotations

from flask import request

from api.domain.tokens import READ, Refusal
from api.http.auth.callers import caller, state
from api.http.auth.guards import is_guarded, requested_view, scopes_for
from api.http.auth.refusals import record_failure, refuse_scopes, refuse_unauthenticated


def is_public(scopes: tuple[str, ...]) -> bool:
    """Return whether a route that needs one of these scopes is open without a token."""
    return not scopes or (READ in scopes and state().settings.PUBLIC_READ)


def authorize() -> None:
    """Abort with 401 without a caller, and with 403 if the caller has no scope that is needed."""
    if not is_guarded():
        return
    scopes = scopes_for(requested_view(), request.method)
    who = caller()
    if is_public(scopes) or (who is not None and any(map(who.may, scopes))):
        return
    if who is not None:
        refuse_scopes(who, scopes)
    record_failure(Refusal.MISSING)
    words = " or ".join(scopes)
    refuse_unauthenticated(
        f"This needs a token with the scope {words}: send Authorization: Bearer <token>"
    )
