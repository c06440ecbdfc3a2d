"""The notifier: sends what the outbox holds, signed, one delivery after the other.

Several may run at once. It is a process of its own, so that the pods that answer requests need no
way out of the cluster, and none of their threads waits for a receiver.
"""

from __future__ import annotations

import base64
import hmac
import ssl
import time
from collections.abc import Collection
from threading import Event
from urllib.parse import SplitResult

import structlog
import urllib3
from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from urllib3.exceptions import HTTPError

from api.database import Database
from api.domain.kit.times import now
from api.domain.notifications import addresses, deliveries
from api.domain.notifications.addresses import RefusedError
from api.domain.notifications.deliveries import DeliveryState, Leased
from api.version import VERSION

TIMEOUT = urllib3.Timeout(connect=5, read=10)
GONE = 410
IDLE_S = 1.0
FORGET_EVERY_S = 3600.0

log = structlog.get_logger()


class Notifier:
    """Sends deliveries; `inside` are the hosts that may have an address that is inside."""

    def __init__(self, database: Database, inside: Collection[str]) -> None:
        self._database = database
        self._inside = inside
        self._forgot_at = float("-inf")
        self.registry = CollectorRegistry()
        self._attempts = Counter(
            "slipway_notification_attempts",
            "Attempts to deliver, by where the delivery stood afterwards: waiting is a failure.",
            ["state"],
            registry=self.registry,
        )
        for state in DeliveryState:
            self._attempts.labels(state)
        self._oldest = Gauge(
            "slipway_notification_oldest_waiting_seconds",
            "How long the oldest delivery has waited, in seconds.",
            registry=self.registry,
        )

    def run(self, stopped: Event) -> None:
        """Deliver whatever becomes due until told to stop; wait for a database that is down."""
        while not stopped.is_set():
            try:
                busy = self.deliver_one()
            except (OperationalError, InterfaceError, PoolTimeoutError) as error:
                told = str(getattr(error, "orig", error)).strip()
                log.warning("database unavailable", error=told)
                busy = False
            if not busy:
                stopped.wait(IDLE_S)

    def deliver_one(self) -> bool:
        """Send the delivery that is due first; say whether one was."""
        with self._database.write() as connection:
            leased = deliveries.lease(connection)
            oldest = deliveries.oldest_waiting(connection)
            if time.monotonic() - self._forgot_at > FORGET_EVERY_S:
                deliveries.forget(connection)
                self._forgot_at = time.monotonic()
        self._oldest.set((now() - oldest).total_seconds() if oldest else 0)
        if leased is None:
            return False
        failure, final = self._attempt(leased)
        with self._database.write() as connection:
            state = deliveries.settle(connection, leased, failure, final=final)
        self._attempts.labels(state).inc()
        log.info(
            "notification", id=str(leased.id), attempt=leased.attempts, state=state, failure=failure
        )
        return True

    def _attempt(self, leased: Leased) -> tuple[str | None, bool]:
        """Send once; return why it failed, if it did, and whether to try it again is no use."""
        try:
            status = send(leased, self._inside)
        except (RefusedError, HTTPError, OSError) as error:
            return _told(error), False
        if 200 <= status < 300:  # noqa: PLR2004
            return None, False
        return f"answered {status}", status == GONE


def send(leased: Leased, inside: Collection[str]) -> int:
    """Send a delivery; return the status of the answer, whose body is not read.

    Redirects are not followed. Raises RefusedError, urllib3's HTTPError and OSError.
    """
    url = addresses.parse(leased.url, inside)
    host = str(url.hostname)
    port = url.port or (443 if url.scheme == "https" else 80)
    address = addresses.resolve(host, port, inside)
    body = leased.body.encode()
    headers = {
        "Host": url.netloc,
        "Content-Type": "application/json",
        "User-Agent": f"slipway/{VERSION}",
        **signed(leased.secret, f"msg_{leased.id.hex}", int(time.time()), body),
    }
    with _pool(url, host, address, port) as pool:
        response = pool.urlopen(
            "POST",
            (url.path or "/") + (f"?{url.query}" if url.query else ""),
            body=body,
            headers=headers,
            redirect=False,
            retries=False,
            timeout=TIMEOUT,
            preload_content=False,
        )
        response.close()
    return response.status


def signed(secret: str, identifier: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of Standard Webhooks for a body, with one signature of version 1."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{identifier}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, text, "sha256")).decode()
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def _pool(url: SplitResult, host: str, address: str, port: int) -> urllib3.HTTPConnectionPool:
    """Return what connects to an address, and takes the certificate of the host there."""
    if url.scheme == "http":
        return urllib3.HTTPConnectionPool(address, port)
    return urllib3.HTTPSConnectionPool(
        address,
        port,
        ssl_context=ssl.create_default_context(),
        server_hostname=host,
        assert_hostname=host,
    )


def _told(error: Exception) -> str:
    """Return what a receiver's people can do something with."""
    return str(error).rpartition(": ")[2] if isinstance(error, HTTPError) else str(error)
