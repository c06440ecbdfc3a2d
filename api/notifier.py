"""The notifier: sends the signed webhooks in the outbox, one at a time, and tidies up.

It runs as a separate process, so that the pods that serve requests need no egress from the cluster
and none of their threads waits for a receiver. Several notifiers may run at once.
"""

from __future__ import annotations

import base64
import hmac
import socket
import ssl
import time
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from http.client import BadStatusLine, HTTPConnection, HTTPException, RemoteDisconnected
from threading import Event, Timer
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import Connection

from api.database import Database
from api.domain.dora.kept import refreshing
from api.domain.kit.times import now
from api.domain.notifications import addresses, deliveries
from api.domain.notifications.deliveries import DeliveryState, Leased
from api.outages import UnavailableError
from api.version import VERSION

# An attempt, with the look-up of the address, ends long before its lease does.
CONNECT_S = 5.0
ANSWER_S = 10.0
# A receiver that takes longer comes after the others.
SLOW_S = 1.0
GONE = 410
IDLE_S = 1.0
TIDY_EVERY_S = 3600.0

log = structlog.get_logger()


class Notifier:
    """Sends deliveries; `private_hosts` are the hosts that may have private addresses."""

    def __init__(self, database: Database, private_hosts: Collection[str]) -> None:
        self._database = database
        self._private_hosts = private_hosts
        self._tidied_at = float("-inf")
        # The subscriptions whose receivers were slow the last time.
        self._slow: set[UUID] = set()
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
                self.tidy_up()
            except UnavailableError as error:
                log.warning("database unavailable", error=str(error))
                busy = False
            if not busy:
                stopped.wait(IDLE_S)

    def tidy_up(self) -> None:
        """Do once an hour what nobody waits for, so that less waits for those who ask.

        Deliveries that were sent long ago are deleted, and what the metrics are made of is brought
        up to date: notes of what was written would pile up where nobody looks at metrics.
        """
        if time.monotonic() - self._tidied_at < TIDY_EVERY_S:
            return
        self._tidied_at = time.monotonic()
        try:
            self._database.transact(deliveries.forget)
            self._database.bring_up_to_date(refreshing.outdated, refreshing.refresh)
        except Exception:  # no fault of it may keep deliveries from being sent
            log.exception("not tidied up")

    def deliver_one(self) -> bool:
        """Send the delivery that has been due longest; return False if none is due.

        Those to receivers that were slow come last, so that they do not block the others.
        """
        leased, oldest = self._database.transact(self._lease)
        self._oldest.set((now() - oldest).total_seconds() if oldest else 0)
        if leased is None:
            return False
        started = time.monotonic()
        failure, final = self._attempt(leased)
        if time.monotonic() - started > SLOW_S:
            self._slow.add(leased.subscription_id)
        else:
            self._slow.discard(leased.subscription_id)
        state = self._database.transact(
            lambda connection: deliveries.settle(connection, leased, failure, final=final)
        )
        self._attempts.labels(state).inc()
        log.info(
            "notification", id=str(leased.id), attempt=leased.attempts, state=state, failure=failure
        )
        return True

    def _lease(self, connection: Connection) -> tuple[Leased | None, datetime | None]:
        """Lease a delivery; return it and when the oldest that waits was created."""
        leased = deliveries.lease(connection, last=self._slow)
        return leased, deliveries.oldest_waiting(connection)

    def _attempt(self, leased: Leased) -> tuple[str | None, bool]:
        """Send once; return the failure, if any, and whether retrying is pointless."""
        try:
            status = send(leased, self._private_hosts)
        except (ValueError, HTTPException, OSError) as error:  # no URL may end the process
            return _reason(error), False
        if 200 <= status < 300:  # noqa: PLR2004
            return None, False
        return f"answered {status}", status == GONE


def send(leased: Leased, private_hosts: Collection[str]) -> int:
    """Send a delivery and return the HTTP status; the response's body is not read.

    Redirects are not followed. Raises RefusedError, http.client's HTTPException, and OSError; it is
    TimeoutError if the address is not found in time, or there is no connection or no answer.
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
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    with socket.create_connection((address, port), CONNECT_S) as connected, _ended(connected):
        connected.settimeout(None)  # or it would be the limit of each read, too
        connection = HTTPConnection(host, port)
        # Connected to the address that was checked, and with a certificate for the host's name.
        connection.sock = connected
        if url.scheme == "https":
            context = ssl.create_default_context()
            connection.sock = context.wrap_socket(connected, server_hostname=host.rstrip("."))
        with closing(connection):
            connection.request("POST", target, body, headers)
            with connection.getresponse() as response:
                return response.status


@contextmanager
def _ended(connected: socket.socket) -> Iterator[None]:
    """End a connection after ANSWER_S, and raise TimeoutError if that was too soon.

    A time limit of the socket is for each read, of which a receiver may cause very many.
    """
    over = Event()

    def end(same: socket.socket) -> None:
        over.set()
        with suppress(OSError):
            same.shutdown(socket.SHUT_RDWR)

    with connected.dup() as same:  # TLS takes over the other one
        timer = Timer(ANSWER_S, end, [same])
        timer.daemon = True
        timer.start()
        try:
            yield
        except (HTTPException, OSError):
            if not over.is_set():
                raise
        finally:
            timer.cancel()
    if over.is_set():
        raise TimeoutError(f"did not answer within {ANSWER_S:g} s")


def _reason(error: Exception) -> str:
    """Return why an attempt failed, for people."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, BadStatusLine) and not isinstance(error, RemoteDisconnected):
        return f"the answer is not HTTP: {text}"  # all that the error tells is what came
    return text


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
