"""Answers that are asked for again and again: what has not changed is not made again.

The ETag of an answer is a hash of its content. This process remembers in which state of the
database an answer had its ETag; while that is the same, so is the answer. It is so for pages, whose
words also depend on the minute, and for the routes of the API that say so.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from apiflask import APIFlask
from flask import Response, current_app, g, request

from api.database import database
from api.domain.kit import snapshots
from api.domain.kit.times import this_minute
from api.http import auth, sessions
from api.http.auth.guards import marked
from api.http.etags import CACHED

# The answers that are remembered; one takes about 500 bytes.
MOST = 1000
# Where an answer may be in the path, and the query.
PLACE = "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"
Key = tuple[object, ...]


class Memory:
    """The ETags of the answers that were asked for last, and what they were made of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Key, tuple[Key, str]] = OrderedDict()

    def etag(self, subject: Key, state: Key) -> str | None:
        """Return the ETag that an answer has in a state, or None if that is not known."""
        with self._lock:
            known, etag = self._known.get(subject, (None, None))
        return etag if known == state else None

    def keep(self, subject: Key, state: Key, etag: str) -> None:
        """Remember the ETag of an answer in a state."""
        with self._lock:
            self._known[subject] = state, etag
            self._known.move_to_end(subject)
            if len(self._known) > MOST:
                self._known.popitem(last=False)


def init_app(app: APIFlask) -> None:
    """Answer for what has not changed; call it after what authorizes, before `etags`."""
    app.extensions["unchanged"] = Memory()
    app.before_request(_unchanged)
    app.after_request(_remember)


def while_nothing_is_written[View: Callable[..., Any]](view: View) -> View:
    """Mark a route whose answer stays the same as long as nothing is written.

    So it depends on the URL and on the database, and neither on the caller nor on the time.
    """
    view.settled = True  # type: ignore[attr-defined]
    return view


def _unchanged() -> Response | None:
    """Return 304 if the answer that the client has is still the same, as far as is remembered."""
    given = request.environ
    if request.method != "GET" or "HTTP_IF_NONE_MATCH" not in given or "HTTP_IF_MATCH" in given:
        return None
    subject = _subject()
    state = None if subject is None else _state()
    if subject is None or state is None:
        return None
    # Before anything is read: what is written meanwhile makes another state.
    moment = (state,) if marked("settled") else (state, this_minute())
    g.unchanged = subject, moment
    etag = _memory().etag(subject, moment)
    if etag is None or not request.if_none_match.contains_weak(etag):
        return None
    response = Response(status=HTTPStatus.NOT_MODIFIED)
    response.set_etag(etag)
    response.headers["Cache-Control"] = CACHED
    return response


def _remember(response: Response) -> Response:
    if "unchanged" in g and response.status_code in (200, 304):
        etag, _ = response.get_etag()
        if etag:
            subject, moment = g.unchanged
            _memory().keep(subject, moment, etag)
    return response


def _state() -> str | None:
    """Return a text that is another one once anything has been written; None if in doubt."""
    found = database()
    if found.settings.embedded:
        return found.written()
    with found.read() as connection:
        return snapshots.visible(connection)


def _subject() -> Key | None:
    """Return what an answer depends on beside the database and the time, or None to make it.

    That is its URL and, for a page, who looks at it.
    """
    if marked("settled"):
        return tuple(request.environ.get(part) for part in PLACE)
    if marked("page"):
        who = getattr(auth.caller(), "id", None)
        return request.endpoint, request.url, who, sessions.form_token()
    return None


def _memory() -> Memory:
    memory: Memory = current_app.extensions["unchanged"]
    return memory
