"""Conditional requests (RFC 9110, section 13).

A GET with If-None-Match is answered with 304 if nothing has changed, and a change whose If-Match or
If-None-Match does not hold with 412.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from apiflask import APIFlask, abort
from flask import Response, jsonify, request
from pydantic import BaseModel
from werkzeug.http import generate_etag

HEADERS = [
    {
        "name": name,
        "in": "header",
        "required": False,
        "description": f"{condition}; otherwise the response is 412.",
        "schema": {"type": "string"},
    }
    for name, condition in (
        ("If-Match", "Change it only if its ETag is still this one"),
        ("If-None-Match", "Change it only if its ETag is not this one; `*`: only if it is new"),
    )
]

CONDITIONS = {"REQUEST_METHOD", "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"}
NOT_MODIFIED = {"description": "It has not changed since the ETag in If-None-Match."}
ETAG = {"description": "Changes whenever the response does.", "schema": {"type": "string"}}


def init_app(app: APIFlask) -> None:
    """Add an ETag to the response of every GET, and respond 304 if the client has it already."""
    app.after_request(_tag)


def _tag(response: Response) -> Response:
    if request.method in ("GET", "HEAD") and response.status_code == HTTPStatus.OK:
        response.add_etag()
        # Only the client may cache it, and must revalidate it each time.
        response.headers.setdefault("Cache-Control", "private, no-cache")
        # There is no time of a last modification, so conditions on it are ignored (section 13.1.3).
        response.make_conditional(
            {name: request.environ[name] for name in CONDITIONS & request.environ.keys()}
        )
    return response


def check(current: dict[str, Any] | None, model: type[BaseModel]) -> None:
    """Abort with 412 if the request's If-Match or If-None-Match does not hold.

    `current` is None if the resource does not exist, which has no ETag to match.
    """
    if not (request.if_match or request.if_none_match):
        return
    if current is None:
        if request.if_match:
            abort(HTTPStatus.PRECONDITION_FAILED, "It does not exist.")
        return
    response = jsonify(model.model_validate(current).model_dump(mode="json"))
    etag = generate_etag(response.get_data())
    if request.if_none_match.contains_weak(etag):
        abort(HTTPStatus.PRECONDITION_FAILED, "It exists already, as If-None-Match excludes.")
    if request.if_match and not request.if_match.contains(etag):
        abort(
            HTTPStatus.PRECONDITION_FAILED,
            "It has changed since you read it: read it again, then decide.",
        )


def describe(operation: dict[str, Any]) -> None:
    """Add the ETag header and the response 304 to the OpenAPI description of a GET."""
    responses = operation["responses"]
    responses["200"]["headers"] = {**responses["200"].get("headers", {}), "ETag": ETAG}
    responses[str(int(HTTPStatus.NOT_MODIFIED))] = NOT_MODIFIED
