"""What the peer does for every request, as the service does.

It gives it an id, writes a line of JSON, counts and times it, checks the token, limits the rate,
and tags the answer.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import structlog
from fastapi import HTTPException, Request, Response
from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from prometheus_client import CollectorRegistry, Counter, Histogram
from sqlalchemy import bindparam, or_, select, update
from uuid_utils.compat import uuid7

from bench.peer.database import reading, writing
from bench.peer.tables import tokens

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
TOKEN = re.compile(r"slw_(?P<id>[0-9a-f]{32})_(?P<secret>[A-Za-z0-9_-]{43})", re.ASCII)
BY_ID = select(tokens).where(tokens.c.id == bindparam("token_id"))
USE_PRECISION = timedelta(minutes=1)
RATE, FAILURES = parse("1000000 per second"), parse("30 per minute")
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

structlog.configure(
    processors=[
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(serializer=orjson.dumps),
    ],
    logger_factory=structlog.BytesLoggerFactory(file=sys.stdout.buffer),
    cache_logger_on_first_use=True,
)
log = structlog.get_logger()
registry = CollectorRegistry()
requests = Counter(
    "requests", "Requests answered.", ["method", "route", "status"], registry=registry
)
durations = Histogram(
    "duration_seconds", "Time to answer.", ["method", "route"], buckets=BUCKETS, registry=registry
)
limiter = FixedWindowRateLimiter(MemoryStorage())
last_stored: dict[UUID, datetime] = {}


class Observed:
    """Middleware: the id of a request, its line in the log, and its metrics."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request and tell of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        identity = given if REQUEST_ID.fullmatch(given) else str(uuid7()).encode()
        told: dict[str, Any] = {"status": 500, "bytes": None}

        async def tagged(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                told["status"] = message["status"]
                told["bytes"] = int(dict(headers).get(b"content-length", 0))
                headers.append((b"x-request-id", identity))
            await send(message)

        await self.app(scope, receive, tagged)
        seconds = time.perf_counter() - started
        route = getattr(scope.get("route"), "path", "none")
        requests.labels(scope["method"], route, told["status"]).inc()
        durations.labels(scope["method"], route).observe(seconds)
        log.info(
            "request",
            logger="access",
            request_id=identity.decode(),
            method=scope["method"],
            path=scope["path"],
            route=route,
            **told,
            duration_ms=round(seconds * 1000, 2),
            remote_addr=scope["client"] and scope["client"][0],
            **scope.get("state", {}).get("caller", {}),
        )


async def admit(request: Request) -> None:
    """Check the token and the rate. Raises HTTPException with 401, 403 or 429."""
    address = request.client.host if request.client else "unknown"
    if not await limiter.test(FAILURES, address):
        raise HTTPException(429)
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    row = await _holder(text.strip()) if scheme.lower() == "bearer" else None
    if row is None:
        await limiter.hit(FAILURES, address)
        raise HTTPException(401, headers={"WWW-Authenticate": 'Bearer realm="slipway"'})
    request.state.caller = {"token_id": str(row.id), "token_name": row.name}
    await _store_use(row.id)
    if not await limiter.hit(RATE, f"{row.id} {address}"):
        raise HTTPException(429)
    allowed = {"admin", "write"} | ({"read"} if request.method == "GET" else set())
    if allowed.isdisjoint(row.scopes):
        raise HTTPException(403)


def answer(request: Request, body: bytes, headers: dict[str, str] | None = None) -> Response:
    """Return an answer with its ETag, or 304 if the client has it."""
    etag = f'"{hashlib.sha1(body, usedforsecurity=False).hexdigest()}"'
    given = {"ETag": etag, "Cache-Control": "private, no-cache", **(headers or {})}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=given)
    return Response(body, media_type="application/json", headers=given)


async def _holder(text: str) -> Any:
    """Return the row of a valid token, or None."""
    parts = TOKEN.fullmatch(text)
    if parts is None:
        return None
    async with reading() as connection:
        row = (await connection.execute(BY_ID, {"token_id": UUID(parts["id"])})).one_or_none()
    digest = hashlib.sha256(parts["secret"].encode()).hexdigest()
    matches = hmac.compare_digest(digest, "0" * 64 if row is None else row.secret_hash)
    if row is None or not matches or row.revoked_at is not None:
        return None
    expired = row.expires_at is not None and row.expires_at <= datetime.now(UTC)
    return None if expired else row


async def _store_use(token_id: UUID) -> None:
    """Store when the token was used, at most once a minute."""
    at = datetime.now(UTC)
    before = last_stored.get(token_id)
    if before is not None and at - before < USE_PRECISION:
        return
    last_stored[token_id] = at
    used = tokens.c.last_used_at
    due = tokens.c.id == token_id, or_(used.is_(None), used <= at - USE_PRECISION)
    async with writing() as connection:
        await connection.execute(update(tokens).where(*due).values(last_used_at=at))
