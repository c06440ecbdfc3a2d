"""Strict requests: unambiguous JSON, and no query parameter that the route does not read."""

from __future__ import annotations

import json
from typing import Any

from apiflask import APIFlask, abort
from flask import Request, current_app, request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from api.domain.kit import strictjson
from api.domain.kit.strictjson import AmbiguousJsonError
from api.http.problems import MAX_FAULTS, MAX_POINTER, InvalidQueryError


class StrictRequest(Request):
    """A request whose body is JSON, says so, and says everything once."""

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:  # noqa: ARG002
        """Return the parsed body.

        Raises UnsupportedMediaType for another media type, RequestEntityTooLarge for too long a
        body, and BadRequest for what is not JSON (RFC 8259), an object with the same key twice, or
        NaN and Infinity, which are no numbers.
        """
        if not self.is_json:
            raise UnsupportedMediaType(
                "Send the body as JSON, with the header Content-Type: application/json."
            )
        try:
            body = strictjson.loads(self.raw_body(cache=cache).decode())
        except UnicodeDecodeError as error:
            raise BadRequest("The body is not UTF-8.") from error
        except json.JSONDecodeError as error:
            raise BadRequest(
                f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
            ) from error
        except RecursionError as error:
            raise BadRequest("The body is nested too deeply.") from error
        except AmbiguousJsonError as error:
            fault = {"pointer": f"#{error.pointer}"[:MAX_POINTER], "detail": str(error)}
            abort(400, f"The body is not JSON: {error}.", extra_data={"errors": [fault]})
        except ValueError as error:
            raise BadRequest(f"The body is not JSON: {error}.") from error
        if body is None:  # APIFlask would take it for an empty object
            raise BadRequest("The body is null.")
        return body

    def raw_body(self, *, cache: bool = True) -> bytes:
        """Return the body as it was sent. Raises RequestEntityTooLarge."""
        limit = self.max_content_length or 0
        too_large = RequestEntityTooLarge(f"The body is larger than {limit} bytes.")
        try:
            body = self.get_data(cache=cache)
        except RequestEntityTooLarge as error:
            raise too_large from error
        # Werkzeug cuts a chunked body off at the limit without a word.
        if self.content_length is None and len(body) >= limit:
            raise too_large
        return body


def init_app(app: APIFlask) -> None:
    """Look at the query of each request before its route does."""
    app.before_request(_check_query)


def _check_query() -> None:
    """Refuse a parameter that the route does not know, and one that is given twice."""
    if request.routing_exception is not None:  # no such route, or not with this method
        return
    view = current_app.view_functions[str(request.endpoint)]
    inputs = getattr(view, "_spec", {}).get("args", [])
    known = any(location == "query" for _, location, *_ in inputs)  # then its model decides
    errors = [
        {"parameter": name[:MAX_POINTER], "detail": "is given twice" if known else "is not known"}
        for name, values in request.args.lists()
        if not known or len(values) > 1
    ]
    if errors:
        raise InvalidQueryError(errors[:MAX_FAULTS])
