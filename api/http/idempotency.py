"""`Idempotency-Key`: a POST that is sent again gets the answer it had, and changes nothing.

The answer is committed in the transaction of the write that it tells of, so that there is always
both or neither. A request under way is a lock, which ends with its process; never a row.
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
from api.http.auth import API_PREFIX
from api.http.problems import InvalidHeaderError

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
ACCEPTABLE_KEY = re.compile(r"[ -~]{1,255}")
RETRY_AFTER_S = 1
# Their answers hold a secret, which is told once.
SECRET = {f"{API_PREFIX}/tokens", f"{API_PREFIX}/subscriptions"}

PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Send the same request with the same key again, and it gets the answer it had,"
    f" with `{REPLAYED}: true`; the same key with another body is 422, and 409 while the first"
    " request is under way. Kept for 24 hours; errors are not kept.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "example": "0b0a6c2e-6f0d-4a53-9f0e-3a1d4c1f7a52",
}
RESPONSES = {
    HTTPStatus.CONFLICT: f"A request with this {HEADER} is under way; Retry-After says when"
    " to try again.",
    HTTPStatus.UNPROCESSABLE_ENTITY: f"The {HEADER} was used for another request.",
}


class InFlight:
    """The keys that this process is answering.

    On PostgreSQL a lock there keeps other processes out too; this one spares it the retries.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[str] = set()

    @contextmanager
    def claim(self, key_hash: str) -> Iterator[None]:
        """Answer this key alone, or abort with 409."""
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
    """Apply to every POST of the API."""
    app.extensions["idempotency"] = InFlight()


def applies(method: str, path: str) -> bool:
    """Say whether a route takes the header."""
    return method.upper() == "POST" and path.startswith(f"{API_PREFIX}/") and path not in SECRET


def describe(operation: dict[str, Any]) -> None:
    """Add the header and what it may lead to, to the description of an operation that takes it."""
    operation["parameters"].append(PARAMETER)
    for status, description in RESPONSES.items():
        known = operation["responses"].setdefault(str(int(status)), {})
        said = known.get("description")
        known["description"] = f"{said.rstrip('.')}. {description}" if said else description


def answer_once(view: Callable[[], ResponseReturnValue]) -> ResponseReturnValue:
    """Return the stored answer of the current request, or the view's, which is then stored.

    What the view writes joins the transaction in which its answer is stored. An exception rolls
    both back.
    """
    rule = str(request.url_rule) if request.url_rule else ""
    if not applies(request.method, rule) or HEADER not in request.headers:
        return view()
    key_hash, body_hash = _key_hash(), _body_hash()
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
    # What stands around a field's value is no part of it (RFC 9110, section 5.5).
    key = request.headers[HEADER].strip(" \t")
    if not ACCEPTABLE_KEY.fullmatch(key):
        raise InvalidHeaderError(HEADER, "must be 1 to 255 printable ASCII characters")
    caller = hashlib.sha256(request.headers.get("Authorization", "").encode()).hexdigest()
    # None of the parts before the key can hold a line feed.
    scope = "\n".join((caller, request.method, request.path.replace("\n", "%0A"), key))
    return hashlib.sha256(scope.encode()).hexdigest()


def _body_hash() -> str:
    """Return the hash of all that the request says, its query included."""
    return hashlib.sha256(request.query_string + b"\n" + request.get_data()).hexdigest()


def _answer(response: Response, body_hash: str) -> Answer:
    headers = [pair for pair in response.headers.items() if pair[0] != "Content-Length"]
    return Answer(body_hash, response.status_code, headers, response.get_data(as_text=True))


def _replay(stored: Answer, body_hash: str) -> Response:
    if stored.body_hash != body_hash:
        raise InvalidHeaderError(HEADER, "was used for another request; take a new one")
    response = Response(stored.body, stored.status)
    response.headers.clear()
    response.headers.extend([*stored.headers, (REPLAYED, "true")])
    response.headers["Content-Length"] = str(len(response.get_data()))
    return response


def _abort_in_flight() -> NoReturn:
    abort(
        HTTPStatus.CONFLICT,
        f"A request with this {HEADER} is under way: try again in a moment.",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )
