"""Steady requests through the ingress, each one counted, while something else happens."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

DEPLOYMENTS = "/api/v1/deployments"


@dataclass
class Load:
    """Reads and writes at a steady pace, over connections that are kept; use it in a with-block.

    Every answer that is not a success, and every connection that breaks, is a failure: nothing is
    tried again. It ends by itself after `limit` seconds. `explain` is asked what the servers' logs
    say of a request that failed, at once: their pods may be gone a second later.
    """

    url: str
    host: str
    per_second: float = 100
    threads: int = 5
    limit: float = 600
    token: str | None = None
    explain: Callable[[str], str] | None = None
    requests: int = 0
    failures: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._workers = [
            threading.Thread(target=self._work, args=[number]) for number in range(self.threads)
        ]

    def __enter__(self) -> Self:
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for worker in self._workers:
            worker.join()

    def reach(self, requests: int) -> None:
        """Wait until so many requests were made."""
        while self.requests < requests and any(worker.is_alive() for worker in self._workers):
            time.sleep(0.2)

    def _work(self, number: int) -> None:
        address = urlsplit(self.url).netloc
        connection = http.client.HTTPConnection(address, timeout=10)
        pace = self.threads / self.per_second
        started = time.monotonic()
        for turn in itertools.count():
            if self._stop.is_set() or time.monotonic() - started > self.limit:
                break
            try:
                self._ask(connection, number, turn)
            except (OSError, http.client.HTTPException) as error:
                self._count(f"{type(error).__name__}: {error}")
                connection.close()
            self._stop.wait(max(0, started + (turn + 1) * pace - time.monotonic()))
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, number: int, turn: int) -> None:
        """Write once in four requests, read otherwise."""
        headers = {"Host": self.host}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if turn % 4:
            path = "/api/v1/matrix" if turn % 2 else f"{DEPLOYMENTS}?limit=20"
            connection.request("GET", path, headers=headers)
        else:
            document = {"service": f"load-{number}", "environment": "e2e", "version": f"{turn}"}
            headers["Content-Type"] = "application/json"
            connection.request("POST", DEPLOYMENTS, json.dumps(document), headers)
        response = connection.getresponse()
        body = response.read()
        if response.status not in (200, 201):
            known = response.headers.get("X-Request-ID")
            logs = self.explain(known) if self.explain and known else ""
            self._count(f"{response.status}: {body[:600]!r} {logs}")
            return
        self._count(None, json.loads(body)["id"] if response.status == 201 else None)

    def _count(self, failure: str | None, written: str | None = None) -> None:
        with self._lock:
            self.requests += 1
            if failure:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {failure}")
            if written:
                self.written.append(written)
