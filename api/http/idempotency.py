"""`Idempotency-Key`: a repeated POST gets the stored response of the first and changes nothing.

The response is committed in the same transaction as the write, so that there is always both or
neither. A request in progress holds a lock, not a row, so that nothing is left if its process dies.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, NoReturn

from apiflask import APIFlask, abort
from flask import Response, current_app, request
from flask.typing import ResponseReturnValue

from api.database import database
from api.domain import answers
from api.domain.answers import Answer
from api.domain.tokens import READ
from api.http.auth import API_PREFIX, lent, scopes_for
from api.http.headers import header
from api.http.problems import InvalidHeaderError

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
ACCEPTABLE_KEY = re.compile(r"[ -~]{1,255}")
RETRY_AFTER_S = 1
# Their responses contain a secret, which must not be stored.
SECRET = {f"{API_PREFIX}/tokens", f"{API_PREFIX}/subscriptions"}

PARAMETER = {
    **header(
        HEADER,
        "Repeating a request with the same key returns the first response, with"
        f" `{REPLAYED}: true`. The same key with a different body is answered with 422, and with"
        " 409 while the first request is in progress. Responses are kept for 24 hours; errors are"
        " not.",
        minLength=1,
        maxLength=255,
    ),
    "example": "0b0a6c2e-6f0d-4a53-9f0e-3a1d4c1f7a52",
}
RESPONSES = {
    HTTPStatus.CONFLICT: f"A request with this {HEADER} is in progress; retry after the seconds"
    " in Retry-After.",
    HTTPStatus.UNPROCESSABLE_ENTITY: f"The {HEADER} was used for a different request.",
}


class InFlight:
    """The keys of the requests in progress in this process.

    On PostgreSQL, an advisory lock covers other processes too; this one saves its round trip.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[str] = set()

    @contextmanager
    def claim(self, key_hash: str) -> Iterator[None]:
        """Claim a key while its request is handled; abort with 409 if it is in progress."""
        with self._lock:
            if key_hash in self._keys:
                _abort_in_flight()
            self._keys.add(key_hash)
        try:
            yield
        finally:
            with self._lock:
                self._keys.discard(key_hash)


def init_app(app: APIFlask) -> None:
    """Prepare the application for the header; `answer_once` applies it."""
    app.extensions["idempotency"] = InFlight()


def applies(method: str, path: str) -> bool:
    """Return whether a route accepts the header."""
    return method.upper() == "POST" and path.startswith(f"{API_PREFIX}/") and path not in SECRET


def describe(operation: dict[str, Any]) -> None:
    """Add the header and its responses to the OpenAPI description of an operation."""
    operation["parameters"].append(PARAMETER)
    for status, description in RESPONSES.items():
        response = operation["responses"].setdefault(str(int(status)), {})
        present = response.get("description")
        sentence = f"{present.rstrip('.')}. " if present else ""
        response["description"] = sentence + description


def identified_by[View: Callable[..., Any]](
    matches: Callable[[str], bool],
) -> Callable[[View], View]:
    """Distinguish the requests for a route by the headers whose lower-case name `matches`."""

    def mark(view: View) -> View:
        view.identifies = matches  # type: ignore[attr-defined]
        return view

    return mark


def answer_once(view: Callable[[], ResponseReturnValue]) -> ResponseReturnValue:
    """Return the stored response for the current request, or call the view and store its response.

    The view writes in the transaction that stores the response; an exception rolls both back. What
    the scope `read` allows changes nothing, so that its response need not be stored.
    """
    rule = str(request.url_rule) if request.url_rule else ""
    if not applies(request.method, rule) or HEADER not in request.headers:
        return view()
    key_hash = _key_hash()
    route = current_app.view_functions[str(request.endpoint)]
    if READ in scopes_for(route, request.method):
        return view()
    body_hash = _request_hash(getattr(route, "identifies", lambda _: False))
    in_flight: InFlight = current_app.extensions["idempotency"]
    with in_flight.claim(key_hash), database().write() as connection:
        if not answers.lock(connection, key_hash):
            _abort_in_flight()
        stored = answers.find(connection, key_hash)
        if stored is not None:
            return _replay(stored, body_hash)
        response = current_app.make_response(view())
        if HTTPStatus(response.status_code).is_success:
            answers.store(connection, key_hash, _answer(response, body_hash))
        return response


def _key_hash() -> str:
    # Whitespace around a field value is not part of it (RFC 9110, section 5.5).
    key = request.headers[HEADER].strip(" \t")
    if not ACCEPTABLE_KEY.fullmatch(key):
        raise InvalidHeaderError(HEADER, "must be 1 to 255 printable ASCII characters")
    # A page that sends the request for somebody who signed in has no credentials to send.
    person = lent()
    who = person.id if person else request.headers.get("Authorization", "")
    caller = hashlib.sha256(who.encode()).hexdigest()
    # None of the parts before the key can contain a line feed.
    scope = "\n".join((caller, request.method, request.path.replace("\n", "%0A"), key))
    return hashlib.sha256(scope.encode()).hexdigest()


def _request_hash(identifies: Callable[[str], bool]) -> str:
    """Hash the query string, the body, and the headers that identify the request."""
    body: bytes = request.raw_body()  # type: ignore[attr-defined]
    found = hashlib.sha256(request.query_string + b"\n" + body)
    for name, value in sorted((name.lower(), value) for name, value in request.headers.items()):
        if identifies(name):
            found.update(f"\n{name}: {value}".encode())
    return found.hexdigest()


def _answer(response: Response, body_hash: str) -> Answer:
    headers = [pair for pair in response.headers.items() if pair[0] != "Content-Length"]
    return Answer(body_hash, response.status_code, headers, response.get_data(as_text=True))


def _replay(stored: Answer, body_hash: str) -> Response:
    if stored.body_hash != body_hash:
        raise InvalidHeaderError(HEADER, "was used for a different request; use a new one")
    response = Response(stored.body, stored.status)
    response.headers.clear()
    response.headers.extend([*stored.headers, (REPLAYED, "true")])
    response.headers["Content-Length"] = str(len(response.get_data()))
    return response


def _abort_in_flight() -> NoReturn:
    abort(
        HTTPStatus.CONFLICT,
        f"A request with this {HEADER} is in progress; try again in a moment.",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )
