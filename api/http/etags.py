"""Conditional requests (RFC 9110, section 13): what has not changed is not sent, or not changed."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from apiflask import APIFlask, abort
from flask import Response, jsonify, request
from pydantic import BaseModel
from werkzeug.http import generate_etag

HEADER = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "Change it only while its ETag is still this one; otherwise the answer is 412.",
    "schema": {"type": "string"},
}


NOT_MODIFIED = {"description": "It is still what the ETag in If-None-Match stands for."}
ETAG = {"description": "Changes with the answer.", "schema": {"type": "string"}}


def init_app(app: APIFlask) -> None:
    """Give the answer to every GET an ETag, and answer 304 to whoever has it already."""
    app.after_request(_tag)


def _tag(response: Response) -> Response:
    if request.method in ("GET", "HEAD") and response.status_code == HTTPStatus.OK:
        response.add_etag()
        # It may be kept, by the one who asked, and is asked for again each time.
        response.headers.setdefault("Cache-Control", "private, no-cache")
        response.make_conditional(request)
    return response


def check(current: dict[str, Any] | None, model: type[BaseModel]) -> None:
    """Answer 412 when the caller's If-Match is not about what the resource is now.

    None is a resource that is not there, which no If-Match is about.
    """
    if not request.if_match:
        return
    if current is None:
        abort(HTTPStatus.PRECONDITION_FAILED, "It is not there.")
    told = jsonify(model.model_validate(current).model_dump(mode="json"))
    if not request.if_match.contains(generate_etag(told.get_data())):
        abort(
            HTTPStatus.PRECONDITION_FAILED,
            "It has changed since you read it: read it again, then decide.",
        )


def describe(operation: dict[str, Any]) -> None:
    """Add to the description of a GET what its ETag is good for."""
    responses = operation["responses"]
    responses["200"]["headers"] = {**responses["200"].get("headers", {}), "ETag": ETAG}
    responses[str(int(HTTPStatus.NOT_MODIFIED))] = NOT_MODIFIED
