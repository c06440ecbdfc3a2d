"""The Gunicorn worker: threads like those of `gthread`, which slow clients cannot use up.

A thread of `gthread` waits for its client while the request arrives and while the response is
taken, and the main thread waits up to two seconds for a client to close. So as many slow clients as
there are threads stop the process. Here a thread that has to wait for its client is replaced
meanwhile, nothing is waited for longer than a timeout, and the main thread waits for nobody.
`docs/architecture.md` has the reasons.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from queue import SimpleQueue
from selectors import EVENT_READ
from threading import Lock, Thread
from typing import Any

from gunicorn import util
from gunicorn.http.errors import (
    ConfigurationProblem,
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    NoMoreData,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.http.message import Request
from gunicorn.workers.gthread import TConn, ThreadWorker
from uuid_utils.compat import uuid7

from api.http import problems
from api.logs import REQUEST_ID_HEADER

# How long a thread waits once for its client before it is replaced: many clients send the head and
# the body of a request one after the other. And how long it waits for the next request, as the way
# by the main thread costs more than most requests do themselves.
PATIENCE_MS = 1
# From the first byte of a request to the last of its body; shorter than the grace of a shutdown.
REQUEST_TIMEOUT_S = 15
# Until the client has taken a response.
RESPONSE_TIMEOUT_S = 30
# Until a new connection, which a browser may open in advance, sends its first byte.
SILENCE_TIMEOUT_S = 15
# How long, and how much, is still read of a refused request: a connection that is closed at once
# is reset, and the client may lose the response.
LINGER_S, LINGER_BYTES = 2, 2 * 1024 * 1024
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
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


class Threads(Executor):
    """Threads that work, a fixed number of them, and any number that wait for a client.

    A thread that begins to wait is replaced; once it goes on, one thread ends after its next job.
    """

    def __init__(self, working: int) -> None:
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = Lock()
        self._surplus = 0
        for _ in range(working):
            self._start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a function in one of the threads."""
        future: Future[Any] = Future()

        def job() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 (whoever asks for the result gets it)
                future.set_exception(error)

        self._jobs.put(job)
        return future

    def has_jobs(self) -> bool:
        """Return whether a job waits for a thread."""
        return not self._jobs.empty()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let another thread work while this one waits."""
        with self._lock:
            replaced = self._surplus > 0
            self._surplus -= replaced
        if not replaced:
            self._start()
        try:
            yield
        finally:
            with self._lock:
                self._surplus += 1

    def _start(self) -> None:
        # Daemons, so that no client that is waited for keeps the process from ending.
        Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            self._jobs.get()()
            with self._lock:
                if self._surplus:
                    self._surplus -= 1
                    return


class ClientSocket(socket.socket):
    """The connection of a client: whoever waits for the client lets another thread work."""

    def __init__(self, accepted: socket.socket, threads: Threads) -> None:
        super().__init__(fileno=accepted.detach())
        self._threads = threads
        # Until when, by the monotonic clock, more is waited for.
        self.deadline = 0.0
        self._patience_ms = PATIENCE_MS
        # Whether the client sends the body only if it is told to (Expect: 100-continue).
        self.expects_continue = False
        self._holds = False
        self._held = b""

    def settimeout(self, value: float | None, /) -> None:
        """Wait no longer than `value` seconds from now on; Gunicorn sets it before it closes."""
        if value is not None:
            self.deadline = time.monotonic() + value
            self._patience_ms = PATIENCE_MS

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Receive what there is, or wait for it. Raises NoMoreData after the deadline."""
        while True:
            try:
                return super().recv(size, flags | socket.MSG_DONTWAIT)
            except BlockingIOError:
                if self.expects_continue:
                    self.expects_continue = False
                    self._send(CONTINUE)
                self._await(select.POLLIN, self.deadline)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send everything. Raises NoMoreData if the client does not take it in time."""
        if self._holds:
            self._holds, self._held = False, bytes(data)
            return
        if self._held:
            data, self._held = self._held + data, b""
        self._send(data, flags)

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Send the first piece of a response, its head, together with what follows it."""
        self._holds = True
        try:
            yield
        finally:
            self._holds = False
            if self._held and self.fileno() >= 0:  # there was no body
                self.sendall(b"")

    def has_more(self) -> bool:
        """Return whether there is something to receive, soon."""
        poll = select.poll()
        poll.register(self, select.POLLIN)
        return bool(poll.poll(PATIENCE_MS))

    def _send(self, data: Any, flags: int = 0) -> None:
        deadline = time.monotonic() + RESPONSE_TIMEOUT_S
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self.send(rest, flags | socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                self._await(select.POLLOUT, deadline)

    def _await(self, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(self, event)
        patience_ms, self._patience_ms = self._patience_ms, 0
        if patience_ms and poll.poll(patience_ms):
            return
        remaining_s = deadline - time.monotonic()
        if remaining_s > 0:
            with self._threads.waiting():
                if poll.poll(remaining_s * 1000):
                    return
        # Gunicorn then closes the connection quietly, as if the client had done so.
        raise NoMoreData


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
    body = json.dumps(problems.described(status, detail, path or "", request_id)).encode()
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
