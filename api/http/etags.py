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

from api.http import problems
from api.http.headers import header


def _headers(if_match: str, if_none_match: str) -> list[dict[str, Any]]:
    return [header("If-Match", if_match), header("If-None-Match", if_none_match)]


# The headers of a change, and those of a read.
HEADERS = _headers(
    "Change it only if its ETag is still this one; otherwise the response is 412.",
    "Change it only if its ETag is not this one; `*`: only if it is new; otherwise the response is"
    " 412.",
)
READ_HEADERS = _headers(
    "Read it only if its ETag is still this one; otherwise the response is 412.",
    "Read it only if its ETag is not this one; otherwise the response is 304.",
)
# Only the client may cache it, and must revalidate it each time.
CACHED = "private, no-cache"
CONDITIONS = {"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"}
ANY = "*"
NOT_MODIFIED = {"description": "It has not changed since the ETag in If-None-Match."}
CHANGED = "It has changed since you read it: read it again, then decide."
ETAG = {"description": "Changes whenever the response does.", "schema": {"type": "string"}}


def init_app(app: APIFlask) -> None:
    """Add an ETag to the response of every GET, and respond 304 if the client has it already."""
    app.after_request(_tag)


def _tag(response: Response) -> Response:
    if request.method not in ("GET", "HEAD") or response.status_code != HTTPStatus.OK:
        return response
    response.add_etag()
    response.headers.setdefault("Cache-Control", CACHED)
    # There is no time of a last modification, so conditions on it are ignored (section 13.1.3).
    conditions = {name: request.environ[name] for name in CONDITIONS & request.environ.keys()}
    # What was found is any (section 13.1.1), which Werkzeug takes for an ETag.
    if conditions.get("HTTP_IF_MATCH", "").strip() == ANY:
        del conditions["HTTP_IF_MATCH"]
    if conditions:
        response.make_conditional({"REQUEST_METHOD": request.method, **conditions})
        # The server tells the date of every response, and there must not be two.
        del response.headers["Date"]
    if response.status_code == HTTPStatus.PRECONDITION_FAILED:
        return problems.response(HTTPStatus.PRECONDITION_FAILED, CHANGED)
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
        abort(HTTPStatus.PRECONDITION_FAILED, CHANGED)


def describe(operation: dict[str, Any]) -> None:
    """Add the conditions, the ETag and their responses to the OpenAPI description of a GET."""
    operation["parameters"] += READ_HEADERS
    responses = operation["responses"]
    responses[str(int(HTTPStatus.PRECONDITION_FAILED))] = {"description": CHANGED}
    responses["200"]["headers"] = {**responses["200"].get("headers", {}), "ETag": ETAG}
    responses[str(int(HTTPStatus.NOT_MODIFIED))] = NOT_MODIFIED
