"""`/admin`: the tokens, with forms that create one and revoke one."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from flask import Response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from pydantic import Field

from api.database import database
from api.domain import tokens
from api.domain.events.adapters import ADAPTERS
from api.domain.kit import pages
from api.domain.kit.errors import InvalidValueError
from api.domain.kit.times import now
from api.domain.tokens import ADMIN, INGEST, READ, WRITE, NewToken
from api.http import auth
from api.http.problems import InvalidBodyError, abort_unknown, found_or_404
from api.pages import paging
from api.pages.admin.secrets import shown_once
from api.pages.blueprint import bp
from api.pages.forms import Form, sent
from api.pages.paging import Cursor

TOKENS = 30
SCOPES = {
    READ: "see what the ledger shows, but neither tokens nor the content of events",
    WRITE: "read, report deployments, incidents and changes, and correct them",
    ADMIN: "everything, this page included",
    **{f"{INGEST}{source}": f"send events of {source}, nothing else" for source in ADAPTERS},
}
# Days until a token expires.
LIFETIMES = {90: "in 90 days", 30: "in 30 days", 365: "in a year"}


class TokensForm(Form):
    """The page of the tokens."""

    cursor: Cursor = None


class TokenForm(NewToken):
    """A new token, which is valid for some days or, without a number, until it is revoked."""

    days: Annotated[int | None, Field(ge=1, le=366)] = None


@bp.get("/admin")
@auth.page
@auth.require(ADMIN)
@bp.input(TokensForm, location="query", arg_name="query")
def show_tokens(query: TokensForm) -> str:
    """Return the tokens, newest first, with the form that creates one."""
    after = paging.position(query.cursor)
    with database().read() as connection:
        found = tokens.LISTING.rows(connection, limit=TOKENS + 1, after=after)
    items, older = paging.cut(found, TOKENS, lambda row: pages.position(row, tokens.ORDER))
    return render_template(
        "admin/tokens.html",
        tokens=items,
        older=older,
        is_first=query.cursor is None,
        now=now(),
        scopes=SCOPES,
        lifetimes=LIFETIMES,
    )


@bp.post("/admin/tokens")
@auth.page
@auth.require(ADMIN)
def create_token() -> Response:
    """Create a token, and show its text this once."""
    asked = sent(TokenForm)
    expires_at = now() + timedelta(days=asked.days) if asked.days else asked.expires_at
    new = NewToken(name=asked.name, scopes=asked.scopes, expires_at=expires_at)
    try:
        tokens.check_sources(new.scopes, ADAPTERS)
    except InvalidValueError as error:
        raise InvalidBodyError(error.pointer, error.detail) from error
    with database().write() as connection:
        created, text = tokens.create(connection, new)
    return shown_once("token", created["name"], text, url_for("pages.show_tokens"))


@bp.get("/admin/tokens/<uuid:token_id>")
@auth.page
@auth.require(ADMIN)
def show_token(token_id: UUID) -> str:
    """Return a token with the button that revokes it."""
    with database().read() as connection:
        found = found_or_404(tokens.find(connection, token_id), "token", token_id)
    return render_template("admin/token.html", token=found, now=now(), scopes=SCOPES)


@bp.post("/admin/tokens/<uuid:token_id>/revocation")
@auth.page
@auth.require(ADMIN)
def revoke_token(token_id: UUID) -> ResponseReturnValue:
    """Revoke a token."""
    with database().write() as connection:
        if not tokens.revoke(connection, token_id):
            abort_unknown("token", token_id)
    return redirect(url_for("pages.show_tokens"), HTTPStatus.SEE_OTHER)
