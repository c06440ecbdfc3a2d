"""Strict request parsing: unambiguous JSON bodies and only known query parameters."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from apiflask import APIFlask, abort
from flask import Request, current_app, request
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    HTTPException,
    RequestEntityTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)

from api.domain.kit import strictjson
from api.domain.kit.strictjson import AmbiguousJsonError
from api.http.problems import MAX_FAULTS, MAX_POINTER, InvalidQueryError

MIB = 1024 * 1024
BYTE_ORDER_MARK = "\ufeff"
NOT_COMPRESSED = "identity"
MAX_BODY_BYTES = MIB
# Twice as much for each report of a list as one with every field takes.
MAX_LIST_BYTES = 2 * MIB


def takes_lists[View: Callable[..., Any]](view: View) -> View:
    """Let the body of a route have MAX_LIST_BYTES."""
    view.largest_body = MAX_LIST_BYTES  # type: ignore[attr-defined]
    return view


def largest_body(view: object) -> int:
    """Return how many bytes the body of a request for a view may have."""
    return getattr(view, "largest_body", MAX_BODY_BYTES)


def parsed(text: str) -> Any:
    """Return the value of a body that is JSON; it is not null, which APIFlask takes for `{}`.

    Raises BadRequest if it is not, and says what a parser would have to guess.
    """
    if text.startswith(BYTE_ORDER_MARK):
        raise BadRequest("The body is not JSON: it begins with a byte order mark. Send it without.")
    try:
        body = strictjson.loads(text)
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
    if body is None:
        raise BadRequest("The body is null.")
    return body


class StrictRequest(Request):
    """A request that accepts only unambiguous JSON with the right Content-Type."""

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:  # noqa: ARG002
        """Return the parsed body, with `force` whatever its media type.

        Raises UnsupportedMediaType for another media type, RequestEntityTooLarge if the body is too
        large, and BadRequest if it is not JSON (RFC 8259), has a duplicate key, NaN or Infinity, or
        is null. Aborts with 415 if it is compressed.
        """
        if not force:
            self._check_media_type()
        try:
            text = self.raw_body(cache=cache).decode()
        except UnicodeDecodeError as error:
            self._check_encoding()
            raise BadRequest("The body is not UTF-8.") from error
        return parsed(text)

    def raw_body(self, *, cache: bool = True) -> bytes:
        """Return the body's bytes.

        Raises UnsupportedMediaType and RequestEntityTooLarge before anything is read if that is
        possible, RequestTimeout if the body does not arrive, and BadRequest if the server cannot
        tell where it ends.
        """
        view = current_app.view_functions[str(self.endpoint)]
        if "body" in getattr(view, "_spec", {}):  # of one media type
            self._check_media_type()
        limit = self.max_content_length = largest_body(view)
        too_large = RequestEntityTooLarge(f"The body is larger than {limit} bytes.")
        try:
            body = self.get_data(cache=cache)
        except RequestEntityTooLarge as error:
            raise too_large from error
        except (ClientDisconnected, OSError) as error:  # or the server waits for it no longer
            raise RequestTimeout("The body did not arrive in time.") from error
        except HTTPException:
            raise
        except Exception as error:  # each server has its own, such as Gunicorn's InvalidChunkSize
            raise BadRequest("The body cannot be read: a chunk of it is malformed.") from error
        # Werkzeug silently truncates a chunked body at the limit.
        if self.content_length is None and len(body) >= limit:
            raise too_large
        return body

    def _check_encoding(self) -> None:
        """Abort with 415 and what is taken instead (RFC 9110, section 15.5.16)."""
        encoding = self.headers.get("Content-Encoding", NOT_COMPRESSED)
        if encoding.strip().lower() not in ("", NOT_COMPRESSED):
            detail = "The body is encoded: send it as it is, without Content-Encoding."
            abort(415, detail, headers={"Accept-Encoding": NOT_COMPRESSED})

    def _check_media_type(self) -> None:
        if not self.is_json:
            raise UnsupportedMediaType(
                "Send the body as JSON, with the header Content-Type: application/json."
            )


def init_app(app: APIFlask) -> None:
    """Check the query of each request before its route runs."""
    app.before_request(_check_query)


def _check_query() -> None:
    """Reject unknown and repeated query parameters."""
    if request.routing_exception is not None:  # an unknown path or method
        return
    view = current_app.view_functions[str(request.endpoint)]
    inputs = getattr(view, "_spec", {}).get("args", [])
    has_model = any(location == "query" for _, location, *_ in inputs)  # it rejects unknown ones
    errors = [
        {"parameter": name[:MAX_POINTER], "detail": "is repeated" if has_model else "is not known"}
        for name, values in request.args.lists()
        if not has_model or len(values) > 1
    ]
    if errors:
        raise InvalidQueryError(errors[:MAX_FAULTS])
