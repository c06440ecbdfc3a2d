"""Error responses: every error is a problem document (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import quote

import structlog
from apiflask import APIFlask, abort
from apiflask.exceptions import HTTPError
from flask import Response, jsonify, request
from pydantic import Field, ValidationError
from werkzeug.exceptions import HTTPException

from api.domain.kit.errors import ContradictionError
from api.domain.kit.models import Model
from api.logs import request_id
from api.outages import UnavailableError

MEDIA_TYPE = "application/problem+json"
# A large batch can have very many faults; only the first ones are reported.
MAX_FAULTS = 20
MAX_POINTER = 200
# What the path and the fragment of a URI may have unescaped (RFC 3986, sections 3.3 and 3.5).
IN_PATHS = "/:@!$&'()*+,;="
IN_FRAGMENTS = f"{IN_PATHS}?"
# When to send a request again that an outage has failed.
RETRY_AFTER_S = "5"

# What Pydantic adds to the place of a name that is not valid, and no body has.
OF_KEY = "[key]"
# Clearer wordings of some of Pydantic's messages.
MESSAGES = {
    "extra_forbidden": "is not known",
    "missing": "is missing",
    "model_type": "must be a JSON object",
}

log = structlog.get_logger()


class Fault(Model):
    """One fault of a request: its place and what is wrong."""

    pointer: str | None = Field(
        default=None,
        description="The place in the body, as a JSON pointer in a URI fragment (RFC 6901).",
    )
    parameter: str | None = Field(
        default=None, description="The name of the query or path parameter."
    )
    header: str | None = Field(default=None, description="The name of the header.")
    detail: str = Field(description="What is wrong.", examples=["is missing"])


class Problem(Model):
    """A problem document (RFC 9457)."""

    type: str = Field(
        description="Always about:blank: the status is the kind of problem.",
        examples=["about:blank"],
    )
    title: str = Field(
        description="The phrase of the HTTP status.", examples=["Unprocessable Content"]
    )
    status: int = Field(description="The HTTP status.")
    detail: str = Field(
        description="What went wrong, and what to do.", examples=["1 value sent is not valid."]
    )
    instance: str = Field(
        description="The requested path, as in its URI.", examples=["/api/v1/deployments"]
    )
    request_id: str = Field(
        description="The id of the request, which is also in the logs.",
        examples=["01a204c4-730e-7622-a173-03375e59d4e7"],
    )
    errors: list[Fault] = Field(default=[], description="The faults of an invalid request.")


class InvalidQueryError(HTTPError):
    """Query parameters are not valid; answered with 422."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(extra_data={"errors": errors})


class InvalidParameterError(InvalidQueryError):
    """A query parameter is not valid; answered with 422."""

    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__([{"parameter": parameter, "detail": detail}])


class InvalidBodyError(HTTPError):
    """A value in the body is not valid; answered with 422."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(extra_data={"errors": [{"pointer": f"#{pointer}", "detail": detail}]})


class InvalidHeaderError(HTTPError):
    """A header is not valid; answered with 422."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, header: str, detail: str) -> None:
        super().__init__(extra_data={"errors": [{"header": header, "detail": detail}]})


def init_app(app: APIFlask) -> None:
    """Turn every error of the application into a problem document."""
    app.error_processor(_from_api_error)
    # Replaces APIFlask's own handler, which drops the description.
    app.register_error_handler(HTTPException, _from_http_exception)
    app.register_error_handler(UnavailableError, _from_outage)


def found_or_404[Found](found: Found | None, kind: str, name: object) -> Found:
    """Return what was found of this name or id; abort with 404 if that is None."""
    if found is None:
        abort_unknown(kind, name)
    return found


def abort_unknown(kind: str, name: object) -> NoReturn:
    """Abort with 404, because there is nothing of this name or id."""
    abort(HTTPStatus.NOT_FOUND, f"There is no {kind} {name}.")


def abort_with_faults(error: ContradictionError) -> NoReturn:
    """Abort with 409 and the first of the values that contradict what was reported before."""
    faults = [
        {"pointer": f"#{fault.pointer}", "detail": fault.detail}
        for fault in error.faults[:MAX_FAULTS]
    ]
    abort(HTTPStatus.CONFLICT, str(error), extra_data={"errors": faults})


def document(
    status: int, detail: str, errors: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    """Return a problem document for the current request."""
    faults = {"errors": [_escaped(fault) for fault in errors]} if errors else {}
    path = quote(request.path[:MAX_POINTER], safe=IN_PATHS)
    return described(status, detail, path, request_id()) | faults


def response(status: int, detail: str) -> Response:
    """Return a problem document as the response to the current request."""
    made = jsonify(document(status, detail))
    made.status_code, made.content_type = status, MEDIA_TYPE
    return made


def described(status: int, detail: str, path: str, identity: str) -> dict[str, Any]:
    """Return a problem document for a request with this path, as in its URI, and this id."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": path,
        "request_id": identity,
    }


def _escaped(fault: dict[str, str]) -> dict[str, str]:
    """Return a fault whose pointer is a fragment of a URI, whatever its names consist of."""
    if "pointer" not in fault:
        return fault
    place = fault["pointer"].removeprefix("#")
    return {**fault, "pointer": f"#{quote(place, safe=IN_FRAGMENTS, errors='replace')}"}


def _from_api_error(error: HTTPError) -> tuple[dict[str, Any], int, dict[str, Any]]:
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        errors = faults(cause, in_body="json" in error.detail)
    else:
        errors = error.extra_data.get("errors", [])
    if errors and error.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
        number = f"{len(errors)} values sent are" if len(errors) > 1 else "1 value sent is"
        detail = f"{number} not valid."
    else:
        detail = str(error.message)
    headers = {**dict(error.headers), "Content-Type": MEDIA_TYPE}
    return document(error.status_code, detail, errors), error.status_code, headers


def _from_http_exception(error: HTTPException) -> tuple[dict[str, Any], int, dict[str, Any]]:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    headers = {**dict(error.get_headers()), "Content-Type": MEDIA_TYPE}
    return document(status, error.description or HTTPStatus(status).description), status, headers


def _from_outage(error: UnavailableError) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Ask the caller to retry.

    The answer does not claim that nothing was stored: the connection may have been lost just after
    the commit. The log has the reason, which may name hosts and users.
    """
    log.error("database unavailable", error=str(error))
    detail = f"{error.outage.capitalize()}; try again in a few seconds."
    headers = {"Content-Type": MEDIA_TYPE, "Retry-After": RETRY_AFTER_S}
    return document(HTTPStatus.SERVICE_UNAVAILABLE, detail), HTTPStatus.SERVICE_UNAVAILABLE, headers


def faults(error: ValidationError, *, in_body: bool) -> list[dict[str, str]]:
    """Convert Pydantic's errors to faults with a pointer, or a parameter if not `in_body`.

    Returns at most MAX_FAULTS.
    """
    found = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        place = fault["loc"]
        if place[-1:] == (OF_KEY,) and fault["type"] != "extra_forbidden":
            place = place[:-1]
        steps = [str(step).replace("~", "~0").replace("/", "~1") for step in place]
        where = "#" + "".join(f"/{step}" for step in steps) if in_body else "".join(steps)
        message = MESSAGES.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
        key = "pointer" if in_body else "parameter"
        found.append({key: where[:MAX_POINTER], "detail": message})
        if len(found) == MAX_FAULTS:
            break
    return found
