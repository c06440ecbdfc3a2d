"""The notifier: sends the signed webhooks in the outbox, one at a time.

It runs as a separate process, so that the pods that serve requests need no egress from the cluster
and none of their threads waits for a receiver. Several notifiers may run at once.
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
from urllib3.exceptions import HTTPError

from api.database import Database
from api.domain.kit.times import now
from api.domain.notifications import addresses, deliveries
from api.domain.notifications.deliveries import DeliveryState, Leased
from api.outages import UnavailableError
from api.version import VERSION

TIMEOUT = urllib3.Timeout(connect=5, read=10)
GONE = 410
IDLE_S = 1.0
FORGET_EVERY_S = 3600.0

log = structlog.get_logger()


class Notifier:
    """Sends deliveries; `private_hosts` are the hosts that may have private addresses."""

    def __init__(self, database: Database, private_hosts: Collection[str]) -> None:
        self._database = database
        self._private_hosts = private_hosts
        self._forgot_at = float("-inf")
        self.registry = CollectorRegistry()
        self._attempts = Counter(
            "slipway_notification_attempts",
            "Attempts to deliver, by the state of the delivery afterwards; waiting means that the"
            " attempt failed.",
            ["state"],
            registry=self.registry,
        )
        for state in DeliveryState:
            self._attempts.labels(state)
        self._oldest = Gauge(
            "slipway_notification_oldest_waiting_seconds",
            "Age of the oldest waiting delivery, in seconds.",
            registry=self.registry,
        )

    def run(self, stopped: Event) -> None:
        """Send due deliveries until `stopped` is set; if the database is down, retry."""
        while not stopped.is_set():
            try:
                busy = self.deliver_one()
            except UnavailableError as error:
                log.warning("database unavailable", error=str(error))
                busy = False
            if not busy:
                stopped.wait(IDLE_S)

    def deliver_one(self) -> bool:
        """Send the delivery that has been due longest; return False if none is due."""
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
        """Send once; return the failure, if any, and whether retrying is pointless."""
        try:
            status = send(leased, self._private_hosts)
        except (ValueError, HTTPError, OSError) as error:  # no URL may end the process
            return _reason(error), False
        if 200 <= status < 300:  # noqa: PLR2004
            return None, False
        return f"answered {status}", status == GONE


def send(leased: Leased, private_hosts: Collection[str]) -> int:
    """Send a delivery and return the HTTP status; the response's body is not read.

    Redirects are not followed. Raises RefusedError, urllib3's HTTPError and OSError.
    """
    url = addresses.parse(leased.url, private_hosts)
    host = str(url.hostname)
    port = url.port or (443 if url.scheme == "https" else 80)
    address = addresses.resolve(host, port, private_hosts)
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
    """Return the headers of Standard Webhooks for a body, with one v1 (HMAC-SHA256) signature.

    `timestamp` is in seconds since the epoch.
    """
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{identifier}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, text, "sha256")).decode()
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def _pool(url: SplitResult, host: str, address: str, port: int) -> urllib3.HTTPConnectionPool:
    """Return a pool that connects to `address` and verifies the certificate for `host`."""
    if url.scheme == "http":
        return urllib3.HTTPConnectionPool(address, port)
    return urllib3.HTTPSConnectionPool(
        address,
        port,
        ssl_context=ssl.create_default_context(),
        server_hostname=host,
        assert_hostname=host,
    )


def _reason(error: Exception) -> str:
    """Return the part of an error message that helps the operators of a receiver."""
    return str(error).rpartition(": ")[2] if isinstance(error, HTTPError) else str(error)
