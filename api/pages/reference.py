"""`/docs`: the API by subject, and each operation with a form that sends a request."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

from apiflask import APIFlask
from flask import Response, current_app, make_response, render_template, request
from werkzeug import wrappers

from api.http import auth, inner_requests, sessions
from api.http.problems import found_or_404
from api.pages import operations
from api.pages.blueprint import bp
from api.pages.operations import Call, Operation

# Of an answer, as much as a person looks at; the curl line gets all of it.
SHOWN_CHARACTERS = 100_000
# The other headers are the same for every answer.
HEADERS = (
    *("Content-Type", "ETag", "Link", "Location", "Retry-After", "WWW-Authenticate"),
    *("Idempotency-Replayed", "X-Request-ID"),
)


@dataclass(frozen=True)
class Told:
    """The answer to a request that somebody has tried."""

    status: str
    headers: dict[str, str]
    body: str
    is_cut: bool


@bp.get("/docs")
@auth.page
@auth.open_to_all  # as /openapi.json is
def show_operations() -> str:
    """Return what the API can do, by subject."""
    subjects = groupby(_operations().values(), lambda operation: operation.subject)
    return render_template(
        "operations.html", subjects={name: list(found) for name, found in subjects}
    )


@bp.get("/docs/<operation_id>")
@auth.page
@auth.open_to_all
def show_operation(operation_id: str) -> str:
    """Return what an operation takes and answers, and the form that tries it."""
    operation = found_or_404(_operations().get(operation_id), "operation", operation_id)
    return _page(operation, operations.examples(operation))


@bp.post("/docs/<operation_id>")
@auth.page
@auth.open_to_all  # the API itself decides about the request that is tried
def try_operation(operation_id: str) -> Response:
    """Send the request that the form describes, for the person or with a token; return both."""
    operation = found_or_404(_operations().get(operation_id), "operation", operation_id)
    filled = request.form.to_dict()
    token = "".join(filled.pop("token", "").split())  # it may have been wrapped where it was copied
    wanted = operations.call(operation, filled)
    answer = inner_requests.send(wanted.method, wanted.target, wanted.headers, wanted.body, token)
    response = make_response(_page(operation, filled, _told(answer)))
    response.headers["Cache-Control"] = "no-store"  # it may have a new token in it
    return response


def _operations() -> dict[str, Operation]:
    """Return the operations of the document, which is made once and takes a second."""
    app = current_app
    assert isinstance(app, APIFlask)  # noqa: S101 (the one that is made in api.app)
    known: dict[str, Operation] | None = app.extensions.get("operations")
    if known is None:
        document = app.spec
        assert isinstance(document, dict)  # noqa: S101 (JSON)
        known = app.extensions["operations"] = operations.operations(document)
    return known


def _page(operation: Operation, filled: dict[str, str], told: Told | None = None) -> str:
    wanted: Call = operations.call(operation, filled)
    address = request.host_url.rstrip("/") + request.script_root
    return render_template(
        "operation.html",
        operation=operation,
        filled=filled,
        curl=wanted.curl(address, with_token=not operation.is_open),
        can_try=sessions.are_available(),
        told=told,
    )


def _told(response: wrappers.Response) -> Told:
    body = response.get_data(as_text=True)
    with suppress(ValueError):
        body = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    return Told(
        status=response.status,
        headers={name: response.headers[name] for name in HEADERS if name in response.headers},
        body=body[:SHOWN_CHARACTERS],
        is_cut=len(body) > SHOWN_CHARACTERS,
    )
