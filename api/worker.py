"""The Gunicorn worker: threads like those of `gthread`, which slow clients cannot use up.

A thread of `gthread` waits for its client while the request arrives and while the response is
taken, and the main thread waits up to two seconds for a client to close. So as many slow clients as
there are threads stop the process. Here a thread that has to wait for its client is replaced
meanwhile, nothing is waited for longer than a timeout, and the main thread waits for nobody.
`docs/architecture.md` has the reasons.
"""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ
from typing import Any

from gunicorn import util
from gunicorn.http.errors import (
    ConfigurationProblem,
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.http.message import Request
from gunicorn.workers.gthread import TConn, ThreadWorker
from uuid_utils.compat import uuid7

from api.clients import ClientSocket, Threads
from api.http import problems
from api.logs import REQUEST_ID_HEADER

# From the first byte of a request to the last of its body; shorter than the grace of a shutdown.
REQUEST_TIMEOUT_S = 15
# Until a new connection, which a browser may open in advance, sends its first byte.
SILENCE_TIMEOUT_S = 15
# How long, and how much, is still read of a refused request: a connection that is closed at once
# is reset, and the client may lose the response.
LINGER_S, LINGER_BYTES = 2, 2 * 1024 * 1024
# The detail of a request that cannot be parsed may quote it.
MAX_DETAIL = 200

# The errors of a response; all others are errors of a request, and 400 unless listed below.
OUR_FAULTS = (InvalidResponseHeader, InvalidResponseHeaderName, ConfigurationProblem)
STATUSES = {
    ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}


class Worker(ThreadWorker):  # type: ignore[misc]  # Gunicorn has no types
    """A threaded worker that waits for clients without holding up others."""

    def get_thread_pool(self) -> Threads:
        """Return the threads that handle requests."""
        return Threads(self.cfg.threads)

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection, and wait for its first byte without a thread."""
        try:
            accepted, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        client = ClientSocket(accepted, self.tpool)
        connection = TConn(self.cfg, client, address, listener.getsockname())
        connection.timeout = time.monotonic() + SILENCE_TIMEOUT_S
        self.nr_conns += 1
        self.pending_conns.append(connection)
        readable = partial(self.on_pending_socket_readable, connection)
        self.poller.register(client, EVENT_READ, readable)

    def handle(self, conn: TConn) -> Any:
        """Handle a request and those that follow it at once, unless others wait for a thread.

        Closes the connection unless it is kept alive.
        """
        kept = self._handle_one(conn)
        while kept and self.alive and not self.tpool.has_jobs() and conn.sock.has_more():
            kept = self._handle_one(conn)
        if not kept:  # here and not in the main thread, which would wait for the client
            util.close_graceful(conn.sock, LINGER_S, LINGER_BYTES)
        return kept

    def _handle_one(self, conn: TConn) -> Any:
        conn.sock.settimeout(REQUEST_TIMEOUT_S)
        return super().handle(conn)

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Keep the connection for its next request, unless it is closed already."""
        if conn.sock.fileno() < 0:
            self.nr_conns -= 1
        else:
            super().finish_request(conn, fs)

    def handle_request(self, req: Request, conn: TConn) -> bool:
        """Answer a request, and say whether its connection is closed only then.

        It is if the body was not read, because the request was refused, or if the worker stops.
        """
        conn.sock.expects_continue = req._expected_100_continue
        req._expected_100_continue = False
        asked_to_close = req.should_close
        req.should_close = lambda: asked_to_close() or _is_unread(req) or not self.alive
        with conn.sock.joined():
            return bool(super().handle_request(req, conn))

    def handle_error(
        self, req: Request | None, client: socket.socket, addr: Any, exc: Exception
    ) -> None:
        """Answer a request that cannot be parsed with a problem document."""
        refused = isinstance(exc, ParseException) and not isinstance(exc, OUR_FAULTS)
        address = addr[0] if addr else "a local socket"
        if refused:
            status, detail = STATUSES.get(type(exc), HTTPStatus.BAD_REQUEST), str(exc)
            self.log.warning("Refused a request of %s: %s", address, type(exc).__name__)
        else:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            detail = status.description
            self.log.exception("Error handling a request of %s", address)
        try:
            util.write(client, _problem(status, detail[:MAX_DETAIL], getattr(req, "path", None)))
        except OSError:
            self.log.debug("The client is gone.")

    def _cap_keepalive(self, deadline: float) -> None:
        """Close connections that have sent nothing by `deadline`, too, when the worker stops."""
        super()._cap_keepalive(deadline)
        for connection in self.pending_conns:
            connection.timeout = min(connection.timeout, deadline)


def _problem(status: HTTPStatus, detail: str, path: str | None) -> bytes:
    request_id = str(uuid7())
    body = json.dumps(
        problems.described(status, detail, (path or "")[: problems.MAX_POINTER], request_id)
    ).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {problems.MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        f"{REQUEST_ID_HEADER}: {request_id}",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + body


def _is_unread(request: Request) -> bool:
    """Return whether a part of the body has not been read from the connection."""
    reader = request.body.reader
    return bool(getattr(reader, "length", 0) or getattr(reader, "parser", None))
