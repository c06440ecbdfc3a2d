"""`/tokens`: create, read, list and revoke tokens; needs the scope admin."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, url_for
from pydantic import AwareDatetime, Field

from api.database import database
from api.domain import tokens as domain
from api.domain.events.adapters import ADAPTERS
from api.domain.kit.errors import InvalidValueError
from api.domain.kit.models import Model
from api.domain.kit.types import Name
from api.domain.tokens import NewToken, Scope
from api.http import auth
from api.http.problems import InvalidBodyError, abort_unknown, found_or_404
from api.routes import lists
from api.routes.lists import NextCursor, PageQuery

bp = APIBlueprint(
    "tokens",
    __name__,
    url_prefix="/tokens",
    tag={"name": "Tokens", "description": "API tokens and their scopes."},
)

UNKNOWN = "There is no token with this id."


class Token(Model):
    """A token without its secret; times are in UTC."""

    id: UUID
    name: Name
    scopes: list[Scope]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    last_used_at: Annotated[AwareDatetime | None, Field(description="To the minute.")]


class CreatedToken(Token):
    """A new token with its secret."""

    token: Annotated[
        str,
        Field(
            description="The bearer token; it is not shown again.",
            examples=["slw_01a204c4730e7622a17303375e59d4e7_…"],
        ),
    ]


class TokenPage(Model):
    """A page of tokens, newest first."""

    items: list[Token]
    next_cursor: NextCursor


@bp.post("")
@auth.require("admin")
@bp.input(NewToken, arg_name="new")
@bp.output(CreatedToken, status_code=201, description="The new token; Location is its URL.")
@bp.doc(operation_id="createToken", summary="Create a token")
def create_token(new: NewToken) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Create a token; only this response shows its text."""
    try:
        domain.check_sources(new.scopes, ADAPTERS)
    except InvalidValueError as error:
        raise InvalidBodyError(error.pointer, error.detail) from error
    with database().write() as connection:
        created, text = domain.create(connection, new)
    location = url_for(".get_token", token_id=created["id"])
    return {**created, "token": text}, 201, {"Location": location, "Cache-Control": "no-store"}


@bp.get("")
@auth.require("admin")
@bp.input(PageQuery, location="query", arg_name="query")
@bp.output(TokenPage)
@bp.doc(operation_id="listTokens", summary="List tokens, newest first")
def list_tokens(query: PageQuery) -> Response:
    """Return a page of tokens without their secrets, including revoked and expired ones."""
    return lists.page(query, domain.LISTING, Token)


@bp.get("/<uuid:token_id>")
@auth.require("admin")
@bp.output(Token)
@bp.doc(operation_id="getToken", summary="Read a token", responses={404: UNKNOWN})
def get_token(token_id: UUID) -> dict[str, Any]:
    """Return one token, without its secret."""
    with database().read() as connection:
        return found_or_404(domain.find(connection, token_id), "token", token_id)


@bp.delete("/<uuid:token_id>")
@auth.require("admin")
@bp.output({}, status_code=204, description="The token is revoked.")
@bp.doc(operation_id="revokeToken", summary="Revoke a token", responses={404: UNKNOWN})
def revoke_token(token_id: UUID) -> tuple[str, int]:
    """Revoke a token; revoking it twice is fine."""
    with database().write() as connection:
        if not domain.revoke(connection, token_id):
            abort_unknown("token", token_id)
    return "", 204
