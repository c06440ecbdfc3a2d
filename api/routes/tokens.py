"""`/tokens`: make one, list them, revoke one. Only an admin may."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from apiflask import APIBlueprint, abort
from flask import url_for
from pydantic import AwareDatetime, BaseModel, Field

from api.database import database
from api.domain import tokens as domain
from api.domain.kit.types import Name
from api.domain.tokens import NewToken, Scope
from api.http import auth
from api.routes import lists
from api.routes.lists import NextCursor, PageQuery

bp = APIBlueprint(
    "tokens",
    __name__,
    url_prefix="/tokens",
    tag={"name": "Tokens", "description": "Who may do what."},
)

UNKNOWN = "There is no token of that id."


class Token(BaseModel):
    """A token without its secret; times are in UTC."""

    id: UUID
    name: Name
    scopes: list[Scope]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    last_used_at: Annotated[AwareDatetime | None, Field(description="To the minute.")]


class CreatedToken(Token):
    """A new token with its text."""

    token: Annotated[
        str,
        Field(
            description="What to send as bearer; it is not shown again.",
            examples=["slw_01a204c4730e7622a17303375e59d4e7_…"],
        ),
    ]


class TokenPage(BaseModel):
    """Some tokens, newest first, and where the next ones begin."""

    items: list[Token]
    next_cursor: NextCursor


@bp.post("")
@auth.require("admin")
@bp.input(NewToken, arg_name="new")
@bp.output(CreatedToken, status_code=201, description="The token; Location says where it is.")
@bp.doc(operation_id="createToken", summary="Make a token")
def create_token(new: NewToken) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Make a token. This answer is the only one that shows its text."""
    with database().write() as connection:
        told, text = domain.create(connection, new)
    location = url_for(".get_token", token_id=told["id"])
    return {**told, "token": text}, 201, {"Location": location, "Cache-Control": "no-store"}


@bp.get("")
@auth.require("admin")
@bp.input(PageQuery, location="query", arg_name="query")
@bp.output(TokenPage)
@bp.doc(operation_id="listTokens", summary="List tokens, newest first")
def list_tokens(query: PageQuery) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return a page of tokens, the revoked and expired ones included, and no secret."""
    return lists.page(query, domain.selected(), domain.ORDER)


@bp.get("/<uuid:token_id>")
@auth.require("admin")
@bp.output(Token)
@bp.doc(operation_id="getToken", summary="Read a token", responses={404: UNKNOWN})
def get_token(token_id: UUID) -> dict[str, Any]:
    """Return one token, without its secret."""
    with database().read() as connection:
        found = domain.find(connection, token_id)
    if found is None:
        abort(404, f"There is no token {token_id}.")
    return found


@bp.delete("/<uuid:token_id>")
@auth.require("admin")
@bp.output({}, status_code=204, description="It is of no use any more.")
@bp.doc(operation_id="revokeToken", summary="Revoke a token", responses={404: UNKNOWN})
def revoke_token(token_id: UUID) -> tuple[str, int]:
    """Make a token useless from now on; again, it changes nothing."""
    with database().write() as connection:
        if not domain.revoke(connection, token_id):
            abort(404, f"There is no token {token_id}.")
    return "", 204
