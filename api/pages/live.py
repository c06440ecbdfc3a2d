"""Pages that are asked for again and again: what has not changed is not made again.

The ETag of a page is a hash of its content. This process remembers in which state of the database,
and in which minute, a page had its ETag; while both are the same, so is the page.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from http import HTTPStatus

from apiflask import APIFlask
from flask import Response, current_app, g, request

from api.database import database
from api.domain.kit.times import this_minute
from api.http import auth, sessions
from api.http.etags import CACHED
from api.pages.blueprint import bp

# The pages that are remembered; one takes about 500 bytes.
MOST = 1000
Key = tuple[object, ...]


class Memory:
    """The ETags of the pages that were asked for last, and what they were made of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Key, tuple[Key, str]] = OrderedDict()

    def etag(self, page: Key, state: Key) -> str | None:
        """Return the ETag that a page has in a state, or None if that is not known."""
        with self._lock:
            known, etag = self._known.get(page, (None, None))
        return etag if known == state else None

    def keep(self, page: Key, state: Key, etag: str) -> None:
        """Remember the ETag of a page in a state."""
        with self._lock:
            self._known[page] = state, etag
            self._known.move_to_end(page)
            if len(self._known) > MOST:
                self._known.popitem(last=False)


def init_app(app: APIFlask) -> None:
    """Answer for pages that have not changed; call it after what authorizes, before `etags`."""
    app.extensions["live_pages"] = Memory()
    app.before_request(_unchanged)
    app.after_request(_remember)


def _unchanged() -> Response | None:
    """Return 304 if the page that the client has is still the same, as far as is remembered."""
    if request.method != "GET" or request.blueprint != bp.name or not request.if_none_match:
        return None
    state = database().state()
    if state is None:
        return None
    # Before anything is read: what is written meanwhile makes another state.
    page, moment = g.live_page = _page(), (state, this_minute())
    etag = _memory().etag(page, moment)
    if etag is None or not request.if_none_match.contains_weak(etag):
        return None
    response = Response(status=HTTPStatus.NOT_MODIFIED)
    response.set_etag(etag)
    response.headers["Cache-Control"] = CACHED
    return response


def _remember(response: Response) -> Response:
    etag, _ = response.get_etag()
    if "live_page" in g and etag and response.status_code in (200, 304):
        page, state = g.live_page
        _memory().keep(page, state, etag)
    return response


def _page() -> Key:
    """Return what a page depends on beside the database: its URL, and who looks at it."""
    return request.endpoint, request.url, getattr(auth.caller(), "id", None), sessions.form_token()


def _memory() -> Memory:
    memory: Memory = current_app.extensions["live_pages"]
    return memory
