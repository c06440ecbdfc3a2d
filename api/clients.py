"""The connections of clients, and the threads that work for them: who waits holds up nobody."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

from gunicorn.http.errors import NoMoreData

# How long a thread waits once for its client before it is replaced: many clients send the head and
# the body of a request one after the other. And how long it waits for the next request, as the way
# by the main thread costs more than most requests do themselves.
PATIENCE_MS = 1
# Until the client has taken a response.
RESPONSE_TIMEOUT_S = 30
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


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
